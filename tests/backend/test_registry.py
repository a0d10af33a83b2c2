"""Which backend serves an array type."""

import numpy as np
import pytest

from gpugrad.backend import Backend, backend_of_type, is_array_type, registry
from gpugrad.errors import ArgumentTypeError


class Masked(np.ndarray):
    """Some subclass."""


@pytest.mark.parametrize("kind", [np.ndarray, np.float32, np.bool_, Masked, bool, int, float])
def test_numpys_types(kind):
    assert backend_of_type(kind) is registry.NUMPY
    assert is_array_type(kind) == (kind not in (bool, int, float))


@pytest.mark.parametrize("kind", [list, str, complex, type(None)])
def test_what_is_no_array(kind):
    assert not is_array_type(kind)
    with pytest.raises(ArgumentTypeError, match=f"{kind.__qualname__} is not an array; pass a Tensor"):
        backend_of_type(kind)


def test_a_cupy_array_finds_the_module_it_came_from():
    cupy = pytest.importorskip("cupy", reason="pip install 'gpugrad[test-cuda]'")
    assert backend_of_type(cupy.ndarray) == Backend("cupy", cupy)
    assert is_array_type(cupy.ndarray)


def test_a_type_registered_by_hand_wins(monkeypatch):
    monkeypatch.setattr(registry, "_backends", dict(registry._backends))
    mine = Backend("cupy", object())
    registry.register(Masked, mine)
    assert backend_of_type(Masked) is mine
