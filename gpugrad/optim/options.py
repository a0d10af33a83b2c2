"""Checks of the options of a parameter group."""

import math
from numbers import Real
from typing import Any

from ..errors import ArgumentError


def at_least_zero(group: dict[str, Any], label: str, *names: str) -> None:
    """Each of these options is a finite number of 0 or more."""
    for name in names:
        if not _number(group[name]) or not 0 <= group[name] < math.inf:
            raise ArgumentError(f"{label}: {name} is {group[name]!r}; expected a number of 0 or more")


def below_one(group: dict[str, Any], label: str, name: str) -> None:
    """The option is a decay rate, or a pair of them for `betas`: 0 <= it < 1."""
    value = group[name]
    if name != "betas":
        if not _number(value) or not 0 <= value < 1:
            raise ArgumentError(f"{label}: {name} is {value!r}; expected 0 <= {name} < 1")
    elif not (
        isinstance(value, (tuple, list)) and len(value) == 2 and all(_number(beta) and 0 <= beta < 1 for beta in value)
    ):
        raise ArgumentError(f"{label}: {name} is {value!r}; expected two numbers, each 0 <= beta < 1")


def _number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
