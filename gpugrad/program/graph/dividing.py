"""A program for a GPU in two parts: what NumPy computes of its own arrays before each run, and what the device does."""

from typing import Any

import numpy as np

from ..ir import Program, Value
from ..listed import forward_of
from .refusals import on_device


class HostPart:
    """The calls on NumPy's arrays, such as a dropout's count, and the copies of what the device reads of them."""

    def __init__(self, program: Program, there: set[Value]) -> None:
        self._inputs, self._results = program.inputs, program.results
        self.calls = [call for call in program.calls if call.outputs and call.outputs[0] not in there]
        self._assigns = [a for a in program.assigns if isinstance(a.target.array, np.ndarray)]
        self._own = {v for v in program.results if v not in there}
        self.fetched = [a.value for a in self._assigns if a.value in there]
        self._rooms: dict[Value, Any] = {}
        self._sent: Any = None
        self._env: dict[Value, Any] = {}
        self.stays: list[bool] = []  # for each input: the device does not get it

    def __str__(self) -> str:
        return f"{len(self.calls)} calls of NumPy, {len(self._rooms)} of their arrays sent to the device"

    def room(self, v: Value) -> Value:
        """A state on the device that has the value of v in each run."""
        from ...cuda.sent import Sent

        self._sent = self._sent or Sent()
        self._rooms[v], array = (a.reshape(v.shape) for a in self._sent.room(v.size, v.dtype))
        return Value(array, "state", array)

    def before(self, arrays: tuple[Any, ...]) -> None:
        """Compute, and send what the device needs."""
        env = self._env = dict(zip(self._inputs, arrays, strict=True))
        for call in self.calls:
            operands = [self._get(v) if type(v) is Value else v for v in call.inputs]
            y = forward_of(call.primitive, np.ndarray)(*operands, **call.params)
            env.update(zip(call.outputs, y if isinstance(y, tuple) else (y,), strict=True))
        for v, place in self._rooms.items():
            place[...] = self._get(v)
        if self._sent is not None:
            self._sent.send()

    def passed_on(self, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arrays that are inputs of the device's part."""
        return tuple([array for array, mine in zip(arrays, self.stays, strict=True) if not mine])

    def after(self, results: list[Any]) -> list[Any]:
        """All results, in the program's order; what is assigned to NumPy's arrays is, perhaps after a wait.

        results: the device's, and then what is fetched from there.
        """
        rest = iter(results)
        found = [self._get(v).copy() if v in self._own else next(rest) for v in self._results]
        self._env.update((v, array.get()) for v, array in zip(self.fetched, rest, strict=True))
        values = [self._get(a.value).copy() for a in self._assigns]
        for assign, value in zip(self._assigns, values, strict=True):
            assign.target.array[...] = value
        self._env = {}
        return found

    def _get(self, v: Value) -> Any:
        return self._env.get(v, v.array)


def divided(program: Program) -> tuple[HostPart | None, Program]:
    """The host's part, None where there is nothing to do, and the device's, whose inputs are those that come there.

    What is made on the device of an input of NumPy's, where nothing else is, is an input of the device's part.
    """
    there = on_device(program)
    readers = program.readers()
    moves = {call.inputs[0]: call for call in program.calls if call.primitive.name == "to_device"}
    staged = {v: call.outputs[0] for v, call in moves.items() if v in program.inputs and readers[v] == [call]}
    host = HostPart(program, there)
    calls = [c for c in program.calls if c.outputs and c.outputs[0] in there and c not in moves.values()]
    assigns = [a for a in program.assigns if not isinstance(a.target.array, np.ndarray)]
    device = Program(
        [staged.get(v, v) for v in program.inputs if v in there or v in staged],
        calls,
        assigns,
        [*(v for v in program.results if v in there), *host.fetched],
        program.quiet,
    ).copy()
    read = [*(v for call in calls for v in call.values), *(a.value for a in assigns)]
    crossing = dict.fromkeys(v for v in read if v not in there and v.kind != "const")
    rooms = {v: host.room(v) for v in crossing | dict.fromkeys(v for v in moves if v not in staged)}
    device.replace({**{v: rooms[v] for v in crossing}, **{moves[v].outputs[0]: rooms[v] for v in moves if v in rooms}})
    host.stays = [v not in there and v not in staged for v in program.inputs]
    needed = any(host.stays) or host.calls or host._assigns or host._own or rooms
    return (host if needed else None), device
