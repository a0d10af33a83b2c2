"""Stochastic arithmetic: what roundings do to a result is seen by making them at random.

Source: Vignes, A stochastic arithmetic for reliable scientific computation, Math. and Computers in Simulation, 1993.
"""

import contextlib

import numpy as np

from gpugrad.backend.registry import NUMPY, register
from tests.core.counting import instrumented


class Noisy(np.ndarray):
    """An array whose every operation rounds its result up or down by one unit, at random."""

    rng = np.random.default_rng(0)

    def __array_function__(self, func, types, args, kwargs):
        y = super().__array_function__(func, types, args, kwargs)
        return y.view(Noisy) if type(y) is np.ndarray else y

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        if not all(isinstance(x, np.ndarray | np.generic | int | float) for x in inputs):
            return NotImplemented  # a Tensor's own
        plain = [x.view(np.ndarray) if isinstance(x, Noisy) else x for x in inputs]
        if out is not None:
            options["out"] = tuple(x.view(np.ndarray) if isinstance(x, Noisy) else x for x in out)
        y = getattr(ufunc, method)(*plain, **options)
        if out is not None:
            for x in options["out"]:
                x[...] = rounded(x)
            return out[0] if len(out) == 1 else out
        return tuple(map(noisy, y)) if isinstance(y, tuple) else noisy(y)


def rounded(x):
    """x, each element a unit up or down; as it is where it is 0 or no float."""
    if x.dtype.kind != "f":
        return x
    return np.asarray(x * (1 + np.finfo(x.dtype).eps * Noisy.rng.choice([-1.0, 1.0], x.shape)), x.dtype)


def noisy(x):
    """The same numbers, after a rounding."""
    return None if x is None else rounded(np.asarray(x)).view(Noisy)


@contextlib.contextmanager
def noise(seed=0):
    """A scope of the same noise every time; what an operation writes into an array that it makes is noisy there too."""
    Noisy.rng = np.random.default_rng(seed)
    with instrumented(lambda p, forward: lambda *args, **params: _alike(args, forward(*args, **params))):
        yield


def _alike(args, y):
    """y, of the type of the operation's noisy arguments."""
    if isinstance(y, tuple):
        return tuple(_alike(args, part) for part in y)
    return y.view(Noisy) if type(y) is np.ndarray and any(isinstance(x, Noisy) for x in args) else y


register(Noisy, NUMPY)
