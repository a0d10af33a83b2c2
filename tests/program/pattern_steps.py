"""Training steps, and what the pass "patterns" makes of them, for tests."""

import numpy as np

from gpugrad import nn
from gpugrad.program.listed import Listed
from gpugrad.program.passes import optimized
from gpugrad.program.recording import record

PATTERNS, BOTH = ("fold", "patterns"), ("patterns", "pointwise")
WIDE, NARROW = (8, 300, 4), (8, 16, 16, 4)  # a layer of 300 is more than the fused step takes


def data(sizes, loss="cross_entropy", n=24):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, sizes[0])).astype("f4")
    if loss == "cross_entropy":
        return x, rng.integers(0, sizes[-1], n)
    return x, rng.normal(size=(n, sizes[-1])).astype("f4")


def training(model, loss="cross_entropy", scale=None, **options):
    """The step up to the gradients, with them as results; of the loss times `scale` where it is given."""
    of = getattr(nn, loss)

    def step(x, y):
        model.zero_grad()
        value = of(model(x), y, **options)
        if scale is not None:
            value = scale * value
        value.backward()
        return value, [p.grad for p in model.parameters() if p.grad is not None]

    return step


def names(program):
    return [call.primitive.name for call in program.calls]


def changed(step, args, passes=PATTERNS, exact=1e-5):
    """The names of the calls after the passes; the results are those of the recorded program."""
    program = record(step, args, {}).program
    new = optimized(program, passes)
    states = {v: v.array.copy() for call in program.calls for v in call.values if v.kind == "state"}
    want = Listed(program).run(*args)
    for v, before in states.items():
        v.array[...] = before
    for a, b in zip(want, Listed(new).run(*args), strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(b, a, rtol=0, atol=exact * np.abs(a).max(initial=1e-3))
    return names(new)
