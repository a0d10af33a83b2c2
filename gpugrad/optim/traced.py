"""An optimizer's step while a function is compiled: the rule, on parameters laid end to end in one array.

The rule itself runs unchanged on traced arrays.  The numbers that change from step to step are recomputed before every
run of the program, so that schedules act without another trace.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..core.namespace import RAW
from ..core.tape import extra_of
from ..core.tensor import raw, wrap
from ..core.trace_state import State
from ..core.traced import Traced
from ..errors import ShapeError, TraceError
from . import launched


def step(bucket: Any, rule: Any, group: dict[str, Any], state: State) -> None:
    """Record one update of every parameter of `bucket` that has a gradient."""
    if any(bucket is b for b in state.stepped_if):
        raise TraceError(
            "compile: an optimizer is stepped again after a step that a GradScaler may skip, and how many were made is "
            "known after the call; expected one step in each call"
        )
    names = rule.slots(group)
    if names != bucket.names:
        bucket.allocate(names)
    state.guards.append((partial(_options, group), _options(group)))
    grads = [_gradient(bucket, k) for k in range(len(bucket.params))]
    if bucket.xp is np:
        _lay_end_to_end(bucket, state)  # a kernel takes a list of arrays that lie anywhere
    state.guards.append((lambda: bucket.even is None, bucket.even is None))
    if state.only_if is not None:
        return _step_if(bucket, rule, group, state, grads)
    count = _updates(bucket, rule, group, state, grads)
    state.each_time(partial(count, 1), partial(count, -1))


def _updates(bucket: Any, rule: Any, group: dict[str, Any], state: State, grads: list[Any]) -> Callable[[int], None]:
    """Record the updates of all together, or one by one where they differ; a function that counts them."""
    if bucket.even is not None and all(g is not None for g in grads):
        _update(bucket, rule, group, state, bucket._order, grads, lambda: bucket.even + 1)
        return partial(_count_all, bucket)
    there = [k for k in bucket._order if grads[k] is not None]
    for k in there:
        _update(bucket, rule, group, state, [k], grads, partial(_next_step, bucket, k))
    return partial(_count, bucket, there)


def _step_if(bucket: Any, rule: Any, group: dict[str, Any], state: State, grads: list[Any]) -> None:
    """The same under a condition: where it does not hold, everything is written as it was."""
    F = RAW[Traced]
    (condition, place), state.only_if = state.only_if, None  # type: ignore[misc]
    zero = np.zeros((), bucket.compute)  # for what is not finite, of which nothing comes
    grads = [g if g is None else F.where(condition, g.astype(bucket.compute, copy=False), zero) for g in grads]
    written = [raw(p) for p in bucket.params] + [state.array(flat) for flat in bucket.flat.values()]
    before = [(t, t.copy()) for t in written]
    count = _updates(bucket, rule, group, state, grads)
    for t, old in before:
        if t.value is not old.value:
            t.write(F.where(condition, t, old))
    state.stepped_if.append(bucket)
    state.after.append(lambda: count(1) if place else None)
    state.only_if = condition, place


def _options(group: dict[str, Any]) -> tuple[bool, ...]:
    """What a rule may branch on: which options are on, and not their values, which are numbers of each step."""
    return tuple([bool(value) for name, value in group.items() if name not in ("params", "lr", "initial_lr")])


def _next_step(bucket: Any, k: int) -> int:
    return bucket.step_of(k) + 1


def _count_all(bucket: Any, by: int) -> None:
    bucket.even += by


def _count(bucket: Any, there: list[int], by: int) -> None:
    bucket.set_steps([bucket.step_of(k) + by * (k in there) for k in range(len(bucket.params))])


def _gradient(bucket: Any, k: int) -> Any:
    grad = bucket.params[k].grad
    if grad is None:
        return None
    if grad.shape != bucket.shapes[k]:
        raise ShapeError(
            f"{bucket.labels[k]} has shape {bucket.shapes[k]} and its gradient {grad.shape}; expected the same"
        )
    return raw(grad)


def _lay_end_to_end(bucket: Any, state: State) -> None:
    """Move the parameters into one array, and keep a place of that form for their gradients, once."""
    params, grads = _rooms(bucket)
    for k, p in enumerate(bucket.params):
        raw(p)  # reading it makes it known to the trace
        value, place = state.tensors[id(p)].value, _part(params, bucket, k)
        if _address(value.array) != _address(place):
            place[...] = value.array
            value.array = bucket.datas[k] = place
        _give_home(p, _part(grads, bucket, k))
    bucket._link()


def lay_together(optimizer: Any) -> None:
    """Move the parameters of each bucket into one array now, so that what is compiled before the step finds them there.

    Otherwise the first trace of the step moves them, and programs made before it no longer hold.
    """
    for bucket in [bucket for buckets in optimizer._buckets for bucket in buckets if bucket.xp is np]:
        params, grads = _rooms(bucket)
        for k, p in enumerate(bucket.params):
            if p.data is not bucket.datas[k]:
                bucket._replaced(k)
            place = _part(params, bucket, k)
            if _address(p.data) != _address(place):
                place[...] = p.data
                p.data = bucket.datas[k] = place
            _give_home(p, _part(grads, bucket, k))
        bucket._link()


def _rooms(bucket: Any) -> tuple[Any, Any]:
    """Flat arrays for all parameters of a bucket and for their gradients."""
    if getattr(bucket, "together", None) is None:
        bucket.together = bucket._empty(bucket.size, bucket.dtype), bucket._empty(bucket.size, bucket.dtype)
    rooms: tuple[Any, Any] = bucket.together
    return rooms


def _give_home(p: Any, place: Any) -> None:
    """Let programs leave p's gradient in `place`."""
    extra = None if p.node is None else extra_of(p.node)
    if extra is not None and (extra.home is None or _address(extra.home[0]) != _address(place)):
        extra.home = place, wrap(place, None, 0)


