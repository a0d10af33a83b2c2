"""One traced run of a function: the program it makes, what the program needs of Python, and when it holds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import tree
from ..core.tensor import Tensor, wrap
from ..core.trace import Trace, share, tracing
from ..core.trace_state import State
from ..core.traced import Traced, Value
from ..errors import TraceError
from .arguments import array_of, flatten, is_input
from .contents import copied
from .ir import Assign, Call, Program
from .surroundings import Surroundings, name_of


@dataclass
class Recorded:
    """What a trace gives: the program, the outputs' places in what f returns, and Python's part in each call."""

    program: Program
    rebuild: Callable[[list[Any]], Any]
    state: State
    grads: list[tuple[Any, Any]]  # (a leaf's Extra, the Tensor or None that each call leaves there)
    homes: list[tuple[Tensor, Any]]  # (such a Tensor, the array of it to which the program writes)
    surroundings: Surroundings


def record(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Recorded:
    """Run f on these arguments and record it.  Nothing has changed after: the effects are the program's."""
    leaves, unflatten = flatten((args, kwargs))
    surroundings = Surroundings(f, [x for x in leaves if not is_input(x)])
    surroundings.require_nothing_taken()
    try:
        return _record(f, leaves, unflatten, surroundings)
    except BaseException:
        surroundings.restore()
        raise


def _record(f: Callable[..., Any], leaves: list[Any], unflatten: Any, surroundings: Surroundings) -> Recorded:
    with tracing(Trace()) as trace:
        state, reads = State(trace), surroundings.reads()
        traced = [trace.input(array_of(x)) if is_input(x) else None for x in leaves]
        try:
            with state:
                inputs = [v.value for v in traced if v is not None]
                given = [_like(x, v) for x, v in zip(leaves, traced, strict=True)]
                new_args, new_kwargs = unflatten(given)
                sizes = _sizes(new_args, new_kwargs)
                with reads:
                    out = _run(f, trace, new_args, new_kwargs)
                surroundings.require_unchanged()
                _require_unwritten(f, given, [v for v in traced if v is not None], inputs)
                if sizes != _sizes(new_args, new_kwargs):
                    raise TraceError(
                        f"compile: {name_of(f)} changes a list or dictionary among its arguments, which only the "
                        "traced call would do; return the values instead"
                    )
                results, rebuild = _results(trace, state, out)
                grads, kept = _gradients(trace, state)
                state.leave_modes()
            assigns = [Assign(target, value) for target, value in state.settle()]
        finally:
            state.roll_back()
            options = surroundings.restore_options()
        if options is not None:
            raise TraceError(
                f"compile: {name_of(f)} changes the options of {options}, which only the traced call would do; step a "
                "schedule of gpugrad.optim.lr_scheduler, or change them outside the compiled function"
            )
    calls = [Call(p, operands, outputs, params) for p, operands, params, outputs in trace.calls]
    program = Program(inputs, calls, assigns + kept, results)
    _own_constants(program)
    surroundings = surroundings.narrowed(reads, [value.array for _, value in state.arrays.values()])
    surroundings.require_nothing_taken()
    _require_unwritten_around(f, surroundings, program)
    state.let_go()
    _require_apart(f, [array_of(x) for x in leaves if is_input(x)], program)
    homes = [(t, t.data) for _, t in grads if t is not None and id(t) not in state.tensors]
    return Recorded(program, rebuild, state, grads, homes, surroundings)


