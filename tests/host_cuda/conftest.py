"""Kernels of this folder, built on demand."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.host_cuda.fixture import host

__all__ = ["host"]
HERE = Path(__file__).parent
# CuPy's wheel is there for Linux on x86-64 alone; tests/cuda/test_requirements.py sees to it that it is there then.
collect_ignore_glob = [] if find_spec("cupy") else ["test_*.py"]


@pytest.fixture(scope="session")
def kernels(root: Path) -> Callable[..., Any]:
    """kernels(file, *names, options=()): a HostModule of those kernels of host_cuda/kernels/`file`."""

    def load(file: str, *names: str, options: tuple[str, ...] = ()) -> Any:
        from tests.host_cuda.module import HostModule

        source = (HERE / "kernels" / file).read_text()
        return HostModule(source, names, file, (f"-I{root / 'kernels'}", *options))

    return load
