"""Gradients, Hessian-vector products and Jacobians beside HIPS/autograd: twelve functions, small and large arrays.

    python -m bench.against_autograd              a table: medians, quartiles, ratios, geometric means, targets
    python -m bench.against_autograd --check      the same; exit code 1 where a target is missed
    python -m bench.against_autograd --only kernel --size small

Both libraries run the source of bench/functions.py in float64, take turns within each round, and must agree before a
time counts.  A gradient or Jacobian function is made once and called.  autograd's Hessian-vector product is its
make_hvp, which is faster than its hessian_vector_product.  Jacobians are of small arrays alone: those of the large ones
would not fit in memory.
"""

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy

import gpugrad as gg
from bench.functions import CASES, Case
from bench.timing import Run, Spread, geometric, machine, measure_on_one_thread, options, verdict

TARGETS = {"small": 3.0, "large": 1.0}  # autograd's time over ours, at least; for large arrays within the spread
KINDS = {"small": ("gradient", "hvp", "jacobian"), "large": ("gradient", "hvp")}
TOLERANCE = 1e-10  # of the largest entry
MISSING = "autograd is not installed: nothing to compare with (pip install 'gpugrad[bench]')"


class Library(NamedTuple):
    """NumPy's names and three derivatives: of f, of f, and of f as a function of (x, v)."""

    np: Any
    grad: Callable[..., Any]
    jacobian: Callable[..., Any]
    hvp: Callable[..., Any]


def our_library() -> Library:
    """gpugrad."""
    return Library(gg.numpy, gg.grad, gg.jacobian, lambda f: lambda x, v: gg.hvp(f, (x,), (v,)))


def import_autograd() -> Library | None:
    """autograd, or None where it is not installed."""
    try:
        import autograd
        import autograd.numpy
        from autograd.differential_operators import make_hvp
    except ImportError:
        return None
    return Library(autograd.numpy, autograd.grad, autograd.jacobian, lambda f: lambda x, v: make_hvp(f)(x)[0](v))


def run_of(library: Library, case: Case, kind: str, size: str) -> Run:
    """What is measured: one derivative of one function."""
    x, *data = case.arguments(size)
    np = library.np

    def values(x: Any) -> Any:
        return case.f(np, x, *data)

    def total(x: Any) -> Any:
        return np.sum(case.f(np, x, *data))

    if kind == "jacobian":
        jacobian = library.jacobian(values)
        return lambda: jacobian(x)
    if kind == "gradient":
        grad = library.grad(total)
        return lambda: grad(x)
    hvp, v = library.hvp(total), numpy.random.default_rng(1).normal(size=x.shape)
    return lambda: hvp(x, v)


def disagreement(name: str, ours: Any, theirs: Any) -> str:
    """What is wrong with two results that should be equal to rounding; empty where nothing is."""
    if numpy.shape(ours) != numpy.shape(theirs):
        return f"{name}: gpugrad gives shape {numpy.shape(ours)}, autograd {numpy.shape(theirs)}"
    error = float(numpy.max(numpy.abs(ours - theirs)) / numpy.max(numpy.abs(theirs)))
    return "" if error <= TOLERANCE else f"{name}: the results differ by {error:.1e} of the largest entry"


def compare(peer: Library, case: Case, kind: str, size: str, rounds: int) -> Spread:
    """Print a line; autograd's time over ours.  Raises ArithmeticError where the two disagree."""
    runs = [run_of(library, case, kind, size) for library in (our_library(), peer)]
    if fault := disagreement(f"{kind} of {case.name}, {size}", *(run() for run in runs)):
        raise ArithmeticError(fault)
    ours, theirs = measure_on_one_thread(runs, rounds)
    ratio = theirs.over(ours)
    print(f"{size:6}{kind:9}{case.name:14}{ours!s:34}{theirs!s:34}{ratio}", flush=True)
    return ratio


def summary(size: str, what: str, ratios: list[Spread]) -> tuple[float, float, float]:
    """Print a line of geometric means."""
    middle, low, high = geometric(ratios)
    print(f"{size:6}{what:9}{f'geometric mean of {len(ratios)}':82}{middle:8.2f} ({low:.2f} to {high:.2f})")
    return middle, low, high


def report(peer: Library, sizes: tuple[str, ...], cases: list[Case], rounds: int) -> list[str]:
    """Measure and print the table; one line for each target that is missed."""
    print(f"{machine()}, {rounds} rounds in turns; processor time in microseconds, and ratios: median (quartiles)")
    print(f"{'':29}{'gpugrad':34}{'autograd':34}   autograd / gpugrad")
    missed = []
    for size in sizes:
        everything = []
        for kind in KINDS[size]:
            ratios = [compare(peer, case, kind, size, rounds) for case in cases if kind in case.kinds]
            everything += ratios
            if ratios:
                summary(size, kind, ratios)
        middle, _, high = summary(size, "all", everything)
        if (middle if size == "small" else high) < TARGETS[size]:
            missed.append(f"{size} arrays: autograd / gpugrad is {middle:.2f}; the target is {TARGETS[size]:.2f}")
    return missed


def main(argv: list[str] | None = None) -> int:
    """Exit code 0; with --check 1 where a target is missed, 2 where autograd is not there to compare with."""
    parser = options(__doc__, 30)
    parser.add_argument("--check", action="store_true", help="exit with 1 where a geometric mean misses its target")
    parser.add_argument("--size", choices=("small", "large"), help="only these arrays")
    parser.add_argument("--only", choices=[case.name for case in CASES], help="only this function")
    given = parser.parse_args(argv)
    peer = import_autograd()
    if peer is None:
        print(MISSING)
        return 2 if given.check else 0
    cases = [case for case in CASES if given.only in (None, case.name)]
    missed = report(peer, (given.size,) if given.size else ("small", "large"), cases, max(2, given.rounds))
    return verdict(missed, given.check)


if __name__ == "__main__":
    sys.exit(main())
