"""Specs of gpugrad/ops/softmax.py and norm.py, and of their gradients, which are operations too."""

import numpy as np

from gpugrad import ops
from tests.ops.spec import Spec

CASES = ({}, {"axis": 0}, {"axis": (0, 1)}, {"axis": None})
SHAPES = ((3, 4), (2, 1, 3))


def wide(f):
    """f computed in float64 and rounded to the first argument's dtype."""
    return lambda *xs, **params: np.asarray(f(*(np.asarray(x, float) for x in xs), **params)).astype(xs[0].dtype)


def softmax(x, axis=-1):
    e = np.exp(x)
    return e / e.sum(axis=axis, keepdims=True)


def logsumexp(x, axis=-1, keepdims=False):
    return np.log(np.exp(x).sum(axis=axis, keepdims=keepdims))


def log_softmax(x, axis=-1):
    return x - logsumexp(x, axis, True)


def softmax_grad(g, y, axis):
    return y * (g - (g * y).sum(axis=axis, keepdims=True))


def log_softmax_grad(g, y, axis):
    return g - np.exp(y) * g.sum(axis=axis, keepdims=True)


def lines(op, reference, **more):
    return [Spec(op, (shape,), wide(reference), params=params, **more) for shape in SHAPES for params in CASES]


def norms(ord, **more):
    cases = (((2, 3), {}), ((2, 3), {"axis": -1}), ((2, 3, 2), {"axis": (0, 2), "keepdims": True}), ((), {}))
    cases += (((0, 3), {"axis": 1}),)
    return [
        Spec(
            ops.norm,
            (shape,),
            np.linalg.vector_norm,
            params={**params, **({} if ord is None else {"ord": ord})},
            **more,
        )
        for shape, params in cases
    ]


SPECS = [
    *lines(ops.softmax, softmax),
    *lines(ops.log_softmax, log_softmax),
    *lines(ops.logsumexp, logsumexp),
    Spec(ops.softmax, ((0, 3),), wide(softmax)),
    Spec(ops.softmax, ((),), wide(lambda x: np.ones(()))),
    Spec(ops.log_softmax, ((0, 3),), wide(log_softmax)),
    Spec(ops.logsumexp, ((0, 3),), wide(logsumexp)),
    Spec(ops.logsumexp, ((),), wide(lambda x: x)),
    Spec(ops.logsumexp, ((2, 3),), wide(logsumexp), params={"axis": (1, 0), "keepdims": True}, order=3),
    Spec(ops.softmax_grad, ((2, 3), (2, 3)), wide(softmax_grad), params={"axis": (1,)}),
    Spec(ops.softmax_grad, ((2, 3), (2, 3)), wide(softmax_grad), params={"axis": (0, 1)}),
    Spec(ops.log_softmax_grad, ((2, 3), (2, 3)), wide(log_softmax_grad), params={"axis": (1,)}),
    Spec(ops.log_softmax_grad, ((2, 3), (2, 3)), wide(log_softmax_grad), params={"axis": (0,)}),
    *norms(None, domain=(0.5, 2.0)),
    *norms(2),
    *norms(1, kinks=(0.0,)),
    *norms(np.inf, domain=(0.3, 2.0), distinct=True),
    Spec(
        ops.norm2,
        ((2, 3),),
        lambda x, axis, keepdims: np.linalg.vector_norm(x, axis=axis, keepdims=keepdims),
        params={"axis": (1,), "keepdims": False},
    ),
]
