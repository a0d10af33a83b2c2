"""Where the CUDA back end can be tested without a GPU, it is: nothing may be skipped for want of a package."""

import platform
import shutil
import sys
from importlib.util import find_spec

import pytest

able = sys.platform == "linux" and platform.machine() == "x86_64"


@pytest.mark.host_only
@pytest.mark.skipif(not able, reason="CuPy has wheels for Linux on x86-64 alone")
def test_all_that_the_tests_need_is_installed():
    missing = [name for name in ("cupy", "cuda.pathfinder", "ml_dtypes") if find_spec(name) is None]
    assert not missing, "pip install 'gpugrad[test-cuda]'"
    assert shutil.which("g++"), "the tests of CUDA kernels need g++: apt-get install g++"
