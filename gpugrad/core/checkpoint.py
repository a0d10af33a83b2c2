"""checkpoint: a function whose reverse rule is to compute it again."""

import functools
import itertools
from collections.abc import Callable
from typing import Any

from .own_rules import call_as_primitive, filled, push_floating, unpacked, vjp_of_floating
from .tensor import Tensor
from .tree import state_of


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """f with the same values and derivatives, of which only the inputs are kept: the reverse sweep computes f again.

    Trades one more forward pass for the memory of f's intermediates.  Everything to be differentiated must be an
    argument (a Module counts as its parameters); GradientError where f reaches for a tracked Tensor from outside.
    A Module's dropout masks are drawn again, and its running statistics move once.
    Source: Chen et al., Training deep nets with sublinear memory cost, 2016.

    >>> import gpugrad as gg
    >>> float(gg.grad(gg.checkpoint(lambda x: x * x * x))(2.0))
    12.0
    """

    def rules(flat: Callable[..., Any]) -> Any:
        def pull(F: Any, g: list[Any], y: Any, *xs: Any) -> Any:
            again, back = vjp_of_floating(flat, xs)
            return back(filled(g, again))

        return pull, lambda F, *rest: push_floating(flat, *unpacked(rest))

    @functools.wraps(f)
    def of(*args: Any, **kwargs: Any) -> Any:
        again = _replayed(functools.partial(f, **kwargs), state_of((f, args, kwargs)))
        return call_as_primitive("checkpoint", again, args, "inputs", rules)

    return of


def _replayed(f: Callable[..., Any], state: list[Tensor]) -> Callable[..., Any]:
    """f, whose later calls start from the state that the first started from, with the same masks, and change none."""
    start = [t.data for t in state]
    calls = itertools.count()

    def of(*args: Any) -> Any:
        if not state or next(calls) == 0:
            return f(*args)
        now = [t.data for t in state]
        _set(state, start)
        try:
            return f(*args)
        finally:
            _set(state, now)

    return of


def _set(state: list[Tensor], arrays: list[Any]) -> None:
    for t, array in zip(state, arrays, strict=True):
        t.data = array
