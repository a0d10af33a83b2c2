"""Every operation on arrays that do not lie in memory one after the other, and read-only ones."""

import numpy as np
import pytest

import gpugrad as gg
from tests.ops.spec import all_specs, parts, plain
from tests.ops.sweeping import read_only, sweep

SPECS = all_specs()
RTOL = {"float16": 2e-2, "float32": 1e-5, "float64": 1e-12}

every = pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.id)


def strided(x):
    """Every second element of a larger array, which holds what must not be read elsewhere."""
    if not x.ndim:
        return x.copy()
    other = np.nan if x.dtype.kind == "f" else True if x.dtype.kind == "b" else np.iinfo(x.dtype).max
    big = np.full(tuple(2 * n for n in x.shape), other, x.dtype)
    view = big[(slice(None, None, 2),) * x.ndim]
    view[...] = x
    return view


def backwards(x):
    """The same values, with negative strides."""
    flip = (slice(None, None, -1),) * x.ndim
    return x[flip].copy()[flip] if x.ndim else x.copy()


LAYOUTS = {"strided": strided, "reversed": backwards, "fortran": lambda x: np.array(x, order="F"), "read-only": np.copy}


@every
def test_every_layout_gives_the_same_and_no_input_is_written(spec):
    args = spec.draw()
    expected, gradients = value_and_gradients(spec, args)
    for layout in LAYOUTS.values():
        other = [read_only(layout(a)) for a in args]
        ys, got = value_and_gradients(spec, other)
        for y, e in zip([*ys, *got], [*expected, *gradients], strict=True):
            assert y.shape == e.shape and y.dtype == e.dtype
            np.testing.assert_allclose(y, e, rtol=1e-12, atol=1e-12)
        for a, o in zip(args, other, strict=True):
            np.testing.assert_array_equal(a, o)


def value_and_gradients(spec, args):
    leaves = {i: gg.Tensor(args[i], requires_grad=spec.differentiable) for i in spec.moving}
    ys = parts(spec.call(*(leaves.get(i, a) for i, a in enumerate(args))))
    sweep(ys)
    return [plain(y) for y in ys], [plain(t.grad) for t in leaves.values() if t.grad is not None]
