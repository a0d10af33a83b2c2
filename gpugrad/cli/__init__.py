"""The command line: train, evaluate, predict, info, datasets."""

from .main import main

__all__ = ["main"]
