"""Linear layers with their activations, and all gradients of one from one cotangent, as the fused primitives."""

from typing import Any

from ...core.namespace import PRIMITIVES
from ...ops import fused_linear
from ..ir import Call, Program, Value
from .matching import Sheet, rewritten_at

ACTIVATIONS = tuple(name for name in fused_linear.ACTIVATIONS if name != "identity")


def fuse_activations(program: Program) -> Program:
    """z = linear(x, w, b), y = phi(z) as linear_act: z stays where phi's derivative is taken from it, else goes."""
    return rewritten_at(program, "linear", _fuse_activation)


def _fuse_activation(sheet: Sheet, call: Call) -> None:
    (z,) = call.outputs
    bends = [c for c in sheet.readers.get(z, ()) if c.primitive.name in ACTIVATIONS]
    if len(bends) != 1 or bends[0].outputs[0].dtype != z.dtype:
        return
    (bend,) = bends
    name, (y,) = bend.primitive.name, bend.outputs
    options = tuple(bend.params.items())
    if fused_linear.keeps_y(name):
        outputs: tuple[Value, ...] = (y,)
        if not sheet.only_for(z, (bend,)):
            return
    else:
        outputs = (y, z)
    params = {"activation": name, "options": options}
    new = Call(PRIMITIVES["linear_act"], (*call.inputs, None)[:3], outputs, params)
    sheet.replace((call, bend), [new], at=call)


def fuse_gradients(program: Program) -> Program:
    """delta = g phi'(v), delta w, delta^T x and the sum of delta as linear_vjp; delta must be wanted nowhere else."""
    return rewritten_at(program, "outer_sum", _fuse_gradients)


def _fuse_gradients(sheet: Sheet, outer: Call) -> None:
    delta, x = outer.inputs
    if type(delta) is not Value or type(x) is not Value or delta.shape[:-1] != x.shape[:-1] or delta.dtype != x.dtype:
        return
    n_out, n_in = delta.shape[-1], x.shape[-1]
    through = _through(sheet, delta, (n_out, n_in))
    sums = [c for c in sheet.readers_of(delta, "sum_to") if c.params["shape"] == (n_out,) and len(delta.shape) > 1]
    members = [*through[:1], outer, *sums[:1]]
    pull = _pull(sheet, delta)
    if pull is not None and not sheet.only_for(delta, members):
        pull = None
    taken = members if pull is None else [pull, *members]
    if len(taken) < 2:
        return
    w = sheet.makers[through[0].inputs[1]].inputs[0] if through else None
    g, v = (delta, None) if pull is None else pull.inputs
    first = min(taken, key=lambda c: sheet.position[id(c)])
    if not sheet.there_before((g, v, x, w), first):
        return
    name = "identity" if pull is None else pull.primitive.name.removesuffix("_grad")
    params = {
        "activation": name,
        "options": () if pull is None else tuple(pull.params.items()),
        "bias": bool(sums),
    }
    outputs = tuple(c.outputs[0] for c in members)
    sheet.replace(taken, [Call(PRIMITIVES["linear_vjp"], (g, v, x, w, None), outputs, params)], at=first)


def _through(sheet: Sheet, delta: Value, shape: tuple[int, int]) -> list[Call]:
    """The products of delta with a transposed matrix of this shape."""
    found = []
    for call in sheet.readers_of(delta, "linear"):
        turn = sheet.maker(call.inputs[1], "transpose")
        bare = call.inputs[0] is delta and (len(call.inputs) < 3 or call.inputs[2] is None)
        if bare and turn is not None and turn.params["axes"] == (1, 0):
            w = turn.inputs[0]
            found += [call] if (w.shape, w.dtype) == (shape, delta.dtype) else []
    return found


def _pull(sheet: Sheet, delta: Value) -> Call | None:
    """The call that takes a cotangent of delta's shape and dtype back through an activation."""
    call: Any = sheet.makers.get(delta)
    if call is None or call.primitive.name.removesuffix("_grad") not in ACTIVATIONS:
        return None
    if not call.primitive.name.endswith("_grad") or not sheet.left(call):
        return None
    alike = all(type(v) is Value and (v.shape, v.dtype) == (delta.shape, delta.dtype) for v in call.inputs)
    return call if alike and len(call.inputs) == 2 else None
