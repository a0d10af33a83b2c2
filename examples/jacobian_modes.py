"""A Jacobian in both modes: the same numbers, and what each costs as inputs and outputs grow in number.

    python examples/jacobian_modes.py

Forward mode pushes one vector for each of n inputs, reverse mode pulls one for each of m outputs, and "auto" takes the
fewer.  All vectors travel at once; `chunk_size` bounds how many.
Source: Murphy, Probabilistic Machine Learning, 13.3.1.
"""

import itertools
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import gpugrad as gg
from gpugrad import ops


def network(n: int, m: int, width: int = 64) -> Callable[[Any], Any]:
    """A map from n numbers to m through two hidden layers."""
    rng = np.random.default_rng(0)
    sizes = (n, width, width, m)
    ws = [rng.normal(size=(b, a)) / np.sqrt(a) for a, b in itertools.pairwise(sizes)]

    def f(x: Any) -> Any:
        for w in ws:
            x = ops.tanh(ops.linear(x, w))
        return x

    return f


def milliseconds(run: Callable[[], Any], repeats: int) -> float:
    """The best time of several."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return 1e3 * best


def main(sizes: tuple[tuple[int, int], ...] = ((4, 512), (64, 64), (512, 4)), repeats: int = 5) -> float:
    """Print a line for each (n, m); gives the largest difference between the modes."""
    print(f"{'n':>5} {'m':>5} {'forward':>12} {'reverse':>12} {'auto':>12}   (milliseconds)")
    worst = 0.0
    for n, m in sizes:
        f, x = network(n, m), np.linspace(-1.0, 1.0, n)
        by_columns, by_rows = gg.jacfwd(f)(x), gg.jacrev(f)(x)
        worst = max(worst, float(np.abs(by_columns - by_rows).max()))
        times = [
            milliseconds(lambda f=f, x=x, mode=mode: gg.jacobian(f, mode=mode)(x), repeats)  # type: ignore[misc]
            for mode in ("forward", "reverse", "auto")
        ]
        print(f"{n:5d} {m:5d} " + " ".join(f"{t:12.3f}" for t in times))
    print(f"largest difference between the modes: {worst:.1e}")
    return worst


if __name__ == "__main__":
    main()
