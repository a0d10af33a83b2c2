"""Activations as modules, for use in Sequential; each is the operation of the same name."""

from typing import Any

from .. import ops
from .module import Module


class ReLU(Module):
    """max(x, 0); its derivative at 0 is 0."""

    def forward(self, x: Any) -> Any:
        """max(x, 0)."""
        return ops.relu(x)


class LeakyReLU(Module):
    """x where x > 0, else negative_slope * x."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def forward(self, x: Any) -> Any:
        """The activation of x."""
        return ops.leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}"


class ELU(Module):
    """x where x > 0, else alpha (exp(x) - 1)."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, x: Any) -> Any:
        """The activation of x."""
        return ops.elu(x, self.alpha)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}"


class SELU(Module):
    """The ELU scaled so that activations keep mean 0 and variance 1."""

    def forward(self, x: Any) -> Any:
        """The activation of x."""
        return ops.selu(x)


class GELU(Module):
    """x Phi(x) with the normal distribution function Phi; approximate="tanh" takes the usual formula for it."""

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def forward(self, x: Any) -> Any:
        """The activation of x."""
        return ops.gelu(x, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class SiLU(Module):
    """x sigmoid(x), also known as swish."""

    def forward(self, x: Any) -> Any:
        """The activation of x."""
        return ops.silu(x)


class Mish(Module):
    """x tanh(softplus(x))."""

    def forward(self, x: Any) -> Any:
        """The activation of x."""
        return ops.mish(x)


class Softplus(Module):
    """log(1 + exp(x))."""

    def forward(self, x: Any) -> Any:
        """The activation of x."""
        return ops.softplus(x)


class Sigmoid(Module):
    """1 / (1 + exp(-x))."""

    def forward(self, x: Any) -> Any:
        """The activation of x."""
        return ops.sigmoid(x)


class Tanh(Module):
    """tanh(x)."""

    def forward(self, x: Any) -> Any:
        """The activation of x."""
        return ops.tanh(x)
