"""gradient_flow(model): how large the gradient of each parameter is, as numbers and as a picture."""

import math
from pathlib import Path
from typing import Any, NamedTuple

from ..core.tensor import raw
from .naming import named_tensors


class GradientSize(NamedTuple):
    """How large one gradient is: its L2 norm, and the mean and the largest of its absolute values."""

    norm: float
    mean: float
    largest: float


def gradient_flow(model: Any, path: str | Path | None = None) -> dict[str, GradientSize | None]:
    """The size of the gradient of each parameter, in the model's order; None where there is no gradient.

    model: an object with `named_parameters()`, a dictionary {name: tensor} (it may be nested), or (name, tensor) pairs.
    path: where to draw the picture, a bar for each parameter on a logarithmic axis; .png, .svg or .pdf.

    Gradients that shrink from the last layer to the first by orders of magnitude vanish; growing ones explode.  A
    parameter without a gradient takes no part in the loss, or backward() has not run.
    Raises ArgumentTypeError for what holds no tensors; for the picture, ArgumentError for another suffix, StorageError,
    and MissingDependencyError without matplotlib.

    >>> import gpugrad as gg
    >>> w, b, c = (gg.Tensor([3.0, 4.0], requires_grad=True) for _ in range(3))
    >>> (w * w * 0.5 + b).backward([1.0, 1.0])
    >>> gradient_flow({"w": w, "c": c})
    {'w': GradientSize(norm=5.0, mean=3.5, largest=4.0), 'c': None}
    """
    parameters = named_tensors("gradient_flow", "model", model)
    sizes = {name: None if t.grad is None else _size(raw(t.grad)) for name, t in parameters.items()}
    if path is not None:
        from .flow_picture import draw

        draw(sizes, path)
    return sizes


def _size(g: Any) -> GradientSize:
    """Scaled by the largest element, so that squaring neither overflows nor underflows."""
    if not g.size:
        return GradientSize(0.0, 0.0, 0.0)
    a = abs(g.astype("float64"))
    largest = float(a.max())
    if not largest or not math.isfinite(largest):
        return GradientSize(largest, float(a.mean()), largest)
    return GradientSize(largest * math.sqrt(float(((a / largest) ** 2).sum())), float(a.mean()), largest)
