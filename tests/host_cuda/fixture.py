"""The fixture `host`, for the conftest.py of any folder of tests."""

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def host() -> Iterator[Any]:
    """The CUDA back end on the CPU: `array`, `numpy`, `order`, `launches`, `launched`; see the README here."""
    pytest.importorskip("cupy", reason="pip install 'gpugrad[test-cuda]'")
    from tests.host_cuda.runtime import HostRuntime

    with HostRuntime().current() as found:
        yield found
