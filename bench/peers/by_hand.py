"""NumPy with the derivatives written by hand, buffers made once, every product and update with out=."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.peers.nets import BETAS, EPS, LR, Net, Trainer, Weights, is_regression, parameters_of


def set_threads(threads: int) -> None:
    """NumPy's BLAS takes as many as the process was started with."""


def overhead_cases(n: int) -> dict[str, Callable[[], Any]]:
    """The bare operation, which bounds what a library on NumPy can do."""
    from bench.overhead import LINKS, operands

    x, c, _ = operands(n)

    def chain() -> Any:
        h = x
        for _ in range(LINKS):
            h = np.tanh(h * c + c)
        return h

    return {"add untracked": lambda: np.add(x, c), "chain forward untracked": chain, "NumPy's names": lambda: np.sin(x)}


def product(kind: str, arrays: tuple[np.ndarray, ...]) -> Callable[[], Any]:
    """One product, or the two of its derivative."""
    if kind == "matmul":
        a, b = arrays
        return lambda: a @ b
    g, x, w = arrays
    if kind == "matmul_vjp":
        return lambda: (g @ w.swapaxes(-1, -2), x.swapaxes(-1, -2) @ g)
    return lambda: (g @ w, g.T @ x, g.sum(0))


def trainer(net: Net, optimizer: str, dtype: Any = None) -> Trainer:
    """The step of a person who wants no library; in float64 it is what all others must agree with."""
    dtype = dtype or net.dtype
    params = [w.astype(dtype) for w in parameters_of(net)]
    tape = _Buffers(net, params)
    update = updating(optimizer, params)

    def step(x: np.ndarray, y: np.ndarray) -> float:
        loss = tape.gradients(x, y)
        update(tape.grads)
        return float(loss)

    def put(x: np.ndarray, y: np.ndarray) -> Any:
        return x.astype(dtype), y.astype(dtype) if is_regression(net) else y

    return Trainer(put, step, lambda: [p.copy() for p in params])


class _Buffers:
    def __init__(self, net: Net, params: Weights) -> None:
        n, dtype = net.batch, params[0].dtype
        self.net, self.params = net, params
        self.grads = [np.empty_like(p) for p in params]
        self.hs = [np.empty((n, w.shape[0]), dtype) for w in params[::2]]
        self.deltas = [np.empty_like(h) for h in self.hs]
        self.rows = np.arange(n)

    def gradients(self, x: np.ndarray, y: np.ndarray) -> Any:
        """Fill the gradients; the loss."""
        hs, deltas, params = self.hs, self.deltas, self.params
        inputs = [x, *hs[:-1]]
        for i, h in enumerate(hs):
            np.matmul(inputs[i], params[2 * i].T, out=h)
            h += params[2 * i + 1]
            if i < len(hs) - 1:
                np.maximum(h, 0, out=h)
        loss = (self._squares if is_regression(self.net) else self._classes)(hs[-1], y, deltas[-1])
        for i in range(len(hs) - 1, -1, -1):
            np.matmul(deltas[i].T, inputs[i], out=self.grads[2 * i])
            np.sum(deltas[i], axis=0, out=self.grads[2 * i + 1])
            if i:
                np.matmul(deltas[i], params[2 * i], out=deltas[i - 1])
                deltas[i - 1] *= hs[i - 1] > 0
        return loss

    def _classes(self, z: np.ndarray, y: np.ndarray, delta: np.ndarray) -> Any:
        np.subtract(z, z.max(axis=1, keepdims=True), out=z)
        np.exp(z, out=delta)
        total = delta.sum(axis=1, keepdims=True)
        loss = np.mean(np.log(total[:, 0]) - z[self.rows, y])
        delta /= total
        delta[self.rows, y] -= 1
        delta *= 1 / len(z)
        return loss

    def _squares(self, z: np.ndarray, y: np.ndarray, delta: np.ndarray) -> Any:
        np.subtract(z, y, out=delta)
        loss = np.mean(delta * delta)
        delta *= 2 / delta.size
        return loss


def updating(optimizer: str, params: Weights) -> Callable[[Weights], None]:
    """The update of these parameters in place; it may use the gradients as scratch."""
    return (_sgd if optimizer == "sgd" else _adam)(params)


def _sgd(params: Weights) -> Callable[[Weights], None]:
    def update(grads: Weights) -> None:
        for p, g in zip(params, grads, strict=True):
            g *= LR
            p -= g

    return update


def _adam(params: Weights) -> Callable[[Weights], None]:
    ms, vs, tmps = ([np.zeros_like(p) for p in params] for _ in range(3))
    (b1, b2), t = BETAS, 0

    def update(grads: Weights) -> None:
        nonlocal t
        t += 1
        root = (1 - b2**t) ** 0.5
        rate, eps = LR * root / (1 - b1**t), EPS * root
        for p, g, m, v, tmp in zip(params, grads, ms, vs, tmps, strict=True):
            m *= b1
            np.multiply(g, 1 - b1, out=tmp)
            m += tmp
            v *= b2
            np.multiply(g, g, out=g)
            g *= 1 - b2
            v += g
            np.sqrt(v, out=tmp)
            tmp += eps
            np.divide(m, tmp, out=tmp)
            tmp *= rate
            p -= tmp

    return update
