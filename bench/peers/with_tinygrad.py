"""tinygrad: lazy, so that every result is asked for; its CPU device needs clang."""

from collections.abc import Callable
from typing import Any

from tinygrad import Device, Tensor

from bench.overhead import LINKS, operands


def set_threads(threads: int) -> None:
    """Its kernels run on one thread; a first result shows whether there is a device that works."""
    Device[Device.DEFAULT]
    (Tensor([1.0]) + 1.0).tolist()


def overhead_cases(n: int) -> dict[str, Callable[[], Any]]:
    """The graph is built, scheduled and run each time, as in eager use."""
    x, c, ones = (Tensor(a).realize() for a in operands(n))

    def chain(h: Any) -> Any:
        for _ in range(LINKS):
            h = (h * c + c).tanh()
        return h

    def back() -> Any:
        return chain(x).gradient(x, gradient=ones)[0].realize()

    return {
        "add untracked": lambda: (x + c).realize(),
        "chain forward untracked": lambda: chain(x).realize(),
        "chain": back,
    }
