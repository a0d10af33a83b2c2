"""Specs of gpugrad/ops/matmul.py, einsum.py and linear.py."""

import numpy as np

from gpugrad import ops
from gpugrad.core.namespace import RAW
from gpugrad.ops.fused_linear import linear_vjp
from gpugrad.ops.linear import outer_norm2
from gpugrad.ops.matmul import matmul_vjp
from tests.ops.spec import Spec

MATMUL = [
    ((3,), (3,)), ((3,), (3, 4)), ((2, 3), (3,)), ((2, 3), (3, 4)),
    ((3,), (2, 3, 4)), ((2, 2, 3), (3,)), ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)), ((1, 2, 3), (5, 3, 4)), ((5, 2, 3), (1, 3, 4)),
    ((2, 1, 2, 3), (4, 3, 2)), ((4, 1, 2, 3), (1, 2, 3, 2)), ((2, 2, 2, 3), (3, 4)), ((2, 3), (2, 2, 3, 4)),
    ((0, 3), (3, 4)), ((2, 0), (0, 4)), ((2, 3), (3, 0)), ((0, 2, 3), (3, 4)), ((0, 2, 3), (0, 3, 4)), ((0,), (0,)),
    ((2, 0, 3), (3,)), ((3,), (0, 3, 2)),
]  # fmt: skip
# Subscripts ("_" for a space), then the shape of each array, a digit an axis and "." for 0-d.
EINSUM = """
    ij,jk->ik 23 34 | ij,jk 23 34 | ba,cb 23 42 | i_j_,_j_k_->_k_i 23 34 | ij,j->i 23 3 | i,i-> 3 3 | i,i 3 3 |
    i,j->ij 2 3 | i,j->ji 2 3 | ij,ij->ij 23 23 | ij,ij-> 23 23 | ij,ji-> 23 32 | ij,kl-> 23 22 |
    bij,bjk->bik 223 232 | bij,bjk->ikb 223 232 | bij,bj->bi 223 23 | abij,bjkl->lkai 2223 2322 | ij,k->k 23 2 |
    ij,jk->k 23 32 | ii-> 33 | ii 33 | ii->i 33 | iij->ji 223 | iji->j 232 | iii->i 222 | iijj->ij 2233 |
    ijij-> 2323 | ij->ji 23 | ba 23 | ij-> 23 | ij->j 23 | ij->ij 23 | -> . | ,-> . . | ,i->i . 3 |
    ...ij,...jk->...ik 223 232 | ...ij,...jk->...ik 2123 332 | ...ij,jk 223 32 | ...,...->... 23 3 |
    i...->... 232 | ...i->i... 234 | ...ii->...i 233 | i...j,j...k->i...k 223 322 | ... 23 | i...,i... 23 23 |
    ij,jk->ik 21 32 | ij,ij->i 23 13 | ij,j->j 23 1 | ij,jk->ik 13 31 | ij,jk,kl->il 23 32 23 | i,ij,j-> 2 23 3 |
    ij,ij,ij->ij 22 22 22 | ij,jk,k,il->l 23 32 2 23 | a,b,c->cab 2 3 2 | ii,ij,jj->j 22 23 33 | ij,jk->ik 03 32 |
    ij,jk->ik 20 03 | ij,jk-> 20 03 | ij->i 03 | ii-> 00
"""


def _einsum(text, op):
    def f(*arrays):
        return op(text, *arrays)

    f.__name__ = f"einsum[{text}]"
    return f


def _line(line):
    text, *shapes = line.split()
    return text.replace("_", " "), tuple(tuple(map(int, s.strip("."))) for s in shapes)


def _with_lists(a, b):
    return ops.einsum(a, [0, 1], b, [1, 2], [2, 0])


def _with_dots(a, b):
    return ops.einsum(a, [..., 0], b, [..., 0])


def _linear(x, w, b=None):
    return np.matmul(x, w.T) if b is None else np.matmul(x, w.T) + b


MATMUL_VJP = [
    ((2, 4), (2, 3), (3, 4)), ((5, 2, 4), (5, 2, 3), (5, 3, 4)), ((5, 2, 4), (5, 2, 3), (3, 4)),
    ((5, 2, 4), (2, 3), (5, 3, 4)), ((2, 4, 2, 2), (2, 1, 2, 3), (4, 3, 2)),
]  # fmt: skip


def _matmul_vjp(g, a, b):
    """The sums over the broadcast axes of g b^T and a^T g."""
    dtype = g.dtype
    g, a, b = (x.astype(float) for x in (g, a, b))
    da, db = np.matmul(g, np.swapaxes(b, -1, -2)), np.matmul(np.swapaxes(a, -1, -2), g)
    sums = RAW[np.ndarray].sum_to
    return sums(da, shape=a.shape).astype(dtype), sums(db, shape=b.shape).astype(dtype)


OUTER_NORMS = [
    ((4, 1, 3), (4, 1, 2)),
    ((2, 2, 5), (2, 2, 6)),
    ((3, 4, 2), (3, 4, 2)),
    ((1, 3), (1, 2)),
    ((2, 4), (2, 5)),
]


