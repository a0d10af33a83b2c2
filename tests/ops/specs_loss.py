"""Specs of gpugrad/ops/loss.py, cross_entropy.py and labels.py.  References compute in float64 and round once."""

import numpy as np

from gpugrad import ops
from gpugrad.ops import cross_entropy as ce
from gpugrad.ops import mean_cross_entropy
from gpugrad.ops.loss import sigmoid_cross_entropy_grad
from tests.ops.spec import Spec

LABELS = np.array([0, 2, 1, 2])
ROWS = np.arange(4)


def softmax(z):
    e = np.exp(z.astype(np.float64) - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def index_loss(z, t):
    return -np.log(softmax(z))[ROWS, t].astype(z.dtype)


def soft_loss(z, y):
    return -(y * np.log(softmax(z))).sum(axis=-1).astype(z.dtype)


def index_grad(g, p, t):
    return (g[:, None] * (p - np.eye(3)[t])).astype(p.dtype)


def soft_grad(g, p, y):
    g, p, y = (a.astype(np.float64) for a in (g, p, y))
    return g[:, None] * (p * y.sum(axis=-1, keepdims=True) - y)


def sigmoid_loss(z, t):
    z, t = z.astype(np.float64), t.astype(np.float64)
    return np.logaddexp(0, z) - t * z


def like_first(f):
    return lambda *args: np.asarray(f(*args)).astype(args[0].dtype)


def mean_loss(z, t, weight=None, *, smoothing):
    """Loss and slope; the third output, a count, has no derivative."""
    return mean_cross_entropy.cross_entropy_mean_(z, t, weight, smoothing=smoothing)[:2]


def mean_reference(z, t, weight=None, *, smoothing):
    w = np.ones(3) if weight is None else weight
    hot = np.eye(3)[t] if t.dtype.kind in "iu" else t.astype(np.float64)
    q = w * ((1 - smoothing) * hot + smoothing / 3)
    total = w[t].sum() if t.dtype.kind in "iu" else len(z)
    p = softmax(z)
    slope = (p * q.sum(-1, keepdims=True) - q) / total
    return np.asarray(-(q * np.log(p)).sum() / total).astype(z.dtype), slope.astype(z.dtype)


SOFT = np.array([[0.2, 0.5, 0.3], [1.0, 0.0, 0.0], [0.0, 0.4, 0.6], [0.1, 0.1, 0.9]])
WEIGHT = np.array([0.5, 2.0, 1.5])
EXACT = {"dtypes": ("float64",)}  # the arrays beside the logits are

SPECS = [
    Spec(mean_loss, ((4, 3), LABELS), mean_reference, params={"smoothing": 0.0}),
    Spec(mean_loss, ((4, 3), LABELS), mean_reference, params={"smoothing": 0.3}),
    Spec(mean_loss, ((4, 3), LABELS, WEIGHT), mean_reference, params={"smoothing": 0.0}, **EXACT),
    Spec(mean_loss, ((4, 3), LABELS, WEIGHT), mean_reference, params={"smoothing": 0.25}, **EXACT),
    Spec(mean_loss, ((4, 3), SOFT), mean_reference, params={"smoothing": 0.0}, **EXACT),
    Spec(mean_loss, ((4, 3), SOFT, WEIGHT), mean_reference, params={"smoothing": 0.25}, **EXACT),
    Spec(
        ops.cross_entropy_mean,
        ((4, 3), LABELS),
        lambda z, t: (mean_reference(z, t, smoothing=0.0)[0], (z.argmax(-1) == t).sum()),
    ),
    Spec(ops.softmax_cross_entropy, ((4, 3), LABELS), index_loss),
    Spec(ops.softmax_cross_entropy, ((4, 3), LABELS.astype(np.uint8)), index_loss, domain=(-30.0, 30.0)),
    Spec(ops.softmax_cross_entropy, ((4, 3), (4, 3)), soft_loss),
    Spec(ce.cross_entropy_index, ((4, 3), LABELS), lambda z, t: (index_loss(z, t), softmax(z).astype(z.dtype))),
    Spec(ce.cross_entropy_soft, ((4, 3), (4, 3)), lambda z, y: (soft_loss(z, y), softmax(z).astype(z.dtype))),
    Spec(ce.cross_entropy_index_grad, ((4,), (4, 3), LABELS), index_grad),
    Spec(ce.cross_entropy_soft_grad, ((4,), (4, 3), (4, 3)), like_first(soft_grad)),
    Spec(ops.sigmoid_cross_entropy, ((3, 2), (3, 2)), like_first(sigmoid_loss)),
    Spec(
        sigmoid_cross_entropy_grad,
        ((3, 2), (3, 2), (3, 2)),
        like_first(lambda g, z, t: g * (1 / (1 + np.exp(-z.astype(np.float64))) - t)),
    ),
    Spec(
        ops.one_hot,
        (LABELS,),
        lambda t, n_classes, dtype: np.eye(n_classes, dtype=dtype)[t],
        params={"n_classes": 3, "dtype": "float32"},
        differentiable=False,
    ),
]
