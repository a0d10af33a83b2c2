"""The CPU's stand-in behind the faces of bench/gpu, so that what is written for a card runs where there is none.

As a pytest plugin (-p tests.bench.pretend_card) it lets GPUGRAD_TEST_DEVICE=cuda run tests/cuda by the card's face.
"""

import contextlib
from unittest import mock

from bench.gpu import on_card
from gpugrad.backend import cupy as backend
from tests.host_cuda.runtime import HostRuntime
from tests.host_cuda.stand_in import HOST_CUPY, SPECIAL


class PretendCard:
    """The face of bench.gpu.card.Card; `graph` replays by running again, and each time measured is 10 ms longer."""

    def __init__(self, host):
        self.array, self.numpy, self.cupy = host.array, host.numpy, HOST_CUPY
        self.ticks = 0.0

    @staticmethod
    def timer(f):
        f()
        return 1.0

    def synchronize(self):
        """Nothing is under way."""

    start = synchronize

    def stop(self):
        self.ticks += 10.0
        return self.ticks

    def graph(self, run):
        run()
        run()
        return run


@contextlib.contextmanager
def pretended():
    """CuPy and the card's runtime are the stand-ins' within the block."""
    with (
        backend.use(HOST_CUPY),
        mock.patch.multiple("cupyx.scipy.special", **SPECIAL),
        mock.patch.object(on_card, "DeviceRuntime", HostRuntime),
        mock.patch.object(
            on_card.OnCard, "_fill", lambda self, array: array.fill(255 if array.dtype == "uint8" else -1)
        ),
    ):
        yield


def pytest_configure(config):
    stack = contextlib.ExitStack()
    stack.enter_context(pretended())
    config.add_cleanup(stack.close)
