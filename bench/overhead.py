"""What an operation costs beside its arithmetic, on small arrays, next to PyTorch in the same run.

    python -m bench.overhead            a table: medians, quartiles, ratios, targets
    python -m bench.overhead --check    the same; exit code 1 where a ratio misses its target

One add untracked and tracked, and a chain of 60 operations (20 times x * c, + c, tanh) forward and backward, float32,
on the CPU with one thread.  The two libraries take turns within each round, so that what disturbs the machine disturbs
both.
"""

import sys
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

import gpugrad as gg
from bench.timing import Run, machine, measure, options, verdict

SIZES = (8, 64, 256, 1024)
LINKS = 20  # of the chain, 3 operations each
TARGETS = {"add untracked": 1.0, "add tracked": 0.5, "chain": 0.6}  # our time over PyTorch's, at most


def add_case(a: Any, b: Any) -> Run:
    """One addition."""
    return lambda: a + b


def chain_case(x: Any, c: Any, tanh: Callable[[Any], Any], gradient: Any) -> Run:
    """20 times x * c, + c, tanh; then backward to the leaf x; gives x's gradient."""

    def run() -> Any:
        h = x
        for _ in range(LINKS):
            h = tanh(h * c + c)
        h.backward(gradient)
        found, x.grad = x.grad, None
        return found

    return run


def operands(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x and c of n float32 elements, and a cotangent of ones."""
    rng = np.random.default_rng(n)
    x, c = rng.uniform(0.5, 1.5, (2, n)).astype(np.float32)
    return x, c, np.ones(n, np.float32)


def gpugrad_cases(n: int) -> dict[str, Run]:
    """What is measured, on gpugrad."""
    x, c, ones = operands(n)
    plain = gg.Tensor(x), gg.Tensor(c)
    leaves = gg.Tensor(x, requires_grad=True), gg.Tensor(c, requires_grad=True)
    return {
        "add untracked": add_case(*plain),
        "add tracked": add_case(*leaves),
        "chain": chain_case(leaves[0], plain[1], gg.ops.tanh, gg.Tensor(ones)),
    }


def torch_cases(torch: Any, n: int) -> dict[str, Run]:
    """The same on PyTorch."""
    x, c, ones = map(torch.from_numpy, operands(n))
    leaves = x.clone().requires_grad_(), c.clone().requires_grad_()
    return {
        "add untracked": add_case(x, c),
        "add tracked": add_case(*leaves),
        "chain": chain_case(leaves[0], c, torch.tanh, ones),
    }


def import_torch() -> Any:
    """PyTorch on one thread, or None where it is not installed."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    return torch


def report(torch: Any, rounds: int) -> list[str]:
    """Measure and print the table; one line for each target that is missed."""
    print(f"{machine()}, {rounds} rounds in turns; microseconds: median (quartiles)")
    peer = f"{f'PyTorch {torch.__version__}':28}ratio  target" if torch else ""
    print(f"{'case':14}{'size':>6}  {'gpugrad':28}{peer}")
    missed = []
    for case, target in TARGETS.items():
        ratios = []
        for n in SIZES:
            runs = [gpugrad_cases(n)[case]] + ([torch_cases(torch, n)[case]] if torch else [])
            ours, *theirs = measure(runs, rounds)
            line = f"{case:14}{n:6}  {ours!s:28}"
            if theirs:
                ratios.append(ours.over(theirs[0]).median)
                line += f"{theirs[0]!s:28}{ratios[-1]:5.2f}  {'' if ratios[-1] <= target else 'above '}{target:.2f}"
            print(line, flush=True)
        if ratios:
            over = median(ratios)
            print(f"{case:14}{'all':>6}  {'median over the sizes':56}{over:5.2f}  {target:.2f}")
            if over > target:
                missed.append(f"{case}: the median ratio over the sizes is {over:.2f}; the target is {target:.2f}")
    return missed


def main(argv: list[str] | None = None) -> int:
    """Exit code 0; with --check 1 where a target is missed, 2 where PyTorch is not there to compare with."""
    parser = options(__doc__, 150)
    parser.add_argument("--check", action="store_true", help="exit with 1 where a median ratio misses its target")
    given = parser.parse_args(argv)
    torch = import_torch()
    if torch is None:
        print("torch is not installed: absolute figures only, no ratios (pip install torch)")
    missed = report(torch, max(2, given.rounds))
    return 2 if given.check and torch is None else verdict(missed, given.check)


if __name__ == "__main__":
    sys.exit(main())
