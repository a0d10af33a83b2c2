"""What the tests of launchers and kernels share: the fixture `host`, over host memory, or for `make gpu` the card."""

import os
from importlib.util import find_spec

import pytest

ON_CARD = os.environ.get("GPUGRAD_TEST_DEVICE") == "cuda"
if ON_CARD:
    from bench.gpu.on_card import host
else:
    from tests.host_cuda.fixture import host

__all__ = ["host"]

# What imports CuPy is left out where it is not installed; test_requirements.py sees to it that it is where it can be.
collect_ignore = [] if find_spec("cupy") else ["test_host_backend.py", "test_nvrtc.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On the card, skip what asks for the stand-in: its record of cuBLAS calls, its compiler, packages not needed."""
    for item in items:
        if ON_CARD and item.get_closest_marker("host_only"):
            item.add_marker(pytest.mark.skip(reason="makes sense on the CPU's stand-in alone"))
