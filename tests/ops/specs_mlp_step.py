"""Specs of gpugrad/ops/mlp_step.py.  The reference is written out by hand: one hidden layer, backward by the book."""

import numpy as np

from gpugrad.ops import mlp_step as module
from tests.ops.spec import Spec

X = np.linspace(-1.25, 1.5, 12, dtype=np.float32).reshape(4, 3)
LABELS = np.array([1, 0, 2, 1])
HOW = module.How(n_layers=2, activation="tanh", options={})


def by_hand(x, target, class_weight, w0, w1, b0, b1, how=HOW):
    dtype = w0.dtype
    x, w0, w1, b0, b1 = (a.astype(np.float64) for a in (x, w0, w1, b0, b1))
    h = np.tanh(x @ w0.T + b0)
    z = h @ w1.T + b1
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    y = np.eye(3)[target]
    loss, d1 = -(y * np.log(p)).sum() / 4, (p - y) / 4
    d0 = d1 @ w1 * (1 - h * h)
    n_correct = np.float32((z.argmax(axis=1) == target).sum())
    return (
        loss.astype(dtype),
        n_correct,
        *((a).astype(dtype) for a in (d0.T @ x, d1.T @ h, d0.sum(axis=0), d1.sum(axis=0))),
    )


SPECS = [
    Spec(
        module.mlp_step,
        (X, LABELS, np.ones(3, np.float32), (5, 3), (3, 5), (5,), (3,)),
        by_hand,
        params={"how": HOW},
        dtypes=("float32", "float64"),
        note="x is float32 here, so narrower parameters would promote",
    ),
    Spec(
        lambda *params: module.mlp_loss(X, LABELS, params[:2], params[2:], activation="tanh"),
        ((5, 3), (3, 5), (5,), (3,)),
        lambda *params: by_hand(X, LABELS, None, *params)[0],
        dtypes=("float32", "float64"),
    ),
]
