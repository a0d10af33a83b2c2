"""HIPS/autograd: NumPy's names wrapped, derivatives as functions."""

from collections.abc import Callable
from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np

from bench.overhead import LINKS, operands
from bench.peers import by_hand
from bench.peers.nets import Net, Trainer, is_regression, parameters_of


def set_threads(threads: int) -> None:
    """NumPy's BLAS takes as many as the process was started with."""


def overhead_cases(n: int) -> dict[str, Callable[[], Any]]:
    """A chain and its pull; there is no tracked value outside of such a function."""
    x, c, ones = operands(n)

    def chain(h: Any) -> Any:
        for _ in range(LINKS):
            h = anp.tanh(h * c + c)
        return h

    return {
        "add untracked": lambda: anp.add(x, c),
        "chain forward untracked": lambda: chain(x),
        "chain": lambda: autograd.make_vjp(chain)(x)[0](ones),
        "NumPy's names": lambda: anp.sin(x),
    }


def product(kind: str, arrays: tuple[np.ndarray, ...]) -> Callable[[], Any]:
    """One product, or a pull through its record."""
    if kind == "matmul":
        a, b = arrays
        return lambda: anp.matmul(a, b)
    g, x, w = arrays
    if kind == "matmul_vjp":
        pull = autograd.make_vjp(lambda p: anp.matmul(*p))((x, w))[0]
    else:
        pull = autograd.make_vjp(lambda p: anp.matmul(p[0], p[1].T) + p[2])((x, w, np.zeros(len(w), w.dtype)))[0]
    return lambda: pull(g)


def trainer(net: Net, optimizer: str) -> Trainer:
    """value_and_grad over a list of parameters, and an update by NumPy in place."""
    params = parameters_of(net)
    update = by_hand.updating(optimizer, params)

    def loss_of(params: Any, x: Any, y: Any) -> Any:
        h = x
        for i in range(0, len(params) - 2, 2):
            h = anp.maximum(anp.dot(h, params[i].T) + params[i + 1], 0.0)
        z = anp.dot(h, params[-2].T) + params[-1]
        if is_regression(net):
            return anp.mean((z - y) ** 2)
        z = z - anp.max(z, axis=1, keepdims=True)
        return anp.mean(anp.log(anp.sum(anp.exp(z), axis=1)) - z[np.arange(len(y)), y])

    value_and_grad = autograd.value_and_grad(loss_of)

    def step(x: Any, y: Any) -> float:
        loss, grads = value_and_grad(params, x, y)
        update(grads)
        return float(loss)

    return Trainer(lambda x, y: (x, y), step, lambda: [p.copy() for p in params])
