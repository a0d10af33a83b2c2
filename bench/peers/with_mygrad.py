"""MyGrad: tensors over NumPy with a recorded graph."""

from collections.abc import Callable
from typing import Any

import mygrad as mg

from bench.overhead import LINKS, operands


def set_threads(threads: int) -> None:
    """NumPy's BLAS takes as many as the process was started with."""


def overhead_cases(n: int) -> dict[str, Callable[[], Any]]:
    """With its guard of memory on, as it comes."""
    x, c, ones = operands(n)
    plain, leaf = (mg.tensor(x, constant=True), mg.tensor(c, constant=True)), mg.tensor(x)
    other = mg.tensor(c)

    def chain(h: Any) -> Any:
        for _ in range(LINKS):
            h = mg.tanh(h * plain[1] + plain[1])
        return h

    def back() -> Any:
        chain(leaf).backward(ones)
        found = leaf.grad
        leaf.null_grad()
        return found

    return {
        "add untracked": lambda: plain[0] + plain[1],
        "add tracked": lambda: leaf + other,
        "chain forward untracked": lambda: chain(plain[0]),
        "chain forward tracked": lambda: chain(leaf),
        "chain": back,
        "NumPy's names": lambda: mg.sin(x),
    }
