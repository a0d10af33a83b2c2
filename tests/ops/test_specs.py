"""Every line of every spec table, through value, dtype, gradients of both modes to the order it states."""

import importlib
import pkgutil

import numpy as np
import pytest

import gpugrad as gg
from gpugrad.testing import gradcheck

from tests.ops import __path__ as here
from tests.ops.spec import Spec

TABLES = [m.name for m in pkgutil.iter_modules(here) if m.name.startswith("specs_")]
SPECS: list[Spec] = [s for name in TABLES for s in importlib.import_module(f"tests.ops.{name}").SPECS]
every = pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.id)


def parts(y):
    return list(y) if isinstance(y, tuple | list) else [y]


@every
def test_value_and_dtype_are_numpys(spec):
    if spec.reference is None:
        assert spec.note, "a spec without reference says why"
        return
    for dtype in spec.dtypes:
        args = spec.draw(dtype)
        expected = spec.reference(args, **spec.params) if spec.join else spec.reference(*args, **spec.params)
        for given in (args, [gg.Tensor(a) for a in args]):
            for got, want in zip(parts(spec.call(*given)), parts(expected), strict=True):
                got = got.numpy() if isinstance(got, gg.Tensor) else np.asarray(got)
                assert got.dtype == np.asarray(want).dtype
                rtol = {"float16": 2e-2, "float32": 1e-5, "float64": 1e-12}[dtype]
                np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol)


@every
def test_gradients_in_both_modes(spec):
    args = spec.draw()
    moving = [i for i, a in enumerate(spec.args) if isinstance(a, tuple)]

    def f(*xs):
        full = list(args)
        for i, x in zip(moving, xs, strict=True):
            full[i] = x
        return spec.call(*full)

    if not spec.differentiable:
        tracked = [gg.Tensor(a, requires_grad=i in moving) for i, a in enumerate(args)]
        assert not any(y.requires_grad for y in parts(spec.call(*tracked)))
        return
    assert gradcheck(f, *(args[i] for i in moving), order=spec.order)
