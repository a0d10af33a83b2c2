"""From a primitive's word, `cuda="elementwise.tanh_grad"`, to the launcher that serves it on CuPy arrays."""

from collections.abc import Callable
from importlib import import_module
from typing import Any


def launcher(word: str) -> Callable[..., Any]:
    """The function "module.function" of this package; its module is imported at the first call for a CuPy array.

    A launcher takes what the primitive's forward takes, without xp, and returns NotImplemented where it cannot serve.
    """
    module, _, function = word.partition(".")
    return getattr(import_module(f"{__package__}.{module}"), function)
