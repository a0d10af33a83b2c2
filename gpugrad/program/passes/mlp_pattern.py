"""A whole narrow MLP, from its input to the gradients of all its parameters, as the primitive mlp_step."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ...core.namespace import PRIMITIVES
from ...cuda import mlp_step as fused
from ...cuda import runtime
from ...cuda.activations import activation as find_activation
from ...ops.mlp_step import ACTIVATIONS, How
from ..ir import Call, Program, Value
from .loss_patterns import factor_of_mean
from .matching import Sheet

NOMINAL = runtime.Limits(arch=90, n_sm=132, shared_bytes=232448)  # where a program of NumPy arrays is looked at


class Loss(NamedTuple):
    """A mean loss: its calls, logits, target and value, the cotangent of the logits, and what `How` says of it."""

    calls: list[Call]
    logits: Value
    target: Value
    value: Value
    slope: Value
    name: str
    scale: float = 1.0


class Layer(NamedTuple):
    """A layer's calls forward and backward."""

    forward: Call
    backward: Call


def fuse_mlps(program: Program) -> Program:
    """Each chain of linear layers under a mean loss, with the gradients of all its parameters, if the kernel fits."""
    sheet = Sheet(program)
    for loss in _losses(sheet):
        layers = _layers(sheet, loss)
        if layers and _closed(sheet, loss, layers):
            _fuse(sheet, loss, layers)
    return sheet.rewritten()


def _losses(sheet: Sheet) -> Iterator[Loss]:
    for call in sheet.program.calls:
        if call.primitive.name == "cross_entropy_mean" and call.params["smoothing"] == 0 and call.inputs[2] is None:
            value, slope, hits = call.outputs
            if sheet.only_for(hits, ()):
                logits, target = call.inputs[:2]
                yield Loss([call], logits, target, value, slope, "cross_entropy")
        if call.primitive.name == "mean" and (found := _squared_error(sheet, call)) is not None:
            yield found


def _squared_error(sheet: Sheet, mean: Call) -> Loss | None:
    """mean(d * d) of d = z - t over all numbers, whose cotangent is u d + u d with u = 1 / size."""
    square = sheet.maker(mean.inputs[0], "multiply")
    if square is None or square.inputs[0] is not square.inputs[1] or mean.outputs[0].shape != ():
        return None
    d: Any = square.inputs[0]
    minus = sheet.maker(d, "subtract")
    if minus is None:
        return None
    logits, target = minus.inputs
    halves = [c for c in sheet.readers_of(d, "multiply") if c is not square]
    sums = {id(c): c for half in halves for c in sheet.readers_of(half.outputs[0], "add")}
    if not halves or len(sums) != 1:
        return None
    (both,) = sums.values()
    made = {half.outputs[0] for half in halves}
    for half in halves:
        u = half.inputs[0] if half.inputs[1] is d else half.inputs[1]
        if factor_of_mean(sheet, u, d.size) != 1 or not sheet.only_for(half.outputs[0], (both,)):
            return None
    alone = sheet.only_for(square.outputs[0], (mean,)) and sheet.only_for(d, (square, *halves))
    if not alone or len(halves) > 2 or not set(both.inputs) <= made or len(logits.shape) != 2:
        return None
    calls = [minus, square, mean, *halves, both]
    return Loss(calls, logits, target, mean.outputs[0], both.outputs[0], "squared_error", 1.0 / logits.shape[-1])


def _layers(sheet: Sheet, loss: Loss) -> list[Layer]:
    """The layers from the first to the last; none where some part is missing."""
    found: list[Layer] = []
    value, g = loss.logits, loss.slope
    while True:
        forward = sheet.maker(value, "linear_act" if found else "linear")
        backward = sheet.readers_of(g, "linear_vjp")
        if forward is None or len(backward) != 1:
            return []
        found.append(Layer(forward, backward[0]))
        if not _belong(*found[-1], g):
            return []
        if backward[0].inputs[3] is None:
            return found[::-1]
        value, g = forward.inputs[0], backward[0].outputs[0]


def _belong(forward: Call, backward: Call, g: Value) -> bool:
    """True where backward gives all gradients of forward from g, the cotangent of its output, and nothing more."""
    x, w, b = (*forward.inputs, None)[:3]
    kept = forward.outputs[-1] if forward.primitive.name == "linear_act" else None
    of = forward.params.get("activation", "identity"), forward.params.get("options", ())
    same = (backward.params["activation"], backward.params["options"]) == of
    given, bias = backward.inputs, backward.params["bias"]
    return same and given[:3] == (g, kept, x) and given[3] in (w, None) and bias == (b is not None)


def _closed(sheet: Sheet, loss: Loss, layers: list[Layer]) -> bool:
    """True where nobody else reads what happens inside, and every parameter is the parameter of one layer."""
    calls = [*loss.calls, *(call for layer in layers for call in layer)]
    shown = {loss.value, *(v for layer in layers for v in _gradients(layer.backward))}
    params = [p for layer in layers for p in layer.forward.inputs[1:3] if p is not None]
    inside = (v for call in calls for v in call.outputs if v not in shown)
    return len(set(params)) == len(params) and all(sheet.only_for(v, calls) for v in inside)


def _gradients(backward: Call) -> tuple[Value, ...]:
    """(dw,) or (dw, db)."""
    return backward.outputs[backward.inputs[3] is not None :]


def _fuse(sheet: Sheet, loss: Loss, layers: list[Layer]) -> None:
    x, weights = layers[0].forward.inputs[0], [layer.forward.inputs[1] for layer in layers]
    biases = [b for layer in layers if (b := (*layer.forward.inputs, None)[2]) is not None]
    bends = {(layer.forward.params["activation"], layer.forward.params["options"]) for layer in layers[:-1]}
    name, options = bends.pop() if bends else ("relu", ())
    how = How(len(layers), name, dict(options), loss.name, True, loss.scale)
    calls = [*loss.calls, *(call for layer in layers for call in layer)]
    first = min(loss.calls, key=lambda c: sheet.position[id(c)])
    inputs = (x, loss.target, None, *weights, *biases)
    if bends or len(biases) not in (0, len(layers)) or not _serves(inputs, how):
        return
    if not sheet.there_before(inputs, first):
        return
    n_correct = Value(np.empty((), np.float32), "temp")
    grads = [_gradients(layer.backward) for layer in layers]
    outputs = (loss.value, n_correct, *(dw for dw, *_ in grads), *(db for _, *rest in grads for db in rest))
    sheet.replace(calls, [Call(PRIMITIVES["mlp_step"], inputs, outputs, {"how": how})], at=first)


def _serves(inputs: tuple[Any, ...], how: How) -> bool:
    """True where the kernel takes these arrays, and a block of this device holds the net."""
    x, target, _, *params = inputs
    on_gpu = not all(isinstance(p.array, np.ndarray) for p in params if p.array is not None)
    device = runtime.current().limits() if on_gpu else NOMINAL
    least = {"float32": 0, "bfloat16": 80}.get(x.dtype.name)
    if how.activation not in ACTIVATIONS or least is None or device.arch < least:
        return False
    if len(x.shape) != 2 or x.layout is not None or not x.size or any(p.dtype != x.dtype for p in params):
        return False
    if target.dtype != (np.int64 if how.loss == "cross_entropy" else x.dtype):
        return False
    widths = (x.shape[1], *(w.shape[0] for w in params[: how.n_layers]))
    phi: Any = find_activation(how.activation, **how.options)
    size = sum(p.size for p in params)
    return not isinstance(fused.choose(widths, x.dtype.itemsize, size, phi.keeps_y, x.shape[0], device), str)
