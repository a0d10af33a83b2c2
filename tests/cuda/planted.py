"""Run tests of launchers on other kernels: `python -m tests.cuda.planted FOLDER TEST...`, FOLDER in place of kernels/.

A kernel is built at its first launch, one instance of its template alone, so that a few tests are quick.
"""

import functools
import sys
from pathlib import Path
from typing import Any

import pytest

from gpugrad.cuda import source
from tests.host_cuda import runtime
from tests.host_cuda.module import HostModule


class LazyModule:
    """The kernels of one file, built one by one."""

    def __init__(self, file: str) -> None:
        self._build = functools.cache(lambda name: HostModule(source.kernel_source(file), (name,), file))
        self._order = 0, 0

    def order(self, mode: int, seed: int) -> None:
        self._order = mode, seed

    def get_function(self, name: str) -> Any:
        module = self._build(name)
        module.order(*self._order)
        return module.get_function(name)


def main(folder: str, *tests: str) -> int:
    """The exit status of pytest: 1 where a test failed."""
    source.kernels_dir = lambda: Path(folder)
    runtime.host_module = functools.cache(LazyModule)
    return pytest.main(["-q", "-x", "-p", "no:cacheprovider", *tests])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