def _outer_norm2(g, x):
    return np.square(np.matmul(np.swapaxes(g, -1, -2).astype(float), x)).sum(axis=(-2, -1)).astype(g.dtype)


_ACTS = ("identity", "tanh", "sigmoid", "softplus", "gelu", "silu", "mish")


def _linear_act(name, by=None):
    """linear_act with this activation, or NumPy's counterpart."""

    def f(x, w, b=None):
        if by is None:
            return ops.linear_act(x, w, b, activation=name)
        z = _linear(x.astype(float), w.astype(float), b)
        return np.asarray(z if name == "identity" else getattr(ops, name)(z)).astype(x.dtype)

    f.__name__ = f"linear_act[{name}]"
    return f


def _gradients(name, scale):
    """linear_vjp with this activation and scale, of g, v, x and w."""

    def f(g, v, x, w):
        return linear_vjp(g, v, x, w, scale, activation=name, options=_OPTIONS.get(name, ()), bias=True)

    f.__name__ = f"linear_vjp[{name}]"
    return f


def _gradients_by_hand(name, scale):
    """The same, from the definition."""

    def f(g, v, x, w):
        slope = {
            "tanh": lambda v: 1 - v * v,
            "gelu": lambda v: ops.gelu_grad(np.ones_like(v), v, approximate="none"),
        }.get(name, np.ones_like)
        delta = g.astype(float) * slope(v.astype(float))
        flat = delta.reshape(-1, w.shape[0])
        found = delta @ w, scale * flat.T @ x.reshape(-1, w.shape[1]), scale * flat.sum(0)
        return tuple(part.astype(g.dtype) for part in found)

    return f


_OPTIONS = {"gelu": (("approximate", "none"),)}

SPECS = [
    *(Spec(ops.matmul, shapes, np.matmul) for shapes in MATMUL),
    *(Spec(matmul_vjp, shapes, _matmul_vjp) for shapes in MATMUL_VJP),
    *(
        Spec(_einsum(text, ops.einsum), shapes, _einsum(text, np.einsum))
        for text, shapes in map(_line, EINSUM.split("|"))
    ),
    Spec(_with_lists, ((2, 3), (3, 4)), lambda a, b: np.einsum("ij,jk->ki", a, b)),
    Spec(_with_dots, ((2, 3), (3,)), lambda a, b: np.einsum("...i,...i", a, b)),
    Spec(ops.outer, ((2, 2), (3,)), np.outer),
    Spec(ops.outer, ((), (0,)), np.outer),
    Spec(ops.vdot, ((2, 3), (3, 2)), np.vdot),
    Spec(ops.vdot, ((), ()), np.vdot),
    Spec(ops.dot, ((3,), (3,)), np.dot),
    Spec(ops.dot, ((2, 2, 3), (3, 4)), np.dot),
    Spec(ops.dot, ((2, 3), (2, 3, 2)), np.dot),
    Spec(ops.dot, ((), (2, 3)), np.dot),
    Spec(ops.inner, ((3,), (3,)), np.inner),
    Spec(ops.inner, ((2, 2, 3), (4, 3)), np.inner),
    Spec(ops.inner, ((2, 3), ()), np.inner),
    Spec(ops.tensordot, ((2, 3, 4), (3, 4, 2)), np.tensordot),
    Spec(ops.tensordot, ((2, 3), (2, 2)), np.tensordot, {"axes": 0}),
    Spec(ops.tensordot, ((2, 3, 4), (4, 3)), np.tensordot, {"axes": ((-1, 1), (0, 1))}),
    Spec(ops.tensordot, ((2, 3), (3, 2)), np.tensordot, {"axes": (1, 0)}),
    Spec(ops.linear, ((4, 3), (2, 3), (2,)), _linear),
    Spec(ops.linear, ((4, 3), (2, 3)), _linear),
    Spec(ops.linear, ((3,), (2, 3), (2,)), _linear),
    Spec(ops.linear, ((2, 2, 3), (4, 3), (4,)), _linear),
    Spec(ops.linear, ((2, 2, 3), (4, 3)), _linear),
    Spec(ops.linear, ((0, 3), (2, 3), (2,)), _linear),
    Spec(ops.linear, ((4, 0), (2, 0), (2,)), _linear),
    Spec(ops.linear, ((2, 0, 3), (1, 3), (1,)), _linear),
    Spec(ops.linear, ((4, 3), (0, 3), (0,)), _linear),
    *(Spec(outer_norm2, shapes, _outer_norm2) for shapes in OUTER_NORMS),
    *(Spec(_linear_act(name), ((4, 3), (2, 3), (2,)), _linear_act(name, np), kinks=()) for name in _ACTS),
    Spec(_linear_act("tanh"), ((2, 2, 3), (4, 3)), _linear_act("tanh", np)),
    *(
        Spec(_gradients(name, scale), ((4, 2), (4, 2), (4, 3), (2, 3)), _gradients_by_hand(name, scale))
        for name, scale in (("tanh", 1.0), ("gelu", 0.25))
    ),
    Spec(
        _gradients("identity", np.array(0.5)),
        ((2, 3, 2), (2, 3, 2), (2, 3, 4), (2, 4)),
        _gradients_by_hand("identity", 0.5),
    ),
]
