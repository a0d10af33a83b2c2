"""How many vectors travel: the tangents and cotangents that `jacobian` and its kin carry, sweep by sweep."""

import contextlib

from gpugrad.core import jacobian, transform
from gpugrad.core.batch import Batched
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
