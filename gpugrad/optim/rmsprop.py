"""RMSprop."""

from __future__ import annotations

from typing import Any

from .optimizer import Optimizer, Params
from .options import at_least_zero, below_one


class RMSprop(Optimizer):
    """RMSprop: the gradient divided by the root of its mean square, exponentially forgetting.

        g <- g + weight_decay p
        v <- alpha v + (1 - alpha) g^2
        a <- alpha a + (1 - alpha) g             (centered only)
        d <- g / (sqrt(v) + eps)                 (centered: sqrt(max(v - a^2, 0)) in place of sqrt(v))
        b <- momentum b + d                      (with momentum only; then p <- p - lr b)
        p <- p - lr d

    State: square_avg (v), grad_avg (a) if centered, momentum_buffer (b) where momentum is not 0.
    Raises ArgumentError for a negative option or alpha outside [0, 1).
    Source: Tieleman and Hinton, Lecture 6.5, rmsprop (2012); Graves, Generating sequences with recurrent neural
    networks (2013), equations 38 to 41, for the centered form, here with eps outside the root.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        options = {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay, "momentum": momentum}
        super().__init__(params, {**options, "centered": centered})

    def check(self, group: dict[str, Any], label: str) -> None:
        at_least_zero(group, label, "lr", "eps", "weight_decay", "momentum")
        below_one(group, label, "alpha")

    def slots(self, group: dict[str, Any]) -> tuple[str, ...]:
        centered = ("grad_avg",) if group["centered"] else ()
        return ("square_avg", *centered, "momentum_buffer") if group["momentum"] else ("square_avg", *centered)

    def coefficients(self, group: dict[str, Any], t: int) -> tuple[float, ...]:
        alpha = group["alpha"]
        return group["lr"], group["weight_decay"], group["momentum"], alpha, 1 - alpha, group["eps"]

    def kernel(self, group: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return "rmsprop", {"decay": bool(group["weight_decay"]), "centered": bool(group["centered"])}

    def update(self, xp: Any, group: dict[str, Any], c: Any, p: Any, g: Any, state: Any, out: Any, tmp: Any) -> None:
        lr, decay, momentum, alpha, new, eps = c
        v = state[0]
        if group["weight_decay"]:
            xp.multiply(p, decay, out=tmp)
            g = xp.add(tmp, g, out=tmp)
        xp.multiply(v, alpha, out=v)
        xp.multiply(g, g, out=out)
        xp.multiply(out, new, out=out)
        xp.add(v, out, out=v)
        if group["centered"]:
            a = state[1]
            xp.subtract(g, a, out=out)
            xp.multiply(out, new, out=out)
            xp.add(a, out, out=a)
            xp.multiply(a, a, out=out)
            xp.subtract(v, out, out=out)
            xp.maximum(out, 0, out=out)  # the variance of a steady gradient may round to less than 0
            xp.sqrt(out, out=out)
        else:
            xp.sqrt(v, out=out)
        xp.add(out, eps, out=out)
        xp.divide(g, out, out=out)
        if group["momentum"]:
            b = state[-1]
            xp.multiply(b, momentum, out=b)
            out = xp.add(b, out, out=b)
        xp.multiply(out, lr, out=tmp)
        xp.subtract(p, tmp, out=p)
