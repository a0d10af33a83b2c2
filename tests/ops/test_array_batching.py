"""vmap of every operation on arrays' layout and products equals a loop over the examples."""

import itertools

import numpy as np
import pytest

import gpugrad as gg
from gpugrad.core.vmap import vmap
from tests.ops.specs_index import KEYS
from tests.ops.specs_index import SPECS as INDEX
from tests.ops.specs_joining import SPECS as JOINING
from tests.ops.specs_matmul import SPECS as MATMUL
from tests.ops.specs_shape import SPECS as SHAPE

SPECS = [s for s in SHAPE + JOINING + INDEX + MATMUL if s.differentiable and any(isinstance(a, tuple) for a in s.args)]


pytestmark = pytest.mark.usefixtures("no_loops")


def as_tuple(y):
    return tuple(y) if isinstance(y, tuple | list) else (y,)


def assert_same_as_loop(f, inputs, in_axes):
    n = next(x.shape[0] for x, axis in zip(inputs, in_axes, strict=True) if axis == 0)
    got = as_tuple(vmap(f, in_axes=in_axes)(*inputs))
    rows = [as_tuple(f(*(x[i] if axis == 0 else x for x, axis in zip(inputs, in_axes, strict=True)))) for i in range(n)]
    for y, column in zip(got, zip(*rows, strict=True), strict=True):
        np.testing.assert_allclose(np.asarray(y), np.stack(column), rtol=1e-11, atol=1e-11)


def value_and_pull(spec, n_moving):
    """The operation, and its gradient for a fixed cotangent, as functions of the moving inputs."""

    def pull(*xs):
        def total(*xs):
            return sum((y * np.arange(1.0, y.size + 1).reshape(y.shape)).sum() for y in as_tuple(spec_call(spec, xs)))

        return gg.grad(total, tuple(range(n_moving)))(*xs)

    return lambda *xs: spec_call(spec, xs), pull


def assert_batch_is_its_examples(spec):
    """The operation and its gradient, for every choice of mapped inputs."""
    batches = [spec.draw(seed=i) for i in range(2)]
    n = len(spec.moving)
    stacked = [np.stack([b[i] for b in batches]) for i in spec.moving]
    value, pull = value_and_pull(spec, n)
    for axes in itertools.product((0, None), repeat=n):
        if 0 in axes:
            inputs = [x if axis == 0 else x[0] for x, axis in zip(stacked, axes, strict=True)]
            for f in (value, pull) if spec.differentiable else (value,):
                assert_same_as_loop(f, inputs, axes)


def spec_call(spec, xs):
    moving = iter(xs)
    return spec.call(*(next(moving) if isinstance(a, tuple) else a for a in spec.args))


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.id)
def test_a_batch_is_its_examples(spec):
    batches = [spec.draw(seed=i) for i in range(2)]
    moving = [i for i, a in enumerate(spec.args) if isinstance(a, tuple)]
    stacked = [np.stack([b[i] for b in batches]) for i in moving]
    for axes in itertools.product((0, None), repeat=min(len(moving), 2)):
        in_axes = (axes + (None,) * len(moving))[: len(moving)]
        if 0 in in_axes:
            inputs = [x if axis == 0 else x[0] for x, axis in zip(stacked, in_axes, strict=True)]
            for f in value_and_pull(spec, len(moving)):
                assert_same_as_loop(f, inputs, in_axes)


def arrays_of(key):
    return [i for i, k in enumerate(key) if isinstance(k, np.ndarray) and k.dtype.kind == "i"]


WITH_ARRAYS = {
    name: (shape, key if isinstance(key, tuple) else (key,))
    for name, (shape, key) in KEYS.items()
    if arrays_of(key if isinstance(key, tuple) else (key,))
}


@pytest.mark.parametrize("kind", ["get", "set", "add"])
@pytest.mark.parametrize("name", WITH_ARRAYS)
def test_batches_of_index_arrays(name, kind):
    shape, key = WITH_ARRAYS[name]
    places = arrays_of(key)
    rng = np.random.default_rng(1)
    x = rng.standard_normal((2, *shape))
    v = rng.standard_normal((2, *x[0][key].shape))
    indices = [np.stack([key[i], np.roll(key[i], 1)]) for i in places]

    def f(x, v, *indices):
        full = list(key)
        for place, index in zip(places, indices, strict=True):
            full[place] = index
        if kind == "get":
            return gg.ops.getitem(x, tuple(full)) * v
        return (gg.ops.index_set if kind == "set" else gg.ops.index_add)(x, tuple(full), v)

    def pull(x, v, *indices):
        def total(x, v):
            y = f(x, v, *indices)
            return (y * y * np.arange(1.0, y.size + 1).reshape(y.shape)).sum()

        return gg.grad(total, (0, 1))(x, v)

    for x_axis, v_axis, first in itertools.product((0, None), (0, None), (0, None)):
        in_axes = (x_axis, v_axis, first, *(0,) * (len(indices) - 1))
        if 0 in in_axes:
            given = [a if axis == 0 else a[0] for a, axis in zip((x, v, *indices), in_axes, strict=True)]
            for g in (f, pull):
                assert_same_as_loop(g, given, in_axes)


def test_a_batch_of_masks_needs_equal_counts(monkeypatch):
    monkeypatch.undo()
    x, masks = np.arange(6.0).reshape(2, 3), np.array([[True, False, True], [False, True, True]])
    np.testing.assert_array_equal(vmap(lambda x, m: x[m])(x, masks), [[0.0, 2.0], [4.0, 5.0]])
    said = r"vmap: getitem gives shape \(2,\) for example 0 but \(1,\) for example 1; expected one shape \(of a mask"
    with pytest.raises(gg.errors.ShapeError, match=said):
        vmap(lambda x, m: x[m])(x, np.array([[True, False, True], [False, False, True]]))
