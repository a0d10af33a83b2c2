"""Adam, and AdamW with its decoupled weight decay."""

from __future__ import annotations

import math
from typing import Any

from .optimizer import Optimizer, Params
from .options import at_least_zero, below_one


class Adam(Optimizer):
    """Adam: steps along the mean gradient, scaled by the root of its mean square, both exponentially forgetting.

        g <- g + weight_decay p
        m <- beta1 m + (1 - beta1) g
        v <- beta2 v + (1 - beta2) g^2
        p <- p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    With `amsgrad` the largest v so far takes v's place in the last line.
    State: exp_avg (m), exp_avg_sq (v), max_exp_avg_sq with amsgrad.
    Raises ArgumentError for a negative option or a beta outside [0, 1).
    Source: Kingma and Ba, Adam: A method for stochastic optimization (2015); Reddi, Kale and Kumar, On the convergence
    of Adam and beyond (2018) for amsgrad.
    """

    decoupled = False

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
    ) -> None:
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad}
        super().__init__(params, options)

    def check(self, group: dict[str, Any], label: str) -> None:
        at_least_zero(group, label, "lr", "eps", "weight_decay")
        below_one(group, label, "betas")

    def slots(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if group["amsgrad"] else ("exp_avg", "exp_avg_sq")

    def coefficients(self, group: dict[str, Any], t: int) -> tuple[float, ...]:
        lr, decay, (beta1, beta2) = group["lr"], group["weight_decay"], group["betas"]
        # Both bias corrections go into the step and eps, which saves two passes (end of section 2 of the paper).
        root = math.sqrt(1 - beta2**t)
        step, eps = lr * root / (1 - beta1**t), group["eps"] * root
        return 1 - lr * decay if self.decoupled else decay, 1 - beta1, beta2, 1 - beta2, step, eps

    def kernel(self, group: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return "adam", {"decay": bool(group["weight_decay"]), "decoupled": self.decoupled}

    def update(self, xp: Any, group: dict[str, Any], c: Any, p: Any, g: Any, state: Any, out: Any, tmp: Any) -> None:
        decay, new1, beta2, new2, step, eps = c
        m, v = state[:2]
        if group["weight_decay"]:
            if self.decoupled:
                xp.multiply(p, decay, out=p)
            else:
                xp.multiply(p, decay, out=tmp)
                g = xp.add(tmp, g, out=tmp)
        xp.subtract(g, m, out=out)
        xp.multiply(out, new1, out=out)
        xp.add(m, out, out=m)
        xp.multiply(v, beta2, out=v)
        xp.multiply(g, g, out=out)
        xp.multiply(out, new2, out=out)
        xp.add(v, out, out=v)
        if len(state) == 3:
            v = xp.maximum(state[2], v, out=state[2])
        xp.sqrt(v, out=out)
        xp.add(out, eps, out=out)
        xp.divide(m, out, out=out)
        xp.multiply(out, step, out=out)
        xp.subtract(p, out, out=p)


class AdamW(Adam):
    """Adam with decoupled weight decay: p <- p - lr weight_decay p before Adam's update, the gradient left alone.

    State and errors as Adam's; weight_decay is 0.01 unless given.
    Source: Loshchilov and Hutter, Decoupled weight decay regularization (2019), in the form with lr times weight_decay.
    """

    decoupled = True

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad)
