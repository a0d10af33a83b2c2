"""In which order the calls of a program are launched, and when the memory of each value can be used again."""

from ..ir import Call, Program, Value


def updates_last(program: Program) -> tuple[list[Call], list[Call]]:
    """The calls that need no update of an optimizer, and after them the updates and what needs them.

    So an update may write where the old parameters lie: whatever reads those has been launched.
    """
    before: list[Call] = []
    after: list[Call] = []
    late: set[Value] = set()
    for call in program.calls:
        if call.primitive.name == "update" or any(v in late for v in call.values):
            late.update(call.outputs)
            after.append(call)
        else:
            before.append(call)
    return before, after


def last_readings(calls: list[Call], ends: set[Value]) -> list[list[Value]]:
    """For each call the values that nobody asks for after it."""
    last = {v: i for i, call in enumerate(calls) for v in (*call.outputs, *call.values)}
    found: list[list[Value]] = [[] for _ in calls]
    for v, i in last.items():
        if v.kind == "temp" and v not in ends:
            found[i].append(v)
    return found
