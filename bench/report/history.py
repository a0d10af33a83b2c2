"""Several files of one machine: how the ratios went."""

from statistics import geometric_mean
from typing import Any

from bench.report.drawing import MARKERS, figure, plain, png, ratios
from bench.report.tables import with_peers
from bench.suites.row import Row, Run

SHADES = ("#0b6e4f", "#d1603d", "#3b6fb6", "#8a63b8", "#c99a00", "#2a9db0", "#6b7280")


def series(runs: list[Run]) -> dict[str, list[tuple[str, float]]]:
    """{suite: [(when and commit, geometric mean of the rows that all of these runs have)]}; none for a single run."""
    last = runs[-1]
    same = [r for r in runs if r.machine.get("id") == last.machine.get("id") and _alike(r, last)]
    same.sort(key=lambda r: r.started)
    found: dict[str, list[tuple[str, float]]] = {}
    for suite in dict.fromkeys(row.suite for row in _timed(last) if len(same) > 1):
        found_in = [{r.key: r.ratio.median for r in _timed(run) if r.suite == suite} for run in same]
        if keys := set.intersection(*map(set, found_in)):
            names = [f"{run.started[:10]}\n{run.commit}" for run in same]
            means = [geometric_mean(one[key] for key in keys) for one in found_in]
            found[suite] = list(zip(names, means, strict=True))
    return found


def _timed(run: Run) -> list[Row]:
    return [row for row in with_peers(run) if row.unit == "s"]


def _alike(a: Run, b: Run) -> bool:
    return a.device == b.device and a.settings.get("threads") == b.settings.get("threads")


def picture(found: dict[str, list[tuple[str, float]]]) -> bytes | None:
    """A line for each suite over the runs."""
    if not found:
        return None
    made = figure(6.4, 3.6)
    axes: Any = made.subplots()
    for k, (suite, points) in enumerate(found.items()):
        xs = range(len(points))
        look = {"marker": MARKERS[k % len(MARKERS)], "color": SHADES[k % len(SHADES)]}
        axes.plot(xs, [mean for _, mean in points], label=suite, **look)
        axes.set_xticks(xs, [name for name, _ in points], fontsize=8)
    ratios(axes, "y")
    axes.set_ylabel("best peer / gpugrad")
    axes.set_title("Geometric means, of the rows that all runs have", loc="left", fontsize=11)
    made.legend(ncols=6, frameon=False, fontsize=8, loc="outside lower center")
    plain(axes)
    return png(made)
