"""Which programs a run was made with."""

from __future__ import annotations

import os
import platform
import sys
from importlib.util import find_spec

import numpy as np

from ..errors import MissingDependencyError


def versions() -> dict[str, str]:
    """Versions of gpugrad, Python, NumPy and the system, kept with every run."""
    return {
        "gpugrad": own_version(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": platform.platform(),
    }


def own_version() -> str:
    """The version of this package, also where it runs from a checkout that was never installed."""
    return str(sys.modules[__name__.partition(".")[0]].__version__)


def require(*modules: str) -> None:
    """Check before hours of training, rather than after, that these optional packages are there.

    Raises MissingDependencyError naming the command that installs them.
    """
    for module in modules:
        if find_spec(module) is None:  # importing can take seconds, and is left to those who use it
            raise MissingDependencyError(f"train: {module} is not installed; run: pip install 'gpugrad[train]'")


def native_code_missing() -> bool:
    """True where programs run on NumPy only because llvmlite is not installed."""
    return os.environ.get("GPUGRAD_EXECUTOR", "auto") not in ("numpy", "list") and find_spec("llvmlite") is None
