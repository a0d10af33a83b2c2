"""Arguments of NumPy's functions that Tensors refuse or read in one way only."""

from typing import Any

from ..errors import ArgumentError, ArgumentTypeError


def no_out(name: str, out: Any) -> None:
    """Raise ArgumentTypeError for out=."""
    if out is not None:
        raise ArgumentTypeError(f"{name}: got out beside a Tensor; expected none (operations make new values)")


def row_major(name: str, order: str) -> bool:
    """True for order "C", False for "F"; ArgumentError for the orders that depend on memory."""
    if order not in ("C", "F"):
        raise ArgumentError(f"{name}: order is {order!r}; expected 'C' or 'F', as a Tensor's memory has no meaning")
    return order == "C"
