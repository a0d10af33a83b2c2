"""PyTorch, eager."""

from collections.abc import Callable
from itertools import chain as joined
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from bench.overhead import LINKS, operands, torch_cases
from bench.peers.nets import LR, Net, Trainer, parameters_of


def set_threads(threads: int) -> None:
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("highest")  # no TF32


use_threads = torch.set_num_threads  # while the program runs


def overhead_cases(n: int) -> dict[str, Callable[[], Any]]:
    """bench/overhead.py's, and the chain without its way back."""
    x, c, _ = map(torch.from_numpy, operands(n))
    leaf = x.clone().requires_grad_()

    def chain(h: Any) -> Any:
        for _ in range(LINKS):
            h = torch.tanh(h * c + c)
        return h

    return {
        **torch_cases(torch, n),
        "chain forward untracked": lambda: chain(x),
        "chain forward tracked": lambda: chain(leaf),
    }


def product(kind: str, arrays: tuple[np.ndarray, ...]) -> Callable[[], Any]:
    """One product, or its derivative by autograd."""
    tensors = [torch.from_numpy(a) for a in arrays]
    if kind == "matmul":
        a, b = tensors
        return lambda: a @ b
    g, x, w = tensors
    leaves = [x.requires_grad_(), w.requires_grad_()]
    if kind == "linear_vjp":
        leaves.append(torch.zeros(len(w), dtype=w.dtype, requires_grad=True))
        y = torch.nn.functional.linear(*leaves)
    else:
        y = x @ w
    return lambda: torch.autograd.grad(y, leaves, g, retain_graph=True)


def torch_step(net: Net, optimizer: str) -> Callable[..., Any]:
    """One training step."""
    pairs = [[torch.nn.Linear(a, b), torch.nn.ReLU()] for a, b in pairwise(net.sizes)]
    model = torch.nn.Sequential(*joined(*pairs))[:-1].to(getattr(torch, net.dtype))
    with torch.no_grad():
        for p, value in zip(model.parameters(), parameters_of(net), strict=True):
            p.copy_(torch.from_numpy(value))
    rule = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer](model.parameters(), lr=LR)
    functional = torch.nn.functional
    loss_of = functional.cross_entropy if net.sizes[-1] > 1 else functional.mse_loss

    def step(x: Any, y: Any) -> Any:
        rule.zero_grad()
        loss = loss_of(model(torch.from_numpy(x)), torch.from_numpy(y))
        loss.backward()
        rule.step()
        return loss

    step.model = model  # type: ignore[attr-defined]
    return step


def trainer(net: Net, optimizer: str, make: Any = None) -> Trainer:
    """A step as a user writes it, by default eager."""
    step = (make or torch_step)(net, optimizer)
    return Trainer(
        lambda x, y: (x, y),
        lambda x, y: step(x, y).item(),
        lambda: [p.detach().numpy().copy() for p in step.model.parameters()],
    )


def per_sample(kind: str, w: np.ndarray, v: np.ndarray, x: np.ndarray) -> Callable[[], Any]:
    """torch.func: vmap of grad; the norms from the gradients."""

    def loss(w: Any, v: Any, x: Any) -> Any:
        return ((v @ torch.tanh(w @ x)) ** 2).sum()

    grads = torch.func.vmap(torch.func.grad(loss, (0, 1)), (None, None, 0))
    given = tuple(map(torch.from_numpy, (w, v, x)))
    if kind == "gradients":
        return lambda: grads(*given)
    return lambda: sum((g * g).sum((1, 2)) for g in grads(*given)).sqrt()
