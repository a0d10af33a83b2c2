"""What the pictures share: size, colours, how they are written."""

import base64
import io
from pathlib import Path
from typing import Any

from bench.files import write

OURS_COLOR = "#0b6e4f"
COLORS = {
    "gpugrad": OURS_COLOR, "gpugrad compiled": "#13a574", "torch": "#d1603d", "torch.compile": "#8c2f16",
    "jax": "#3b6fb6", "autograd": "#8a63b8", "scikit-learn": "#c99a00", "numpy": "#6b7280", "mygrad": "#b5488a",
    "tinygrad": "#2a9db0", "cupy": "#4b8b3b",
}  # fmt: skip
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
OTHER = "#4b5563"


def color(who: str) -> str:
    """The same for one contestant in every picture."""
    return COLORS.get(who, OTHER)


def figure(width: float, height: float) -> Any:
    """A figure that needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(made)
    return made


def plain(axes: Any) -> None:
    """A quiet frame."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)


def ratios(axes: Any, along: str) -> None:
    """A logarithmic axis, "x" or "y", of ratios: 0.5×, 1×, 2×, with a line at 1."""
    from matplotlib.ticker import LogLocator, NullLocator

    axis = getattr(axes, f"{along}axis")
    axes.set(**{f"{along}scale": "log"})
    axis.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter("{x:g}×")
    (axes.axvline if along == "x" else axes.axhline)(1.0, color="black", linewidth=1)


def png(made: Any) -> bytes:
    """The picture's file."""
    buffer = io.BytesIO()
    made.savefig(buffer, dpi=144, format="png", metadata={"Software": None})
    return buffer.getvalue()


def inlined(picture: bytes) -> str:
    """The picture as a data address."""
    return "data:image/png;base64," + base64.b64encode(picture).decode()


def save(folder: Path, pictures: dict[str, bytes]) -> None:
    """NAME.png for each."""
    for name, picture in pictures.items():
        write(folder / f"{name}.png", picture)
