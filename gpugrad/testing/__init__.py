"""Checks of derivatives that a user's own code can be put through."""

from .gradcheck import gradcheck

__all__ = ["gradcheck"]
