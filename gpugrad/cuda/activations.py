"""The types of kernels/activations.cuh: which serves an activation's primitive, and with which two parameters."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Activation(NamedTuple):
    """A type of activations.cuh and its parameters p and q."""

    struct: str
    p: float = 0.0
    q: float = 0.0

    @property
    def keeps_y(self) -> bool:
        """True where its derivative is taken from the output, False where from the input."""
        return self.struct in KEEP_Y


STRUCTS = (
    "Identity",
    "Relu",
    "Leaky",
    "Elu",
    "Hardtanh",
    "Sigmoid",
    "Tanh",
    "Softplus",
    "Gelu",
    "GeluTanh",
    "Silu",
    "Mish",
)
KEEP_Y = frozenset(("Identity", "Relu", "Elu", "Hardtanh", "Sigmoid", "Tanh", "Softplus"))
_PLAIN = {"identity": "Identity", "relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "silu": "Silu", "mish": "Mish"}
_WITH_PARAMS: dict[str, Callable[..., Activation]] = {
    "leaky_relu": lambda negative_slope: Activation("Leaky", negative_slope),
    "elu": lambda alpha, scale: Activation("Elu", alpha, scale),
    "hardtanh": lambda min_val, max_val: Activation("Hardtanh", min_val, max_val),
    "softplus": lambda beta: Activation("Softplus", beta),
    "log_sigmoid": lambda: Activation("Softplus", -1.0),
    "gelu": lambda approximate: Activation("GeluTanh" if approximate == "tanh" else "Gelu"),
}


def activation(name: str, **params: Any) -> Activation | None:
    """The type that serves primitive `name` with these parameters, None where there is none.

    >>> activation("leaky_relu", negative_slope=0.25)
    Activation(struct='Leaky', p=0.25, q=0.0)
    """
    if name in _PLAIN:
        return Activation(_PLAIN[name])
    make = _WITH_PARAMS.get(name)
    return None if make is None else make(**params)
