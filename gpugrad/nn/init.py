"""Initialisers: each fills a Tensor in place and gives it back.

Every draw comes from `rng`: a NumPy Generator (which moves on), an int seed, or None for a fresh seed from the system.
No global state is read or set.  fan_in and fan_out of a weight (out, in, ...) are in and out times the axes behind.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..backend import array_device
from ..core.tape import mark_written
from ..core.tensor import Tensor, is_floating
from ..errors import ArgumentError, ArgumentTypeError, DTypeError, GradientError, ShapeError

Rng = np.random.Generator | int | None


def generator(rng: Rng) -> np.random.Generator:
    """The Generator that `rng` stands for.  Raises ArgumentTypeError."""
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is None or (isinstance(rng, int | np.integer) and not isinstance(rng, bool) and rng >= 0):
        return np.random.default_rng(rng)
    raise ArgumentTypeError(f"rng: got {rng!r}; expected a numpy.random.Generator, an int seed of at least 0, or None")


def seed_of(rng: Rng) -> int:
    """A seed below 2**64: `rng` itself where it is an int, else drawn.  Raises ArgumentTypeError."""
    source = generator(rng)
    if not isinstance(rng, int | np.integer):
        return int(source.integers(2**64, dtype=np.uint64))
    if rng >= 2**64:
        raise ArgumentError(f"rng: got {rng}; expected a seed below 2**64")
    return int(rng)


def _fill(name: str, tensor: Tensor, draw: Callable[[tuple[int, ...]], Any]) -> Tensor:
    if not isinstance(tensor, Tensor):
        raise ArgumentTypeError(f"{name}: got a {type(tensor).__name__}; expected a Tensor to fill in place")
    if tensor.level or not tensor.is_leaf:
        raise GradientError(f"{name}: the tensor is part of a recording; fill a leaf, before it is used")
    if not is_floating(tensor.dtype):
        raise DTypeError(f"{name}: the tensor has dtype {tensor.dtype}; expected a floating one")
    values = np.asarray(draw(tensor.shape)).astype(tensor.dtype)
    tensor.data[...] = array_device(tensor.data).asarray(values)
    mark_written(tensor.data)
    return tensor


def constant_(tensor: Tensor, value: float) -> Tensor:
    """`value` everywhere."""
    return _fill("constant_", tensor, lambda shape: np.full(shape, value))


def zeros_(tensor: Tensor) -> Tensor:
    """Zeros."""
    return _fill("zeros_", tensor, np.zeros)


def ones_(tensor: Tensor) -> Tensor:
    """Ones."""
    return _fill("ones_", tensor, np.ones)


def uniform_(tensor: Tensor, low: float = 0.0, high: float = 1.0, rng: Rng = None) -> Tensor:
    """Independent draws, uniform in [low, high)."""
    source = generator(rng)
    return _fill("uniform_", tensor, lambda shape: source.uniform(low, high, shape))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, rng: Rng = None) -> Tensor:
    """Independent draws, normal."""
    source = generator(rng)
    return _fill("normal_", tensor, lambda shape: source.normal(mean, std, shape))


def gain_of(nonlinearity: str, a: float = 0.0) -> float:
    """The factor by which weights before `nonlinearity` are scaled up, as PyTorch's `calculate_gain`.

    1 for linear and sigmoid, 5/3 for tanh, sqrt(2) for relu, 3/4 for selu, sqrt(2 / (1 + a^2)) for leaky_relu.
    """
    gains = {
        "linear": 1.0,
        "sigmoid": 1.0,
        "tanh": 5.0 / 3.0,
        "relu": math.sqrt(2.0),
        "leaky_relu": math.sqrt(2.0 / (1.0 + a * a)),
        "selu": 0.75,
    }
    if nonlinearity not in gains:
        raise ArgumentError(f"gain_of: nonlinearity is {nonlinearity!r}; expected one of {', '.join(gains)}")
    return gains[nonlinearity]


def fans(tensor: Tensor) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight (out, in, ...).  Raises ShapeError for fewer than two axes."""
    if tensor.ndim < 2:
        raise ShapeError(f"init: a tensor of shape {tensor.shape} has no fan; expected a weight (out, in)")
    behind = math.prod(tensor.shape[2:])
    return tensor.shape[1] * behind, tensor.shape[0] * behind


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, rng: Rng = None) -> Tensor:
    """Uniform in +-gain sqrt(6 / (fan_in + fan_out)).  Source: Glorot and Bengio, AISTATS 2010."""
    bound = gain * math.sqrt(6.0 / max(1, sum(fans(tensor))))
    return uniform_(tensor, -bound, bound, rng)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, rng: Rng = None) -> Tensor:
    """Normal of standard deviation gain sqrt(2 / (fan_in + fan_out)).  Source: Glorot and Bengio, AISTATS 2010."""
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / max(1, sum(fans(tensor)))), rng)


def kaiming_uniform_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", rng: Rng = None
) -> Tensor:
    """Uniform in +-gain sqrt(3 / fan).  Source: He et al., Delving deep into rectifiers, ICCV 2015."""
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, rng)


def kaiming_normal_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", rng: Rng = None
) -> Tensor:
    """Normal of standard deviation gain / sqrt(fan).  Source: He et al., Delving deep into rectifiers, ICCV 2015."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), rng)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentError(f"kaiming: mode is {mode!r}; expected 'fan_in' or 'fan_out'")
    fan = fans(tensor)[mode == "fan_out"]
    return gain_of(nonlinearity, a) / math.sqrt(max(1, fan))
