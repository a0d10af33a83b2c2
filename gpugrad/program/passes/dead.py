"""Pass "dead": calls whose outputs nobody reads are left out."""

from ..ir import Program


def drop_dead(program: Program) -> Program:
    """The program without calls that lead to no result and no assignment; checks, which may raise, stay."""
    needed = program.ends()
    kept = []
    for call in reversed(program.calls):
        if not call.outputs or not needed.isdisjoint(call.outputs):
            needed.update(call.values)
            kept.append(call)
    return program.with_calls(kept[::-1])