def _address(array: Any) -> Any:
    return array.__array_interface__["data"]


def _part(flat: Any, bucket: Any, k: int) -> Any:
    lo, hi = bucket.spans[k]
    return flat[lo:hi].reshape(bucket.shapes[k])


def _update(
    bucket: Any,
    rule: Any,
    group: dict[str, Any],
    state: State,
    ks: list[int],
    grads: list[Any],
    count: Callable[[], int],
) -> None:
    """Record the rule on parameters `ks`, which adjoin."""
    params = [raw(bucket.params[k]) for k in ks]
    c = state.numbers(
        *_places(bucket, state, len(rule.coefficients(group, 1))), lambda: rule.coefficients(group, count())
    )
    if bucket.xp is not np and launched.serves(bucket, rule, ks, grads):
        return launched.record(bucket, rule, group, state, ks, grads, c)
    F = RAW[Traced]
    lo, hi = bucket.spans[ks[0]][0], bucket.spans[ks[-1]][1]
    slots = [_slot(state.array(bucket.flat[name]), lo, hi) for name in bucket.names]
    g = _joined([grads[k] for k in ks]).astype(bucket.compute, copy=False)
    p = _joined(params).astype(bucket.compute, copy=False)
    if bucket.narrow:
        master = _slot(state.array(bucket.flat["master"]), lo, hi)
        rounded = F.astype(master, dtype=bucket.dtype)
        p = master.write(F.where(F.not_equal(_joined(params), rounded), p, master))
    scratch = [state.trace.as_traced(bucket._empty(hi - lo, bucket.compute)) for _ in range(2)]
    p = p if bucket.narrow else p.copy()
    rule.update(np, group, c, p, g, tuple(slots), *(s.copy() for s in scratch))
    for k, param in zip(ks, params, strict=True):
        a, b = (i - lo for i in bucket.spans[k])
        new = p if len(ks) == 1 else F.getitem(p, key=(slice(a, b),))
        param.write(F.reshape(new, shape=param.shape).astype(bucket.dtype, copy=False))


def _places(bucket: Any, state: State, n: int) -> tuple[Any, Any]:
    """Two arrays for n numbers: the one that Python writes, and the one that the program reads."""
    if bucket.xp is np:
        array = np.empty(n, bucket.compute)
        return array, array
    from ..cuda.sent import Sent

    with bucket.datas[0].device:
        state.sent = state.sent or Sent()
        places: tuple[Any, Any] = state.sent.room(n, bucket.compute)
    return places


def _joined(arrays: list[Any]) -> Any:
    F = RAW[Traced]
    flat = [F.reshape(a, shape=(a.size,)) for a in arrays]
    return flat[0] if len(flat) == 1 else F.concatenate(*flat, axis=0)


def _slot(flat: Any, lo: int, hi: int) -> Any:
    return flat if (lo, hi) == (0, flat.size) else RAW[Traced].getitem(flat, key=(slice(lo, hi),))
