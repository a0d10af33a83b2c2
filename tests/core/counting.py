"""How much is done: the vectors that `jacobian` and its kin carry, sweep by sweep, and the operations that run."""

import contextlib
from collections import Counter

from gpugrad.core import jacobian, tape, transform
from gpugrad.core.batch import Batched
from gpugrad.core.namespace import forget_bindings
from gpugrad.core.tree import flatten


def carried_by(values):
    """How many vectors stand in a nest of tangents or cotangents: the length of the batch axis, or one."""
    batched = [v for v in flatten(values)[0] if isinstance(v, Batched)]
    return batched[0].data.shape[0] if batched else 1


@contextlib.contextmanager
def vectors_carried():
    """A scope in which every forward pass with tangents, and every reverse sweep, made by the Jacobians is counted.

    Gives {"forward": [vectors of each pass], "reverse": [vectors of each sweep]}.
    """
    counts = {"forward": [], "reverse": []}
    push, sweep = jacobian.jvp, transform.sweep

    def counting_push(f, primals, tangents, *rest):
        counts["forward"].append(carried_by(tangents))
        return push(f, primals, tangents, *rest)

    def counting_sweep(roots, *rest, **named):
        counts["reverse"].append(carried_by([g for _, g in roots]))
        return sweep(roots, *rest, **named)

    jacobian.jvp, transform.sweep = counting_push, counting_sweep
    try:
        yield counts
    finally:
        jacobian.jvp, transform.sweep = push, sweep


class _CallCounter:
    """Stands where a tracer stands: sees every forward that runs on arrays."""

    def __init__(self):
        self.calls = Counter()

    def instrument(self, p, forward):
        def counted(*args, **params):
            self.calls[p.name] += 1
            return forward(*args, **params)

        return counted


@contextlib.contextmanager
def operations_counted():
    """A scope that counts the forwards that run on arrays: gives {primitive's name: how many}."""
    counter = _CallCounter()
    before, tape.tracer = tape.tracer, counter
    forget_bindings()
    try:
        yield counter.calls
    finally:
        tape.tracer = before
        forget_bindings()
