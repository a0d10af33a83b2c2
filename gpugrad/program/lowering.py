"""Pass "lower": each primitive's call becomes the elementary calls that its forward makes."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.declaring import or_else
from ..core.precision import widened
from ..ops import cross_entropy  # noqa: F401  (its primitives are looked up by name)
from ..ops.random import scale
from .elementary import Elementary
from .ir import Call, Program, Value
from .symbolic import Steps, Symbol, Unlowerable, new


def lower(program: Program) -> Program:
    """The program in elementary calls; a call whose forward cannot be read off stays."""
    return expanded(program, steps_of)


def expanded(program: Program, steps_for: Callable[[Call], tuple[Steps, tuple[Value, ...]]]) -> Program:
    """The program with each call as its steps, which come with the call's outputs among theirs."""
    calls: list[Call] = []
    renamed: dict[Value, Value] = {}
    quiet = program.quiet
    for call in program.calls:
        inputs = tuple(renamed.get(v, v) if type(v) is Value else v for v in call.inputs)
        steps, outputs = steps_for(Call(call.primitive, inputs, call.outputs, call.params))
        calls += steps
        quiet = quiet or steps.quiet
        renamed.update(zip(call.outputs, outputs, strict=True))
    new = program.with_calls(calls)
    new.replace(renamed)
    new.quiet = quiet
    return new


def steps_of(call: Call) -> tuple[Steps, tuple[Value, ...]]:
    """The elementary calls of a call, and its outputs among theirs; the call itself where there are no such."""
    if isinstance(call.primitive, Elementary):
        return Steps([call]), call.outputs
    steps = Steps()
    symbols = [Symbol(v, steps) if type(v) is Value else v for v in call.inputs]
    try:
        with np.errstate(over="warn"):
            y = _forward(call.primitive)(*symbols, **call.params)
    except Exception:  # whatever a forward makes of symbols, it runs on arrays
        return Steps([call]), call.outputs
    ys = y if isinstance(y, tuple) else (y,)
    if not all(isinstance(s, Symbol) and _alike(s, v) for s, v in zip(ys, call.outputs, strict=True)):
        return Steps([call]), call.outputs
    for s, v in zip(ys, call.outputs, strict=True):
        if s.value.kind == "temp" and s.value not in call.inputs:
            s.value.layout, s.value.scalar = v.layout, v.scalar
    return steps, tuple(s.value for s in ys)


def _alike(symbol: Symbol, v: Value) -> bool:
    return symbol.shape == v.shape and symbol.dtype == v.dtype


def _forward(p: Any) -> Callable[..., Any]:
    if p.name in RULES:
        return RULES[p.name]
    xp: Any = _UNSEEN if p.name in _LOOKING else np
    rule = getattr(np, p.direct) if p.direct else functools.partial(p.forward, xp)
    rule = widened(rule) if p.widen else rule
    make = p.makers.get("numpy")
    return or_else(make(np), rule) if make else rule


# Forwards that write into parts of arrays, in a form without such writes.


def _unreduce(x: Any, *, axis: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    return np.broadcast_to(x.reshape(tuple(1 if i in axis else n for i, n in enumerate(shape))), shape)


def _check_labels(target: Any, **params: Any) -> None:
    target.calls.append(Call(Elementary("labels", "check"), (target.value,), (), params))


def _one_hot(target: Any, *, n_classes: int, dtype: Any) -> Any:
    _check_labels(target, name="one_hot", shape=target.shape, n_classes=n_classes)
    return (target[..., None] == np.arange(n_classes)).astype(dtype)


def _index_set(x: Any, v: Any, *index: Any, key: Any) -> Any:
    """x + (v - x) at the place, which whole numbers bear without loss: it can be done where x lies."""
    if index or x.ndim != 1 or x.dtype.kind not in "iu" or v.dtype != x.dtype or v.shape or type(key[0]) is not int:
        raise Unlowerable
    return x + (v - x) * (np.arange(x.size) == key[0]).astype(x.dtype)


def _dropout(x: Any, key: Any, counter: Any, *, p: float) -> Any:
    """A mask, which gradients share, and what is pointwise."""
    _require_wide(x)
    names = (key, counter)
    if any(name.shape or name.dtype != np.uint64 for name in names):
        raise Unlowerable
    if p == 1.0:
        return np.zeros_like(x)
    kept = new(x.calls, Elementary("kept", "random"), names, x.shape, np.bool_, {"shape": x.shape, "p": p})
    return np.where(kept, x * scale(p), x.dtype.type(0))


def _cross_entropy_index(logits: Any, target: Any) -> Any:
    _require_wide(logits)
    shape, n_classes = logits.shape[:-1], logits.shape[-1]
    _check_labels(target, name="cross_entropy", shape=shape, n_classes=n_classes)
    d = logits - logits.max(axis=-1, keepdims=True)
    p = np.exp(d)
    total = p.sum(axis=-1, keepdims=True)
    p /= total
    flat, index = d.reshape(-1, n_classes), target.reshape(-1)
    picked = new(d.calls, Elementary("pick", "pick"), (flat, index), index.shape, d.dtype).reshape(shape)
    return np.log(total.reshape(shape)) - picked, p


def _cross_entropy_index_grad(g: Any, p: Any, target: Any) -> Any:
    _require_wide(p)
    flat, h, index = p.reshape(-1, p.shape[-1]), g.reshape(-1, 1), target.reshape(-1)
    scaled = flat * h
    y = new(p.calls, Elementary("unpick", "pick"), (scaled, index, g.reshape(-1)), scaled.shape, scaled.dtype)
    return y.reshape(p.shape)


def _require_wide(x: Any) -> None:
    if x.dtype.kind != "f" or x.itemsize < 4 or not x.ndim or not x.shape[-1]:
        raise Unlowerable


class _Unseen:
    """NumPy under another name: forwards then take the branch for devices, where looking at values would wait."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


_UNSEEN = _Unseen()
_LOOKING = ("softmax", "log_softmax", "logsumexp")  # whose branch for devices gives the same to the last bit

RULES: dict[str, Callable[..., Any]] = {
    "dropout": _dropout,
    "index_set": _index_set,
    "one_hot": _one_hot,
    "unreduce": _unreduce,
    "cross_entropy_index": _cross_entropy_index,
    "cross_entropy_index_grad": _cross_entropy_index_grad,
}
