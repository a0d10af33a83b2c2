"""The mean of a cross entropy, whose gradient comes from the same pass over the logits."""

import math
from typing import Any

import numpy as np

from ...core.namespace import PRIMITIVES
from ..ir import Call, Program, Value
from .matching import Sheet, rewritten_at, uniform


def fuse_losses(program: Program) -> Program:
    """mean(cross_entropy_index(z, t)) and its gradient, g / N of all samples, as cross_entropy_mean."""
    return rewritten_at(program, "cross_entropy_index", _fuse_loss)


def _fuse_loss(sheet: Sheet, call: Call) -> None:
    (losses, p), (logits, target) = call.outputs, call.inputs
    means = sheet.readers_of(losses, "mean")
    pulls = sheet.readers_of(p, "cross_entropy_index_grad")
    if max(len(means), len(pulls)) > 1 or not losses.size:
        return
    if not (sheet.only_for(losses, means) and sheet.only_for(p, pulls) and all(_of_all(m, losses) for m in means)):
        return
    slope, after = p, list[Call]()
    for pull in pulls:
        factor = factor_of_mean(sheet, pull.inputs[0], losses.size)
        if factor is None or pull.inputs[1:] != (p, target) or not (means or factor == 1):
            return
        if factor != 1 and (p.dtype.itemsize < 4 or getattr(factor, "dtype", p.dtype) != p.dtype):
            return  # what loss scaling saves from underflow would be lost in a slope of 2 bytes
        slope, after = _scaled(pull.outputs[0], factor)
    value = means[0].outputs[0] if means else Value(np.empty((), losses.dtype), "temp")
    outputs = value, slope, Value(np.empty((), np.int64), "temp")
    new = Call(PRIMITIVES["cross_entropy_mean"], (logits, target, None), outputs, {"smoothing": 0.0})
    sheet.replace((call, *means), [new], at=call)
    for pull in pulls:
        sheet.replace((pull,), after, at=pull)


def _of_all(mean: Call, losses: Value) -> bool:
    return mean.params["axis"] == tuple(range(len(losses.shape))) and not mean.params["keepdims"]


def factor_of_mean(sheet: Sheet, g: Any, n: int) -> Any:
    """u, a number or a 0-d Value, where g is u / n everywhere: the cotangent of n summands of a mean; else None."""
    number = uniform(g)
    if number is not None:
        return _rounded(float(number) * n, g.dtype)
    spread = sheet.maker(g, "unreduce")
    if spread is None or spread.inputs[0].shape != () or math.prod(spread.params["shape"]) != n:
        return None
    source = spread.inputs[0]
    number = uniform(source)
    if number is not None:
        return _rounded(float(number) * n, g.dtype)
    share = sheet.maker(source, "divide")
    if share is None or uniform(share.inputs[1]) != n:
        return None
    return 1 if sheet.maker(share.inputs[0], "ones_like") is not None else share.inputs[0]


def _rounded(u: float, dtype: Any) -> Any:
    """1 where u differs from it by the rounding of 1 / n alone."""
    return 1 if abs(u - 1) <= 4 * float(np.finfo(dtype).eps if dtype.kind == "f" else 2.0**-7) else u


def _scaled(dz: Value, factor: Any) -> tuple[Value, list[Call]]:
    """The Value of the slope of the mean, and the calls that make dz of it."""
    if factor == 1:
        return dz, []
    slope = Value(np.broadcast_to(np.empty((), dz.dtype), dz.shape), "temp")
    slope.layout = None
    return slope, [Call(PRIMITIVES["multiply"], (slope, factor), (dz,), {})]
