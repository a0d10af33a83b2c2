"""A primitive's word `cuda=` finds its launcher when a CuPy array first comes, and falls back where that declines."""

import sys
from types import ModuleType

import numpy as np
import pytest

import gpugrad as gg
from gpugrad.core.namespace import OPS, PRIMITIVES
from gpugrad.cuda import dispatch


@pytest.fixture
def doubling(monkeypatch):
    """An operation whose launcher, gpugrad.cuda.made_up.doubling, takes float32 alone and gives three times x."""
    module, calls = ModuleType("gpugrad.cuda.made_up"), []

    def launch(x):
        calls.append(x.dtype)
        return x * 3 if x.dtype == np.float32 else NotImplemented

    module.doubling = launch
    monkeypatch.setitem(sys.modules, module.__name__, module)

    @gg.primitive(family="elementwise", jvp="linear", cuda="made_up.doubling")
    def doubling(xp, x):
        """2 x, elementwise."""
        return x * 2

    doubling.calls = calls
    yield doubling
    del PRIMITIVES["doubling"], OPS.doubling


def test_numpy_arrays_never_meet_the_launcher(doubling):
    np.testing.assert_array_equal(doubling(np.ones(2, np.float32)), [2, 2])
    assert not doubling.calls


def test_cupy_arrays_do_and_what_it_declines_runs_generically(doubling, host):
    for dtype, expected in ((np.float32, 3), (np.float64, 2)):
        for x in (host.array(np.ones(2, dtype)), gg.Tensor(host.array(np.ones(2, dtype)))):
            y = doubling(x)
            y = y.data if isinstance(y, gg.Tensor) else y
            np.testing.assert_array_equal(host.numpy(y), [expected] * 2)
    assert doubling.calls == [np.float32, np.float32, np.float64, np.float64]


def test_a_forward_of_the_users_own_wins(doubling, host):
    @doubling.forward("cupy")
    def _(xp, x):
        return x * 5

    np.testing.assert_array_equal(host.numpy(doubling(host.array(np.ones(2, np.float32)))), [5, 5])
    assert not doubling.calls


@pytest.mark.parametrize("word", ["no_such_module.f", "elementwise.no_such_function"])
def test_a_word_that_names_nothing_is_an_error(word):
    with pytest.raises((ImportError, AttributeError), match="no_such"):
        dispatch.launcher(word)
