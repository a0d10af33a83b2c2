"""gpugrad, in the form of a peer: eager, and compiled."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import gpugrad as gg
from bench.overhead import LINKS, gpugrad_cases, operands
from bench.peers.nets import LR, Net, Trainer, parameters_of
from gpugrad import nn, ops, optim


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


def product(kind: str, arrays: tuple[np.ndarray, ...], compiled: bool = False) -> Callable[[], Any]:
    """One product, or a pull through its record; compiled, in one program that has no more than that to compute."""
    if kind == "matmul":
        f = gg.compile(ops.matmul) if compiled else ops.matmul
        operands = arrays if compiled else tuple(map(gg.Tensor, arrays))
        return lambda: f(*operands)
    forward = ops.matmul if kind == "matmul_vjp" else ops.linear
    g, x, w = arrays
    primals = (x, w) if kind == "matmul_vjp" else (x, w, np.zeros(len(w), w.dtype))
    if compiled:
        derivative = gg.compile(lambda g, *primals: gg.vjp(forward, *primals)[1](g))
        return lambda: derivative(g, *primals)
    _, pull = gg.vjp(forward, *primals)
    return lambda: pull(g)


def gpugrad_step(net: Net, optimizer: str) -> Callable[..., Any]:
    """The step as a user writes it."""
    model = nn.MLP(list(net.sizes), activation="relu", dtype=net.dtype)
    for p, value in zip(model.parameters(), parameters_of(net), strict=True):
        p.data[...] = value
    rule = {"sgd": optim.SGD, "adam": optim.Adam}[optimizer](model.parameters(), lr=LR)
    loss_of = nn.cross_entropy if net.sizes[-1] > 1 else nn.mse_loss

    def step(x: Any, y: Any) -> Any:
        rule.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        rule.step()
        return loss

    step.model = model  # type: ignore[attr-defined]
    return step


def trainer(net: Net, optimizer: str, executor: str | None = None) -> Trainer:
    """The step, eager; or compiled, where an executor is named."""
    step = made = gpugrad_step(net, optimizer)
    if executor:
        made = gg.compile(step, executor=executor)
    return Trainer(
        lambda x, y: (x, y),
        lambda x, y: made(x, y).item(),
        lambda: [p.detach().numpy().copy() for p in step.model.parameters()],  # type: ignore[attr-defined]
    )


COMPILED, ON_NUMPY = "gpugrad compiled", "gpugrad NumPy executor"
TRAINERS = {
    "gpugrad": trainer,
    COMPILED: partial(trainer, executor="auto"),
    ON_NUMPY: partial(trainer, executor="numpy"),
}
WAYS = {"gpugrad": "eager", COMPILED: "compiled", ON_NUMPY: "compiled, executor numpy"}


def per_sample(kind: str, w: np.ndarray, v: np.ndarray, x: np.ndarray, compiled: bool = False) -> Callable[[], Any]:
    """Gradients of each sample of (v tanh(w x))^2, or their norms."""

    def loss(w: Any, v: Any, x: Any) -> Any:
        return (ops.linear(ops.tanh(ops.linear(x, w)), v) ** 2).sum()

    make = gg.per_sample_grad if kind == "gradients" else gg.per_sample_grad_norm
    f = make(loss, argnums=(0, 1))
    f = gg.compile(f) if compiled else f
    return lambda: f(w, v, x)
