"""The executor that compiles: a program becomes native functions, made by LLVM and kept on disk.

Needs llvmlite, which the extra `fast` installs.  Without it programs run on NumPy.
"""

import functools
from importlib.util import find_spec


@functools.cache
def available() -> bool:
    """True where llvmlite is installed and code is made for this kind of processor."""
    if find_spec("llvmlite") is None:
        return False
    try:
        from .machine import processor

        return processor() is not None
    except (ImportError, OSError, AttributeError, RuntimeError):  # another version, or a system it does not load on
        return False
