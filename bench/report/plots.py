"""Pictures of one run: ratios of the training steps, the roofline, bandwidth over size, scaling."""

from collections.abc import Callable
from statistics import median
from typing import Any

from bench.report.drawing import COLORS, MARKERS, OTHER, OURS_COLOR, color, figure, plain, png, ratios
from bench.report.tables import dtype_of, losers_first, over, peers_of
from bench.suites.row import Fit, Row, Run

SERIES = (OURS_COLOR, "#d1603d", "#3b6fb6", "#8a63b8")
SHOWN = ("add", "exp", "tanh", "relu", "sum", "softmax", "concatenate")  # of the operations, over their sizes


def pictures(run: Run) -> dict[str, bytes]:
    """{name: PNG} of those for which the run has rows."""
    makers: dict[str, Callable[[Run], Any]] = {
        "train": train, "roofline": roofline, "bandwidth": bandwidth, "scaling": scaling,
    }  # fmt: skip
    made = {name: make(run) for name, make in makers.items()}
    return {name: png(one) for name, one in made.items() if one is not None}


def train(run: Run) -> Any:
    """A line for each net and optimizer: every peer's time over ours, compiled where there is such a row."""
    rows = [r for r in run.rows if r.ratio and (r.suite == "train" or r.name == "train_step")]
    ways = [r for r in rows if r.params.get("way") == "compiled"] or rows
    if not ways:
        return None
    rows = losers_first(ways)[::-1]
    made = figure(6.4, 2.0 + 0.34 * len(rows))
    axes = made.subplots()
    for k, peer in enumerate(peers_of(rows)):
        points = [(value, i) for i, row in enumerate(rows) if (value := over(row, peer)) is not None]
        axes.scatter(*zip(*points, strict=True), s=46, marker=MARKERS[k % len(MARKERS)], color=color(peer), label=peer,
                     alpha=0.9, linewidths=0)  # fmt: skip
    ratios(axes, "x")
    names = [f"{r.name}  {r.params.get('optimizer', r.params.get('shape', ''))} {dtype_of(r)}".rstrip() for r in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.set_xlabel("peer's time / gpugrad's: right of 1, gpugrad is faster")
    axes.set_title(f"A training step, {ways[0].params.get('way', run.device)}", loc="left", fontsize=11)
    made.legend(ncols=4, frameon=False, fontsize=9, loc="outside lower center")
    plain(axes)
    return made


def roofline(run: Run) -> Any:
    """FLOP/s against FLOP per byte of every row that has both, below the ceilings of this machine."""
    rows = [r for r in run.rows if r.bytes and r.flop and r.ours in r.times and (r.ceiling or "") in run.ceilings]
    if not rows or "copy" not in run.ceilings:
        return None
    made = figure(6.4, 4.8)
    axes = made.subplots()
    intensity = [r.flop / r.bytes for r in rows]
    low, high = min(intensity) / 2, max(intensity) * 2
    _ceilings(axes, run, low, high)
    kinds = list(dict.fromkeys((r.suite, r.ours) for r in rows))
    for k, kind in enumerate(kinds):
        of_kind = [r for r in rows if (r.suite, r.ours) == kind]
        axes.scatter([r.flop / r.bytes for r in of_kind], [r.flop / r.times[r.ours].median for r in of_kind], s=40,
                     marker=MARKERS[k], color=color(kind[1]), label=f"{kind[0]}, {kind[1]}", alpha=0.85)  # fmt: skip
    best = [r for r in rows if r.ratio]
    axes.scatter([r.flop / r.bytes for r in best], [r.flop / r.times[r.ratio.peer].median for r in best], s=60,
                 facecolors="none", edgecolors="#111111", linewidths=0.8, label="the best peer")  # fmt: skip
    axes.set(xscale="log", yscale="log", xlim=(low, high), xlabel="FLOP per byte that must move", ylabel="FLOP/s")
    axes.set_title("Roofline: how far below what this machine can do", loc="left", fontsize=11)
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    plain(axes)
    return made


def _ceilings(axes: Any, run: Run, low: float, high: float) -> None:
    """Lines, with names where no mark is: right of the frame, and above all that is possible."""
    copy, tops = run.ceilings["copy"]["per_s"], []
    for name, bound in run.ceilings.items():
        if bound["unit"] == "flop":
            top = bound["per_s"]
            xs = [low, top / copy, high] if low < top / copy < high else [low, high]
            axes.plot(xs, [min(top, x * copy) for x in xs], color="#9ca3af", linewidth=1.2, zorder=0)
            text = f"{name}:\n{top / 1e9:.0f} GFLOP/s"
            axes.text(1.01, top, text, fontsize=8, va="center", color=OTHER, transform=axes.get_yaxis_transform())
            tops.append(top)
    ridge = min(max(tops) / copy, high)
    if low < ridge:
        at, line = low**0.7 * ridge**0.3, {"arrowstyle": "-", "color": "#9ca3af", "linewidth": 0.8}
        axes.annotate(f"copy: {copy / 1e9:.1f} GB/s", (at, at * copy), (0.01, 0.995), textcoords="axes fraction",
                      va="top", fontsize=8, color=OTHER, arrowprops=line)  # fmt: skip


def bandwidth(run: Run) -> Any:
    """Bytes a second over the number of elements, of the operations measured at several sizes, beside a copy."""
    series: dict[tuple[str, str], list[Row]] = {}
    for row in run.rows:
        if row.suite == "ops" and row.bytes and row.name in SHOWN:
            series.setdefault((row.name, row.params["part"]), []).append(row)
    if not any(len(rows) > 1 for rows in series.values()):
        return None
    copy_s = _copies(run)
    made = figure(6.4, 4.2)
    for axes, part in zip(made.subplots(1, 2, sharey=True), ("forward", "VJP"), strict=True):
        of_part = {name: rows for (name, which), rows in series.items() if which == part}
        for (name, rows), shade in zip(of_part.items(), COLORS.values(), strict=False):
            speeds = _speeds(rows, lambda r: r.times["gpugrad"].median)
            axes.plot(*speeds, marker="o", markersize=4, color=shade, label=name)
        copies = next(iter(of_part.values()), [])
        speeds = _speeds(copies, lambda r: copy_s[r.bytes or 0])
        axes.plot(*speeds, color="black", linestyle="--", linewidth=1, label="a copy as large")
        axes.set(xscale="log", yscale="log", xlabel="elements")
        axes.set_title(part, loc="left", fontsize=11)
        plain(axes)
    made.axes[0].set_ylabel("GB/s")
    made.axes[0].yaxis.set_major_formatter("{x:g}")
    made.axes[1].legend(frameon=False, fontsize=8, loc="lower right")
    return made


def _copies(run: Run) -> dict[int, float]:
    """{bytes: seconds, the median of all copies of so many}: one pair of arrays may take twice as long as another."""
    found: dict[int, list[float]] = {}
    for row in run.rows:
        if row.suite == "ops" and row.bytes and "ceiling" in row.times:
            found.setdefault(row.bytes, []).append(row.times["ceiling"].median)
    return {n: median(times) for n, times in found.items()}


def _speeds(rows: list[Row], seconds: Callable[[Row], float]) -> tuple[list[int], list[float]]:
    rows = sorted(rows, key=lambda r: r.params["n"])
    return [r.params["n"] for r in rows], [(r.bytes or 0) / seconds(r) / 1e9 for r in rows]


def scaling(run: Run) -> Any:
    """Each series of the fits: measured points, the fitted power, and the theory's slope."""
    panels: dict[str, list[Fit]] = {}
    for fit in run.fits:
        panels.setdefault(f"{fit.name.partition(',')[0]} over {fit.over}", []).append(fit)
    if not panels:
        return None
    n_rows = -(-len(panels) // 2)
    made = figure(6.4, 2.9 * n_rows)
    grid = made.subplots(n_rows, 2, squeeze=False).ravel()
    for axes, (title, fits) in zip(grid, panels.items(), strict=False):
        for fit, shade in zip(fits, SERIES, strict=False):
            _series(axes, fit, shade)
        _power_axes(axes, fits)
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_xlabel(fits[0].over)
        axes.legend(frameon=False, fontsize=7.5)
        plain(axes)
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    for axes in grid[: len(panels) : 2]:
        axes.set_ylabel("seconds")
    return made


def _series(axes: Any, fit: Fit, shade: str) -> None:
    text = f"{fit.name.partition(', ')[2]}: {fit.exponent.median:.2f}, theory {fit.theory:g}"
    axes.plot(fit.sizes, fit.seconds, marker="o", markersize=4, color=shade, label=text)
    by_theory = [fit.seconds[-1] * (s / fit.sizes[-1]) ** fit.theory for s in fit.sizes]
    axes.plot(fit.sizes, by_theory, color=shade, linestyle=":", linewidth=1)


def _power_axes(axes: Any, fits: list[Fit]) -> None:
    """Logarithmic; ticks at the sizes, and room above for the names."""
    from matplotlib.ticker import LogLocator

    seconds = [t for fit in fits for t in fit.seconds]
    axes.set(xscale="log", yscale="log", ylim=(min(seconds) / 2, max(seconds) * 5))
    sizes = fits[0].sizes if len(fits[0].sizes) < 5 else fits[0].sizes[::2]
    axes.set_xticks(sizes, [f"{s:,.0f}" for s in sizes], fontsize=8)
    axes.minorticks_off()
    axes.yaxis.set_major_locator(LogLocator(10, subs=(1.0, 3.0)))
    axes.yaxis.set_major_formatter("{x:g}")
