"""Specs of gpugrad/ops/trigonometric.py."""

import numpy as np

from gpugrad import ops
from tests.ops.spec import Spec

SHAPES = ((2, 3), (), (0, 3))
INSIDE = (-0.8, 0.8)

SPECS = [
    *(Spec(ops.sin, (shape,), np.sin, order=3) for shape in SHAPES),
    *(Spec(ops.cos, (shape,), np.cos, order=3) for shape in SHAPES),
    *(Spec(ops.tan, (shape,), np.tan, domain=(-1.0, 1.0)) for shape in SHAPES),
    *(Spec(ops.arcsin, (shape,), np.arcsin, domain=INSIDE) for shape in SHAPES),
    *(Spec(ops.arccos, (shape,), np.arccos, domain=INSIDE) for shape in SHAPES),
    *(Spec(ops.arctan, (shape,), np.arctan) for shape in SHAPES),
    *(Spec(ops.sinh, (shape,), np.sinh) for shape in SHAPES),
    *(Spec(ops.cosh, (shape,), np.cosh) for shape in SHAPES),
    *(Spec(ops.tanh, (shape,), np.tanh, order=3) for shape in SHAPES),
    *(Spec(ops.arcsinh, (shape,), np.arcsinh) for shape in SHAPES),
    *(Spec(ops.arccosh, (shape,), np.arccosh, domain=(1.3, 3.0)) for shape in SHAPES),
    *(Spec(ops.arctanh, (shape,), np.arctanh, domain=INSIDE) for shape in SHAPES),
    Spec(ops.arctan2, ((2, 3), (3,)), np.arctan2, domain=((-2.0, 2.0), (0.5, 2.0))),
    Spec(ops.arctan2, ((2, 1), (1, 3)), np.arctan2, domain=((0.5, 2.0), (-2.0, 2.0))),
    Spec(ops.arctan2, ((), ()), np.arctan2, domain=((0.5, 2.0), (-2.0, 2.0))),
    Spec(ops.arctan2, ((0, 3), ()), np.arctan2, domain=((0.5, 2.0), (-2.0, 2.0))),
]
