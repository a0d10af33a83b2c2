"""Gradient sizes as a bar picture: a row for each parameter, the first layer on top, on a logarithmic axis."""

import io
import math
from pathlib import Path
from typing import Any

from ..errors import ArgumentError, MissingDependencyError
from .flow import GradientSize
from .rendering import write

BAR, DOT, BAD, INK, FAINT = "#8fb3d9", "#1f4e79", "#b3261e", "#333333", "#9a9a9a"
SUFFIXES = (".png", ".svg", ".pdf")
FLOOR = 1e-100  # smaller values are drawn there, and larger ones at its inverse: the axis stays within float64
ROW_INCHES, MOST_INCHES = 0.29, 200.0  # Agg draws at most 2^16 pixels


def draw(sizes: dict[str, GradientSize | None], path: str | Path) -> None:
    """Write the picture.  Raises ArgumentError, MissingDependencyError, StorageError as `gradient_flow` says."""
    kind = Path(path).suffix.lower()
    if kind not in SUFFIXES:
        raise ArgumentError(
            f"gradient_flow: the path is {str(path)!r}; expected a name that ends in {', '.join(SUFFIXES)}"
        )
    if not sizes:
        raise ArgumentError("gradient_flow: there are no parameters; expected one at least for a picture")
    figure = _figure(len(sizes))
    axis = figure.add_subplot(xscale="log")
    low, high = _limits(sizes)
    for row, size in enumerate(sizes.values()):
        _bar(axis, row, size, low)
    _dress(axis, list(sizes), low, high)
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind[1:], dpi=144)
    write(path, buffer.getvalue())


def _figure(n_rows: int) -> Any:
    """A figure of the Agg backend, apart from pyplot and its global state."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            "gradient_flow: matplotlib is not installed; run: pip install 'gpugrad[train]'"
        ) from error
    height = min(MOST_INCHES, 1.15 + ROW_INCHES * n_rows)
    figure = Figure(figsize=(8.0, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _drawn(value: float) -> float:
    return min(max(value, FLOOR), 1 / FLOOR)


def _limits(sizes: dict[str, GradientSize | None]) -> tuple[float, float]:
    """Whole decades around all that is drawn, with room for the numbers behind the bars."""
    finite = [value for size in sizes.values() if size is not None for value in size if 0 < value < math.inf] or [1.0]
    low, high = math.floor(math.log10(_drawn(min(finite)))), math.log10(_drawn(max(finite)))
    low -= high - low < 1
    return 10.0**low, 10.0 ** (high + 0.14 * (high - low))


def _bar(axis: Any, row: int, size: GradientSize | None, low: float) -> None:
    def note(text: str, at: float = low, **style: Any) -> None:
        axis.annotate(text, (at, row), xytext=(5, 0), textcoords="offset points", va="center", fontsize=8.5, **style)

    if size is None:
        note("no gradient", color=FAINT, style="italic")
    elif not all(map(math.isfinite, size)):
        note("NaN" if math.isnan(size.norm) else "infinite", color=BAD, weight="bold")
    elif not size.norm:
        note("0", color=BAD)
    else:
        norm, mean, largest = map(_drawn, size)
        axis.barh(row, norm - low, left=low, height=0.62, color=BAR)
        axis.plot([mean], [row], "o", color=DOT, markersize=4.5)
        axis.plot([largest], [row], "|", color=DOT, markersize=9, markeredgewidth=1.8)
        note(f"{size.norm:.2g}", max(norm, largest), color=INK)


def _dress(axis: Any, names: list[str], low: float, high: float) -> None:
    axis.set_xlim(low, high)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.set_yticks(range(len(names)), names)
    axis.set_title("Gradient of each parameter", loc="left", fontsize=10.5, color=INK, weight="bold", pad=22)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.spines["bottom"].set_color(FAINT)
    axis.tick_params(which="both", color=FAINT, labelsize=8.5, labelcolor=INK)
    axis.tick_params(axis="x", which="minor", labelbottom=False)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x", color="#e6e6e6", linewidth=0.8)
    axis.set_axisbelow(True)
    axis.plot([], [], "s", color=BAR, markersize=8, label="L2 norm")
    axis.plot([], [], "o", color=DOT, markersize=4.5, label="mean of absolute values")
    axis.plot([], [], "|", color=DOT, markersize=9, markeredgewidth=1.8, label="largest absolute value")
    axis.legend(frameon=False, fontsize=8.5, ncols=3, loc="lower left", bbox_to_anchor=(-0.01, 1.0), borderaxespad=0.0)
