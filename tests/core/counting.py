"""How much is done: the vectors that `jacobian` and its kin carry, sweep by sweep, and the operations that run."""

import contextlib
from collections import Counter
from types import SimpleNamespace

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


@contextlib.contextmanager
def instrumented(instrument):
    """A scope in which instrument(primitive, forward) stands in place of every forward that runs on arrays."""
    before, tape.tracer = tape.tracer, SimpleNamespace(instrument=instrument, thread=None)
    forget_bindings()
    try:
        yield
    finally:
        tape.tracer = before
        forget_bindings()


@contextlib.contextmanager
def operations_counted():
    """A scope that counts the forwards that run on arrays: gives {primitive's name: how many}."""
    calls = Counter()

    def instrument(p, forward):
        def counted(*args, **params):
            calls[p.name] += 1
            return forward(*args, **params)

        return counted

    with instrumented(instrument):
        yield calls
