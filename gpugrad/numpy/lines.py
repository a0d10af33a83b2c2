"""Along one axis: sums so far, differences, order, quantiles, and the functions that pass over NaN."""

from typing import Any

import numpy as np

from .. import ops
from ..core.transform import as_value
from .table import enter, enter_constant
from .values import stacked

_G = "along an axis"

SMOOTH = (
    "cumsum cumprod cumulative_sum cumulative_prod diff ediff1d gradient trapezoid interp sort partition median "
    "percentile quantile nansum nanprod nanmean nanvar nanstd nanmax nanmin nanmedian nanquantile nanpercentile "
    "nancumsum nancumprod unwrap"
)
CONSTANT = "argsort argpartition nanargmax nanargmin searchsorted digitize lexsort"


def apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """func1d of each line along an axis; its result takes the place of the line."""
    arr = as_value(arr)
    at = axis % arr.ndim
    rows = ops.moveaxis(arr, at, -1)
    lead = tuple(rows.shape[:-1])
    flat = ops.reshape(rows, (int(np.prod(lead)), rows.shape[-1]))
    ys = ops.stack([as_value(stacked(func1d(flat[i], *args, **kwargs))) for i in range(flat.shape[0])])
    own = tuple(ys.shape[1:])
    y = ops.reshape(ys, lead + own)
    return ops.moveaxis(y, range(len(lead), y.ndim), range(at, at + len(own))) if own else y


def apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    """func(a, axis) for one axis after the other, keeping as many axes."""
    a = as_value(a)
    for axis in np.atleast_1d(axes):
        axis = int(axis) % a.ndim
        y = func(a, axis)
        a = y if y.ndim == a.ndim else ops.expand_dims(y, axis)
    return a


for _name in SMOOTH.split():
    if callable(getattr(ops, _name, None)):
        enter(_G, _name, getattr(ops, _name))
for _name in CONSTANT.split():
    if callable(getattr(ops, _name, None)):
        enter_constant(_G, _name, getattr(ops, _name))
enter(_G, "apply_along_axis", apply_along_axis, "a Python loop")
enter(_G, "apply_over_axes", apply_over_axes)
