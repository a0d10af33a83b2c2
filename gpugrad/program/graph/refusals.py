"""What CUDA cannot capture into a graph: known beforehand, so that a reason can be given."""

from ...core.namespace import PRIMITIVES
from ..ir import Call, Program, Value

# Primitives whose forward on CuPy's arrays cannot be captured; all others can be, or raise an error in the attempt.
_WHY = {
    "waits for the device": "argpartition argsort distinct_places sort",
    "calls a library through CuPy, which refuses it": "cholesky cofactors det eigh eigvalsh einsum inv inv_or_nan "
    "lstsq matrix_rank pinv qr qr_r slogdet solve solve_triangular svd svdvals",
    "copies a number from the host": "nan_to_num nanargmax nanargmin nanmax nanmin",
}
REFUSED = {name: why for why, names in _WHY.items() for name in names.split()}


def refusal(program: Program) -> str | None:
    """Why the program cannot be captured, None where nothing is known to stand against it."""
    reasons = (_why_not(call) for call in program.calls)
    return next((reason for reason in reasons if reason is not None), None)


def on_device(program: Program) -> set[Value]:
    """The values that lie on a device: those that come from there, and what is computed of them."""
    read = [*program.ends(), *(v for call in program.calls for v in call.values)]
    found = {v for v in (*program.inputs, *read) if v.kind != "temp" and not v.on_host}
    for call in program.calls:
        if call.primitive.name == "to_device" or any(v in found for v in call.values):
            found.update(call.outputs)
    return found


def _why_not(call: Call) -> str | None:
    name = call.primitive.name
    known = PRIMITIVES.get(name)
    if known is call.primitive and not known.forward.__module__.startswith("gpugrad."):
        return f"{name} is an operation of yours, of which it is not known"
    return f"{name} {REFUSED[name]}" if name in REFUSED else None
