"""Layers: linear, dropout, and those that only pass on or reshape."""

import math
from typing import Any

import numpy as np

from .. import ops
from ..core.tensor import Tensor, raw
from ..errors import ArgumentError
from . import init
from .init import Rng
from .module import Module


def parameter(shape: tuple[int, ...], dtype: Any, device: Any) -> Tensor:
    """A Tensor of zeros that wants a gradient."""
    return Tensor(np.zeros(shape), requires_grad=True, dtype=dtype, device=device)


def positive(layer: str, **sizes: int) -> None:
    """Raise ArgumentError unless each size is an int of at least 1."""
    for name, n in sizes.items():
        if not isinstance(n, int | np.integer) or isinstance(n, bool) or n < 1:
            raise ArgumentError(f"{layer}: {name} is {n!r}; expected an int of at least 1")


class Linear(Module):
    """y = x W^T + b for x (..., in_features), weight W (out_features, in_features), bias b (out_features,).

    Weight and bias start uniform in +-1 / sqrt(in_features), as PyTorch's do.  rng: a Generator, an int seed, or None
    for a fresh seed.  Raises ArgumentError for sizes below 1, ShapeError for an x that does not fit.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        dtype: Any = "float32",
        device: Any = "cpu",
        rng: Rng = None,
    ) -> None:
        positive("Linear", in_features=in_features, out_features=out_features)
        rng = init.generator(rng)
        bound = 1.0 / math.sqrt(in_features)
        self.weight = init.uniform_(parameter((out_features, in_features), dtype, device), -bound, bound, rng)
        self.bias = init.uniform_(parameter((out_features,), dtype, device), -bound, bound, rng) if bias else None

    def forward(self, x: Any) -> Any:
        """x W^T + b."""
        return ops.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        out_features, in_features = self.weight.shape
        return f"in_features={in_features}, out_features={out_features}, bias={self.bias is not None}"


class Dropout(Module):
    """In training, each element is 0 with probability p and otherwise divided by 1 - p; in evaluation, the identity.

    The mask is a function of a seed and of the number of forward passes so far; the buffer `rng_state` holds both,
    uint64 [seed, count], so a run that is resumed from its state goes on with the same masks.  It has no counterpart in
    PyTorch's state, and loading does not miss it.  rng: the seed, below 2**64, or a Generator to draw it from, or None.

    Raises ArgumentError for p outside [0, 1].  Source: Srivastava et al., Dropout, JMLR 2014, in the inverted form.
    """

    rng_state: Any

    def __init__(self, p: float = 0.5, rng: Rng = None) -> None:
        if not 0.0 <= p <= 1.0:
            raise ArgumentError(f"Dropout: p is {p}; expected a probability, 0 to 1")
        self.p = float(p)
        self.register_buffer("rng_state", np.array([init.seed_of(rng), 0], dtype=np.uint64), optional=True)

    def forward(self, x: Any) -> Any:
        """x with a new mask in training, x itself in evaluation."""
        if not self.training or self.p == 0.0:
            return x
        state = raw(self.rng_state)
        y = ops.dropout(x, state[0], state[1], p=self.p)
        moved_on = state.copy()  # a program writes it over the old one, which by now was read
        moved_on[1] += 1
        self.rng_state = moved_on
        return y

    def extra_repr(self) -> str:
        return f"p={self.p}"


class Flatten(Module):
    """x with the axes from start_axis to end_axis made one: by default (N, ...) -> (N, n)."""

    def __init__(self, start_axis: int = 1, end_axis: int = -1) -> None:
        self.start_axis, self.end_axis = start_axis, end_axis

    def forward(self, x: Any) -> Any:
        """x, reshaped."""
        return ops.flatten(x, self.start_axis, self.end_axis)

    def extra_repr(self) -> str:
        return f"start_axis={self.start_axis}, end_axis={self.end_axis}"


class Identity(Module):
    """y = x."""

    def forward(self, x: Any) -> Any:
        """x itself."""
        return x
