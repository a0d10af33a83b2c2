"""What a full Jacobian costs in both modes, against the number of inputs n and of outputs m.

    python -m bench.jacobian                                          tables, exponents beside the theory's
    python -m bench.jacobian --image docs/images/jacobian-cost.png    and the picture

f: R^n -> R^m puts x in the first n places of a vector of 1024 numbers, sends it through four tanh layers of
1024 x 1024, and gives the first m of what comes out; so its own cost, 8.4 MFLOP, is the same for all n and m.  Forward
mode pushes n vectors through it and reverse mode pulls m: by theory time grows as n^1 m^0 and n^0 m^1, and "auto",
which takes the fewer, as min(n, m).  All vectors travel in one sweep, as far as they fit: instead of n products of a
matrix and a vector, each layer is one product of two matrices.  So a vector costs less the more travel together, which
a smaller chunk_size shows; and f itself, which runs once a sweep, is felt where few vectors are.
Source: Murphy, Probabilistic Machine Learning, 13.3.1.
"""

import functools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import gpugrad as gg
from bench.timing import Run, Spread, exponents, machine, measure_on_one_thread, options
from gpugrad import ops
from tests.core.counting import vectors_carried

WIDTH, LAYERS = 1024, 4
SIZES = (128, 256, 512, 1024)  # of n, and of m
OTHER = 512  # m while n varies, n while m varies
MODES = ("forward", "reverse", "auto")
THEORY = {"n": {"forward": 1, "reverse": 0}, "m": {"forward": 0, "reverse": 1}}
CHUNKS = (1024, 256, 64, 16, 4)


@functools.cache
def weights(width: int, n_layers: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    return tuple(rng.normal(size=(width, width)) / np.sqrt(width) for _ in range(n_layers))


def network(n: int, m: int) -> Callable[[Any], Any]:
    """The function that the benchmark differentiates."""
    width, ws = WIDTH, weights(WIDTH, LAYERS)

    def f(x: Any) -> Any:
        h = ops.pad(x, (0, width - n))
        for w in ws:
            h = ops.tanh(ops.linear(h, w))
        return h[:m]

    return f


def run_of(n: int, m: int, mode: str, chunk_size: int | None = None) -> Run:
    """One Jacobian."""
    jacobian, x = gg.jacobian(network(n, m), mode=mode, chunk_size=chunk_size), np.linspace(-1.0, 1.0, n)
    return lambda: jacobian(x)


def require_agreement(n: int, m: int) -> None:
    """Raise AssertionError where the modes differ by more than rounding."""
    columns, rows, auto = (run_of(n, m, mode)() for mode in MODES)
    np.testing.assert_allclose(columns, rows, rtol=1e-9, atol=1e-12 * np.abs(rows).max())
    np.testing.assert_array_equal(auto, columns if n < m else rows)


def vectors(run: Run) -> str:
    """How many vectors went in which mode, in how many sweeps: counted."""
    with vectors_carried() as carried:
        run()
    return ", ".join(f"{sum(c)} {mode} in {len(c)}" for mode, c in carried.items() if c)


def scaling(varied: str, rounds: int) -> dict[str, list[Spread]]:
    """A table against n or m; gives milliseconds for each mode and size."""
    cases = [(s, OTHER) if varied == "n" else (OTHER, s) for s in SIZES]
    for n, m in cases[:2]:
        require_agreement(n, m)
    spreads = measure_on_one_thread([run_of(n, m, mode) for mode in MODES for n, m in cases], rounds)
    in_ms = [Spread([t / 1e3 for t in s.rounds]) for s in spreads]
    found = {mode: in_ms[i * len(cases) :][: len(cases)] for i, mode in enumerate(MODES)}
    print(f"\n{'n':>5}{'m':>6}  " + "".join(f"{mode:28}" for mode in MODES) + "vectors that auto carries, and sweeps")
    for i, (n, m) in enumerate(cases):
        times = "".join(f"{found[mode][i]!s:28}" for mode in MODES)
        print(f"{n:5}{m:6}  {times}{vectors(run_of(n, m, 'auto'))}")
    for mode, expected in THEORY[varied].items():
        exponent = exponents(SIZES, found[mode])
        print(f"{mode} mode: time grows as {varied} to the power {exponent!s:24}; by theory {expected}")
    return found


def chunking(rounds: int) -> None:
    """A table of the same Jacobian with fewer vectors in each sweep."""
    n = SIZES[-1]
    runs = [run_of(n, n, "forward", chunk) for chunk in CHUNKS]
    print(f"\nforward mode, n = m = {n}: chunk_size, milliseconds, microseconds a vector, vectors carried, and sweeps")
    for chunk, run, spread in zip(CHUNKS, runs, measure_on_one_thread(runs, rounds), strict=True):
        each = Spread([t / 1e3 for t in spread.rounds])
        print(f"{chunk:5}  {each!s:28}{spread.median / n:8.1f}  {vectors(run)}")


def draw(path: Path, by_n: dict[str, list[Spread]], by_m: dict[str, list[Spread]]) -> None:
    """The two tables as a picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.5, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharey=True)
    for axis, varied, other, found in ((left, "n", "m", by_n), (right, "m", "n", by_m)):
        _panel(axis, varied, found)
        axis.set_xlabel(f"{varied}, with {other} = {OTHER}")
    left.set_ylabel("milliseconds")
    figure.suptitle(f"A full Jacobian of f: Rⁿ → Rᵐ, {LAYERS} layers of {WIDTH} × {WIDTH}", fontsize=11)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=144)


STYLE = {"forward": ("#3b6fb6", "o", "-"), "reverse": ("#d1603d", "s", "-"), "auto": ("#333333", "x", "--")}


def _panel(axis: Any, varied: str, found: dict[str, list[Spread]]) -> None:
    from matplotlib.ticker import LogLocator

    for mode, spreads in found.items():
        color, marker, line = STYLE[mode]
        times = [s.median for s in spreads]
        expected = THEORY[varied].get(mode)
        slope = "min(n, m) vectors" if expected is None else f"{varied}^{exponents(SIZES, spreads).median:.2f}"
        label = f"{mode}: {slope}" + ("" if expected is None else f", theory {varied}^{expected}")
        axis.loglog(SIZES, times, color=color, marker=marker, linestyle=line, label=label)
        if expected:
            axis.loglog(SIZES, [times[-1] * s / SIZES[-1] for s in SIZES], color=color, linestyle=":", linewidth=1)
    axis.set_xticks(SIZES, [str(s) for s in SIZES])
    axis.yaxis.set_major_locator(LogLocator(2.0))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.minorticks_off()
    axis.grid(alpha=0.3)
    axis.legend(frameon=False, fontsize=9)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0."""
    parser = options(__doc__, 10)
    parser.add_argument("--image", type=Path, help="write the picture here (PNG)")
    given = parser.parse_args(argv)
    rounds = max(2, given.rounds)
    print(f"{machine()}, {rounds} rounds in turns; milliseconds of processor time: median (quartiles)")
    by_n, by_m = scaling("n", rounds), scaling("m", rounds)
    chunking(rounds)
    if given.image:
        draw(given.image, by_n, by_m)
        print(f"\nwrote {given.image}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
