"""Specs of gpugrad/ops/float_parts.py, phase.py and at.py."""

import numpy as np

from gpugrad import ops
from tests.ops.spec import Spec

NEEDS = "NumPy has no such function"
WIDE = (-4.0, 4.0)
ROWS = np.array([2, 0])
TWICE = np.array([1, 0, 1])


def _changed(x, v, rows, how):
    y = x.copy()
    getattr(np, how).at(y, rows, v)
    return y


def _at(how):
    def f(x, v, rows):
        return getattr(ops.at(x)[rows], how)(v)

    f.__name__ = f"at_{how}"
    return f


def _multiplied(x, v, rows):
    y = x.copy()
    y[rows] *= v
    return y


FULL = ("float32", "float64")  # NumPy computes in float16 what gpugrad computes in float32 and rounds
SPECS = [
    Spec(ops.copysign, ((2, 3), (3,)), np.copysign, kinks=(0.0,)),
    Spec(ops.fmod, ((2, 3), (3,)), np.fmod, domain=(WIDE, (1.1, 1.3)), kinks=(1.2, -1.2, 2.4, -2.4, 3.6, -3.6, 0.0)),
    Spec(ops.fmax, ((2, 3), (3,)), np.fmax),
    Spec(ops.fmin, ((2, 1), (3,)), np.fmin),
    Spec(ops.logaddexp2, ((2, 3), (3,)), np.logaddexp2),
    Spec(ops.deg2rad, ((2, 3),), np.deg2rad),
    Spec(ops.rad2deg, ((),), np.rad2deg),
    Spec(ops.ldexp, ((2, 3), np.array([1, -2, 0])), np.ldexp),
    Spec(ops.exponent, ((2, 3),), lambda x: np.frexp(x)[1], differentiable=False),
    Spec(ops.frexp, ((2, 3),), np.frexp, kinks=(-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0), order=1),
    Spec(ops.sinc, ((3, 4),), np.sinc, domain=WIDE, dtypes=FULL),
    Spec(ops.sinc, ((2,),), np.sinc, domain=(-1e-3, 1e-3), order=3),
    Spec(ops.sinc_slope, ((3, 4),), None, {"n": 1}, domain=(-5.0, 5.0), note=NEEDS, dtypes=FULL),
    Spec(ops.signbit, ((2, 3),), np.signbit, differentiable=False),
    Spec(ops.heaviside, ((2, 3), (3,)), np.heaviside, differentiable=False),
    Spec(ops.nextafter, ((2, 3), (3,)), np.nextafter, differentiable=False, dtypes=FULL),
    Spec(ops.spacing, ((2, 3),), np.spacing, differentiable=False, dtypes=FULL),
    Spec(ops.unwrap, ((3, 6),), np.unwrap, {"period": 1.5}, dtypes=FULL),
    Spec(ops.unwrap, ((5, 2),), np.unwrap, {"axis": 0}, domain=(-9.0, 9.0), dtypes=FULL),
    Spec(_at("add"), ((3, 4), (3, 4), TWICE), lambda x, v, i: _changed(x, v, i, "add")),
    Spec(_at("subtract"), ((3, 4), (4,), TWICE), lambda x, v, i: _changed(x, v, i, "subtract")),
    Spec(_at("max"), ((3, 4), (3, 4), TWICE), lambda x, v, i: _changed(x, v, i, "maximum")),
    Spec(_at("min"), ((3, 4), (), TWICE), lambda x, v, i: _changed(x, v, i, "minimum")),
    Spec(_at("multiply"), ((3, 4), (2, 4), ROWS), _multiplied),
]
