"""The command line: train, evaluate, predict, info, datasets, bench."""

from .main import main

__all__ = ["main"]