def _run(f: Callable[..., Any], trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What f returns; a refusal that f, or NumPy, turned into something else is raised after all."""
    try:
        out = f(*args, **kwargs)
    except TraceError:
        raise
    except Exception as error:
        if trace.refusal is not None:
            raise trace.refusal from error
        raise
    if trace.refusal is not None:
        raise trace.refusal
    return out


def _require_unwritten(f: Any, given: list[Any], traced: list[Traced], inputs: list[Value]) -> None:
    """Raise TraceError where f has written into an array among its arguments: the caller's would stay as it is."""
    replaced = [v for x, v in zip([x for x in given if is_input(x)], traced, strict=True) if array_of(x) is not v]
    written = [v for v, value in zip(traced, inputs, strict=True) if v.value is not value]
    if replaced or written:
        raise TraceError(
            f"compile: {name_of(f)} writes into its argument of shape {(replaced + written)[0].shape}, which the "
            "caller would not see; write into a copy (x = x + 0), and return it"
        )


def _require_apart(f: Any, arrays: list[Any], program: Program) -> None:
    """Raise TraceError where an argument lies in memory that the program writes: it would change before it is read."""
    for array in arrays:
        if program.writes_into(array):
            raise TraceError(
                f"compile: {name_of(f)} writes into a Tensor that shares memory with its argument of shape "
                f"{array.shape}; pass a copy, or use the Tensor from outside in place of the argument"
            )


def _require_unwritten_around(f: Any, surroundings: Surroundings, program: Program) -> None:
    """Raise TraceError where the program writes into an array around f, which it takes to stay as it was."""
    written = [a.target.array for a in program.assigns if isinstance(a.target.array, np.ndarray)]
    for seen in surroundings.arrays:
        if isinstance(seen.of, np.ndarray) and any(share(seen.of, array) for array in written):
            raise TraceError(
                f"compile: {name_of(f)} writes into a Tensor that shares memory with the array `{seen.name}`, which it "
                "reads; use the Tensor in place of the array"
            )


def _own_constants(program: Program) -> None:
    """Give the program copies of the arrays it met: a part of what it computes of them was computed while tracing."""
    read = [v for call in program.calls for v in call.values]
    for v in dict.fromkeys([*read, *program.ends()]):
        if v.kind == "const":
            v.array = copied(v.array)


def _sizes(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[int]:
    return [len(x) for x in (*args, *kwargs.values()) if isinstance(x, list | dict)]


def _like(leaf: Any, traced: Any) -> Any:
    if traced is None:
        return leaf
    return wrap(traced, None, 0) if isinstance(leaf, Tensor) else traced


def _results(trace: Trace, state: State, out: Any) -> tuple[list[Value], Callable[[list[Any]], Any]]:
    """The Values that f returned, and a function that puts arrays in their places."""
    leaves, unflatten = tree.flatten(out)
    values: list[Value] = []
    makers: list[Callable[[list[Any]], Any]] = []
    for leaf in leaves:
        traced = leaf.data if isinstance(leaf, Tensor) and not state.is_outside(leaf) else leaf
        if type(traced) is not Traced:
            makers.append(_same(leaf, traced))
            continue
        traced = trace.as_traced(traced)
        i, boxed, scalar = len(values), isinstance(leaf, Tensor), traced.value.scalar
        makers.append(_maker(i, boxed, scalar))
        values.append(traced.value)
    if len(leaves) == 1 and out is leaves[0]:
        return values, makers[0]
    return values, lambda results: unflatten([make(results) for make in makers])


def _same(leaf: Any, array: Any) -> Callable[[list[Any]], Any]:
    """What depends on no input: one object for all calls, but for arrays, into which the caller may write."""
    boxed = leaf is not array and leaf.node is None
    if type(array) is not np.ndarray or not (boxed or leaf is array):
        return lambda results: leaf
    own = copied(array)
    return (lambda results: wrap(own.copy(), None, 0)) if boxed else (lambda results: own.copy())


def _maker(i: int, boxed: bool, scalar: bool) -> Callable[[list[Any]], Any]:
    if boxed:
        return lambda results: wrap(results[i], None, 0)
    return (lambda results: results[i][()]) if scalar else (lambda results: results[i])


def _gradients(trace: Trace, state: State) -> tuple[list[tuple[Any, Any]], list[Assign]]:
    """What is left in `.grad`: each leaf's place, and the Tensor there, to whose array the program writes."""
    grads, assigns = [], []
    for extra, before, read in list(state.grads.values()):
        now = extra.grad
        if now is None or id(now) in state.tensors:
            grads.append((extra, now))
            continue
        traced = trace.as_traced(now.data)
        if read and isinstance(before, Tensor) and before.shape == traced.shape and before.dtype == traced.dtype:
            before.data.write(traced)  # what adds up from call to call stays where it is
            grads.append((extra, before))
            continue
        array, kept = _home(extra, traced.array)
        assigns.append(Assign(Value(array, "state", array), traced.value))
        grads.append((extra, kept))
    return grads, assigns


def _home(extra: Any, gradient: Any) -> tuple[Any, Tensor]:
    """The array, and the Tensor of it, in which all programs leave a leaf's gradient: one may read another's."""
    array: Any = extra.home[0] if extra.home is not None else None
    if type(array) is not type(gradient) or (array.shape, array.dtype) != (gradient.shape, gradient.dtype):
        array = np.empty_like(gradient)
        extra.home = array, wrap(array, None, 0)
    home: tuple[Any, Tensor] = extra.home
    return home
