"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentError
from .optimizer import Optimizer, Params
from .options import at_least_zero


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if asked for.

        g <- g + weight_decay p
        b <- momentum b + (1 - dampening) g      (b = g at the first update)
        p <- p - lr b                            (Nesterov: p - lr (g + momentum b); without momentum: p - lr g)

    State: momentum_buffer (b), where momentum is not 0.
    Raises ArgumentError for a negative option, and for Nesterov without momentum or with dampening.
    Source: Sutskever, Martens, Dahl and Hinton, On the importance of initialization and momentum in deep learning
    (2013), with lr outside the buffer, so that a change of lr acts at once.

    >>> from gpugrad import Tensor
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = SGD([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.tolist()
    [0.0, 0.0]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        options = {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay}
        super().__init__(params, {**options, "nesterov": nesterov})

    def check(self, group: dict[str, Any], label: str) -> None:
        at_least_zero(group, label, "lr", "momentum", "weight_decay")
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ArgumentError(
                f"{label}: nesterov=True with momentum {group['momentum']} and dampening {group['dampening']}; "
                "expected momentum above 0 and no dampening"
            )

    def slots(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("momentum_buffer",) if group["momentum"] else ()

    def coefficients(self, group: dict[str, Any], t: int) -> tuple[float, ...]:
        return group["lr"], group["weight_decay"], group["momentum"], 1 if t == 1 else 1 - group["dampening"]

    def kernel(self, group: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return "sgd", {"decay": bool(group["weight_decay"]), "nesterov": bool(group["nesterov"])}

    def update(self, xp: Any, group: dict[str, Any], c: Any, p: Any, g: Any, state: Any, out: Any, tmp: Any) -> None:
        lr, decay, momentum, taken = c
        if group["weight_decay"]:
            xp.multiply(p, decay, out=tmp)
            g = xp.add(tmp, g, out=tmp)
        if state:
            (b,) = state
            xp.multiply(b, momentum, out=b)
            xp.add(b, xp.multiply(g, taken, out=out) if group["dampening"] else g, out=b)
            if group["nesterov"]:
                xp.multiply(b, momentum, out=out)
                g = xp.add(out, g, out=out)
            else:
                g = b
        xp.multiply(g, lr, out=out)
        xp.subtract(p, out, out=p)
