"""Which runtime serves, and that there is none to serve without CuPy."""

import pytest

from gpugrad.backend import cupy as backend
from gpugrad.cuda import runtime
from gpugrad.errors import DeviceError


def test_a_runtime_serves_within_its_block_and_blocks_nest():
    first, second = object(), object()
    with runtime.use(first):
        with runtime.use(second):
            assert runtime.current() is second
        assert runtime.current() is first


def test_an_error_ends_the_block_too():
    first, second = object(), object()
    with runtime.use(first), pytest.raises(ZeroDivisionError), runtime.use(second):
        1 / 0  # noqa: B018
    assert second not in runtime._current


def test_cupys_runtime_is_made_at_the_first_use(monkeypatch):
    monkeypatch.setattr(runtime, "_current", [])

    class Broken:
        def __getattr__(self, name):
            raise DeviceError("device: asked for")

    with backend.use(Broken()), pytest.raises(DeviceError, match="asked for"):
        runtime.current()
    assert not runtime._current
