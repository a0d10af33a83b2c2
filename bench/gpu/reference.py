"""What every family of work must give, in float64, written once for NumPy and CuPy."""

from typing import Any

from .cases import HIDDEN, Case

EPS, LR, BETA1, BETA2 = 1e-5, 1e-3, 0.9, 0.999
ADAM_EPS = 1e-8


def expected(xp: Any, case: Case, arrays: dict[str, Any]) -> list[Any]:
    """The results in float64; `arrays` are those of `cases.inputs`, floats as float64, in xp."""
    return list(globals()[f"_{case.family}"](xp, **arrays))


def _train_step(xp: Any, x: Any, labels: Any, **params: Any) -> Any:
    """Loss, and the gradients of all parameters: which Adam's first moment shows after the first step."""
    p = [params[f"p{i}"] for i in range(len(params))]
    weights, biases = p[: HIDDEN + 1], p[HIDDEN + 1 :]
    hs = [x]
    for w, b in zip(weights[:-1], biases[:-1], strict=True):
        hs.append(xp.maximum(hs[-1] @ w.T + b, 0))
    loss, delta = _cross_entropy(xp, hs[-1] @ weights[-1].T + biases[-1], labels)
    dw, db = [], []
    for h, w in zip(hs[::-1], weights[::-1], strict=True):
        dw.append(delta.T @ h)
        db.append(delta.sum(0))
        delta = (delta @ w) * (h > 0)
    return loss, *dw[::-1], *db[::-1]


def _linear_vjp(xp: Any, g: Any, y: Any, x: Any, w: Any) -> Any:
    delta = g * (y > 0)
    return delta @ w, delta.T @ x / len(g), delta.sum(0) / len(g)


def _matmul_vjp(xp: Any, g: Any, a: Any, b: Any) -> Any:
    return g @ b.swapaxes(1, 2), a.swapaxes(1, 2) @ g


def _outer_sum(xp: Any, g: Any, x: Any) -> Any:
    return (g.T @ x,)


def _outer_each(xp: Any, g: Any, x: Any) -> Any:
    return (g[:, :, None] * x[:, None, :],)


def _cross_entropy(xp: Any, z: Any, labels: Any) -> Any:
    """The mean over samples, and its gradient."""
    z = z - z.max(1, keepdims=True)
    p = xp.exp(z)
    total = p.sum(1, keepdims=True)
    rows = xp.arange(len(z))
    loss = (xp.log(total[:, 0]) - z[rows, labels]).mean()
    p = p / total
    p[rows, labels] -= 1
    return loss, p / len(z)


def _adam(xp: Any, p: Any, g: Any) -> Any:
    """Parameters and first moment after the first step."""
    return p - LR * g / (abs(g) + ADAM_EPS), (1 - BETA1) * g


def _normalized(xp: Any, g: Any, x: Any, w: Any, b: Any, axis: int) -> Any:
    centred = x - x.mean(axis, keepdims=True)
    r = 1 / xp.sqrt((centred * centred).mean(axis, keepdims=True) + EPS)
    xhat, gw = centred * r, g * w
    dx = r * (gw - gw.mean(axis, keepdims=True) - xhat * (gw * xhat).mean(axis, keepdims=True))
    return xhat * w + b, dx, (g * xhat).sum(0), g.sum(0)


def _layer_norm(xp: Any, g: Any, x: Any, w: Any, b: Any) -> Any:
    return _normalized(xp, g, x, w, b, 1)


def _batch_norm(xp: Any, g: Any, x: Any, w: Any, b: Any) -> Any:
    return _normalized(xp, g, x, w, b, 0)


def _bias_gelu(xp: Any, z: Any, b: Any) -> Any:
    """GELU in its tanh form."""
    s = z + b
    return (0.5 * s * (1 + xp.tanh(0.7978845608028654 * (s + 0.044715 * s**3))),)


def _tanh_grad(xp: Any, g: Any, y: Any) -> Any:
    return (g * (1 - y * y),)
