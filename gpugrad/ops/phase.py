"""Angles that are not to jump by a whole period from one to the next."""

import math
from typing import Any

from ..core.primitive import primitive
from ..core.transform import as_value
from .axes import normal_axis


@primitive(family="axis", widen=True)
def unwrap_(xp: Any, x: Any, *, axis: int, discont: float, period: float) -> Any:
    """x plus whole periods, so that neighbours along the axis differ by at most half of one."""
    return xp.unwrap(x, discont=discont, axis=axis, period=period)


unwrap_.vjp(lambda F, g, y, x, *, axis, discont, period: g)


@unwrap_.jvp
def _(F, t, y, x, *, axis, discont, period):
    return t


def unwrap(p: Any, discont: float | None = None, axis: int = -1, *, period: float = 2 * math.pi) -> Any:
    """p plus whole periods wherever neighbours along `axis` differ by more than `discont`, by default half a period.

    What is added is constant between the jumps, so the gradient is that of p.  Raises ShapeError.
    """
    p = as_value(p)
    jump = period / 2 if discont is None else discont
    return unwrap_(p, axis=normal_axis("unwrap", axis, p.ndim), discont=jump, period=period)


__all__ = ["unwrap"]
