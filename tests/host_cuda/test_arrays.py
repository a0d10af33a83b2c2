"""HostArray is CuPy's array to launchers, and computes as CuPy does; what CuPy lacks or refuses, it does too."""

import operator

import cupy
import ml_dtypes
import numpy as np
import pytest

from gpugrad.backend import array_device, backend_of_type
from tests.host_cuda.arrays import HostArray, plain, wrap
from tests.host_cuda.stand_in import HOST_CUPY as xp

BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow]
COMPARE = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]


@pytest.fixture
def pair():
    x = np.random.default_rng(0).uniform(1, 2, (3, 4)).astype(np.float32)
    return x, wrap(x.copy())


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a,
        lambda a: a.T,
        lambda a: a[1:, ::2],
        lambda a: a[::-1],
        lambda a: a[1],
        lambda a: a[..., None],
        lambda a: a[2, 1, ...],
    ],
)
def test_a_view_is_of_the_same_memory_with_cupys_attributes(pair, view):
    x, a = pair
    v = view(a)
    assert type(v) is HostArray and isinstance(v, cupy.ndarray)
    assert (v.shape, v.strides, v.dtype) == (view(x).shape, view(x).strides, x.dtype)
    assert v.flags.c_contiguous == view(x).flags.c_contiguous
    assert v.data.ptr - a.data.ptr == view(x).ctypes.data - x.ctypes.data
    np.testing.assert_array_equal(plain(v), view(x))
    plain(v)[...] = 7
    np.testing.assert_array_equal(plain(view(a)), 7)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int64, np.bool_, ml_dtypes.bfloat16])
@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_any_dtype_and_shape(dtype, shape):
    a = wrap(np.ones(shape, dtype))
    assert (a.dtype, a.shape, plain(a).dtype) == (dtype, shape, dtype)
    np.testing.assert_array_equal(a.get(), np.ones(shape, dtype))


@pytest.mark.parametrize("op", BINARY + COMPARE)
def test_operators(pair, op):
    x, a = pair
    for left, right in ((a, a), (a, 2), (2, a), (a, np.float32(2)), (np.float64(2), a)):
        y = op(left, right)
        expected = op(*(x if v is a else v for v in (left, right)))
        assert type(y) is HostArray and y.dtype == expected.dtype
        np.testing.assert_array_equal(plain(y), expected)


@pytest.mark.parametrize("op", [operator.iadd, operator.imul, operator.itruediv])
def test_operators_in_place(pair, op):
    x, a = pair
    b = op(a, 2)
    assert b is a
    np.testing.assert_array_equal(plain(a), op(x, 2))


def test_a_reduction_gives_an_array_of_no_axes(pair):
    x, a = pair
    assert type(a.sum()) is HostArray and a.sum().shape == ()
    assert float(a.sum()) == x.sum() and a.max().item() == x.max()


def test_numpys_functions_go_through_numpy(pair):
    x, a = pair
    out = xp.empty_like(a)
    assert np.add(a, 1, out=out) is out
    np.testing.assert_array_equal(plain(out), x + 1)
    np.testing.assert_array_equal(plain(np.concatenate([a, a])), np.concatenate([x, x]))


def test_indices_and_masks(pair):
    x, a = pair
    index, mask = wrap(np.array([2, 0])), wrap(x > 1.5)
    np.testing.assert_array_equal(plain(a[index, 1]), x[[2, 0], 1])
    np.testing.assert_array_equal(plain(a[mask]), x[x > 1.5])
    a[mask] = 0
    x[x > 1.5] = 0
    np.testing.assert_array_equal(plain(a), x)


def test_it_is_on_a_device():
    a = wrap(np.ones(2))
    assert str(array_device(a)) == "cuda:0"
    assert backend_of_type(type(a)).name == "cupy"
    with pytest.raises(TypeError, match="Implicit conversion to a NumPy array is not allowed"):
        np.asarray(a)


def test_the_stand_in_has_cupys_names_alone():
    assert xp.float32 is np.float32 and xp.pi == np.pi and xp.__name__ == "cupy"
    assert plain(xp.linalg.norm(wrap(np.array([3.0, 4.0])))) == 5
    for module, name in ((xp, "spacing"), (xp, "no_such_name"), (xp.linalg, "eig_banded")):
        with pytest.raises(AttributeError, match=name):
            getattr(module, name)


def test_the_stand_in_refuses_numpy_arrays_as_cupy_does():
    a, x = wrap(np.ones(2)), np.ones(2)
    for add in (lambda: xp.add(a, x), lambda: a + x, lambda: x + a, lambda: operator.iadd(a, x)):
        with pytest.raises(TypeError, match=r"add__|add: unsupported type numpy\.ndarray"):
            add()
    np.testing.assert_array_equal(plain(xp.add(a, xp.asarray(x))), 2)


def test_methods_of_ufuncs():
    a = wrap(np.zeros(3))
    xp.add.at(a, wrap(np.array([1, 1])), 2.0)
    np.testing.assert_array_equal(plain(a), [0, 4, 0])
