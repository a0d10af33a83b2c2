"""Orthonormal columns, and the further ones that complete them to a basis, as svd and qr give them on request.

What completes k columns u1 is any basis u2 of their complement.  The derivative taken is du2 = -u1 du1^T u2, which
keeps the whole orthonormal and does not turn u2 in itself: right for every function of the space alone, as u2 u2^T is.
"""

from typing import Any

import numpy as np

from ..core.primitive import primitive
from ..errors import GradientError
from .linalg_parts import mt, product, skew, split_columns


@primitive(differentiable=False)
def require_no_turn(xp: Any, x: Any, scale: Any, *, name: str) -> Any:
    """x, the skew part that a gradient of u2 has along u2; GradientError where it is more than rounding beside `scale`.

    A function of the space alone has none: u2^T g is symmetric.  On a GPU, where looking would wait, nothing is raised.
    """
    allowed = float(np.finfo(x.dtype).eps) ** 0.5 if x.dtype.kind == "f" else 0.1
    if xp is np and x.size and not abs(x).max() <= allowed * max(abs(scale).max(), 1e-300):
        raise GradientError(
            f"{name}: the function depends on which columns complete the basis, a free choice, so it has no gradient; "
            "use the reduced form, or only what these columns span (u2 @ u2.mT)"
        )
    return x


@require_no_turn.batch
def _(F, batched, x, scale, *, name):
    y = require_no_turn(x, scale, name=name)
    return y if batched[0] else F.broadcast_to(y, shape=(scale.shape[0], *y.shape))


def onto_first(F: Any, name: str, u: Any, g: Any, k: int) -> tuple[Any, Any]:
    """(u1, the gradient for u1 alone), for u = [u1, u2] and its gradient g, which may be None."""
    if u.shape[-1] == k:
        return u, g
    u1, u2 = split_columns(F, u, k)
    if g is None:
        return u1, None
    g1, g2 = split_columns(F, g, k)
    if u2.shape[-1] > 1:
        F.require_no_turn(skew(F, F.matmul(mt(F, u2), g2)), g2, name=name)
    return u1, g1 - product(F, u2, mt(F, g2), u1)


def with_complement(F: Any, u: Any, t1: Any) -> Any:
    """The tangent of u = [u1, u2], for the tangent t1 of u1."""
    k = t1.shape[-1]
    if u.shape[-1] == k:
        return t1
    u1, u2 = split_columns(F, u, k)
    return F.concatenate(t1, -product(F, u1, mt(F, t1), u2), axis=u.ndim - 1)
