"""Updates on a CUDA device in one launch for many parameters, where the rule has a kernel."""

from __future__ import annotations

from typing import Any


def has_kernel(rule: Any) -> bool:
    """True for our rules; one made from them with an update of its own has no kernel."""
    owner = next(kind for kind in type(rule).__mro__ if "update" in vars(kind))
    return "kernel" in vars(owner)


def update(bucket: Any, rule: Any, group: dict[str, Any], c: Any, grads: list[Any], ks: list[int]) -> bool:
    """Update parameters `ks` of `bucket`, all with gradients; False, and nothing changed, where no kernel serves."""
    if not has_kernel(rule):
        return False
    from ..cuda import optimizer

    name, options = rule.kernel(group)
    starts, state = [bucket.spans[k][0] for k in ks], [bucket.flat[slot] for slot in bucket.names]
    flat = optimizer.Flat(starts, state, bucket.flat.get("master"))
    params, grads = [bucket.datas[k] for k in ks], [grads[k] for k in ks]
    return getattr(optimizer, name)(params, grads, flat, c, **options) is not NotImplemented


def clip_norm(arrays: list[Any]) -> Any:
    """The norm over all gradients, 0-d float64 on the device, or NotImplemented."""
    from ..cuda import optimizer

    return optimizer.grad_norm(arrays)


def clip(arrays: list[Any], total: Any, max_norm: float) -> bool:
    """Scale all gradients by min(1, max_norm / (total + 1e-6)); False, and nothing changed, where no kernel serves."""
    from ..cuda import optimizer

    return optimizer.clip_by_norm(arrays, total, max_norm) is not NotImplemented
