"""What a compiled function became, as text."""

import math
from typing import Any

from .ir import Call, Program


def explained(entry: Any) -> str:
    """Arguments, calls, work, memory and executor of one program."""
    recorded, plan = entry.recorded.program, entry.plan
    program = plan.program
    lines = [f"for {', '.join(entry.described) or 'no arguments'}"]
    lines.append(f"recorded: {len(recorded.calls)} calls; {work(recorded)}")
    lines.append(f"passes: {', '.join(entry.passes) or 'none'}; {_groups(program)}")
    lines.append(f"executor: {plan.name} ({plan.why})")
    lines.append(plan.memory())
    return "\n".join([*lines, *(_kernels() if entry.on_gpu else ()), str(program)])


def _kernels() -> list[str]:
    """Which implementations this process, or a measurement before it, took on a GPU, and why."""
    from ..cuda import autotune

    return [f"kernel: {key}: {what}" for key, what in autotune.report()]


def work(program: Program) -> str:
    """Floating point operations of the matrix products, and bytes that all calls read and write."""
    flop = sum(flop_of(call) for call in program.calls)
    moved = sum(v.nbytes for call in program.calls for v in (*call.values, *call.outputs))
    return f"{flop / 1e6:.3g} MFLOP in matrix products, {moved / 1e6:.3g} MB read and written"


def flop_of(call: Call) -> int:
    """2 m n k of a matrix product, 0 of anything else."""
    if call.kind == "finished":
        return flop_of(call.primitive.product)
    if call.primitive.name not in ("matmul", "matmul_add", "linear", "outer_sum") or not call.outputs:
        return 0
    a, (y,) = call.inputs[0], call.outputs
    if call.primitive.name == "outer_sum":
        return 2 * y.size * math.prod(a.shape[:-1])
    return 2 * y.size * (a.shape[-1] if a.shape else 1)


def _groups(program: Program) -> str:
    finished = [call.primitive.calls[-1] for call in program.calls if call.kind == "finished"]
    fused = [call for call in (*program.calls, *finished) if call.kind == "fused"]
    text = f"{len(program.calls)} calls"
    if fused:
        inside = sum(len(call.primitive.calls) for call in fused)
        text += f", {len(fused)} of them made of {inside} pointwise ones"
    return text + (f", {len(finished)} joined to the matrix product before" if finished else "")


def megabytes(n: int) -> str:
    """Bytes for people."""
    return f"{n / 1e6:.3g} MB" if n >= 1e5 else f"{n / 1e3:.3g} kB"
