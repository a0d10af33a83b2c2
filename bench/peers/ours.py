"""gpugrad, in the form of a peer: eager, and compiled."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import gpugrad as gg
from bench import train
from bench.overhead import LINKS, gpugrad_cases, operands
from bench.peers.nets import Trainer
from bench.train import Net
from gpugrad import ops


def overhead_cases(n: int) -> dict[str, Callable[[], Any]]:
    """bench/overhead.py's, and the chain without its way back, and NumPy's names on plain arrays."""
    x, c, _ = operands(n)
    plain, leaf = (gg.Tensor(x), gg.Tensor(c)), gg.Tensor(x, requires_grad=True)

    def chain(h: Any) -> Any:
        for _ in range(LINKS):
            h = ops.tanh(h * plain[1] + plain[1])
        return h

    return {
        **gpugrad_cases(n),
        "chain forward untracked": lambda: chain(plain[0]),
        "chain forward tracked": lambda: chain(leaf),
        "NumPy's names": lambda: gg.numpy.sin(x),
    }


def product(kind: str, arrays: tuple[np.ndarray, ...]) -> Callable[[], Any]:
    """One product, or a pull through its record."""
    if kind == "matmul":
        a, b = map(gg.Tensor, arrays)
        return lambda: a @ b
    g, x, w = arrays
    primals = (x, w) if kind == "matmul_vjp" else (x, w, np.zeros(len(w), w.dtype))
    _, pull = gg.vjp(ops.matmul if kind == "matmul_vjp" else ops.linear, *primals)
    return lambda: pull(g)


def trainer(net: Net, optimizer: str, make: Any = train.gpugrad_step) -> Trainer:
    """A step of bench/train.py."""
    step = make(net, optimizer)
    return Trainer(
        lambda x, y: (x, y),
        lambda x, y: step(x, y).item(),
        lambda: [p.detach().numpy().copy() for p in step.model.parameters()],
    )


TRAINERS = {"gpugrad": trainer, "gpugrad compiled": partial(trainer, make=train.compiled_step)}


def per_sample(kind: str, w: np.ndarray, v: np.ndarray, x: np.ndarray) -> Callable[[], Any]:
    """Gradients of each sample of (v tanh(w x))^2, or their norms."""

    def loss(w: Any, v: Any, x: Any) -> Any:
        return (ops.linear(ops.tanh(ops.linear(x, w)), v) ** 2).sum()

    make = gg.per_sample_grad if kind == "gradients" else gg.per_sample_grad_norm
    f = make(loss, argnums=(0, 1))
    return lambda: f(w, v, x)
