"""The form of a line in the table of operation specs; tests/ops/test_specs.py puts every line through every check."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Arg = Any  # a shape: float64 array drawn from the domain; an np.ndarray: passed as it is, without a gradient


@dataclass(frozen=True)
class Spec:
    """One operation under test.

    op: called as op(*args, **params); with join=True as op(list(args), **params).
    args: for each input a shape (a random float64 array inside the domain, and a gradient) or an array (index, label,
        mask: no gradient).
    reference: NumPy function of the same arguments, for value and dtype; None where NumPy has none (say why in `note`).
    domain: (low, high) for every argument, or one pair for each; drawn values keep `gap` away from the points in `kinks`.
    order: up to which derivatives are checked, in both modes.  differentiable: False asks that no gradient is recorded.
    """

    op: Callable[..., Any]
    args: tuple[Arg, ...]
    reference: Callable[..., Any] | None = None
    params: dict[str, Any] = field(default_factory=dict)
    domain: Any = (-2.0, 2.0)
    kinks: tuple[float, ...] = ()
    distinct: bool = False  # all values of an argument far apart: for max, sort and the like
    order: int = 2
    differentiable: bool = True
    join: bool = False
    dtypes: tuple[str, ...] = ("float16", "float32", "float64")
    note: str = ""

    @property
    def id(self) -> str:
        shapes = "-".join(str(a if isinstance(a, tuple) else a.shape).replace(" ", "") for a in self.args)
        params = ",".join(f"{k}={v}" for k, v in self.params.items())
        return f"{self.op.__name__}{shapes}{params}"[:90]

    def draw(self, dtype: str = "float64", seed: int = 0) -> list[Any]:
        """Arguments inside the domain."""
        rng = np.random.default_rng(seed)
        domains = self.domain if isinstance(self.domain[0], tuple) else [self.domain] * len(self.args)
        return [self._one(rng, a, d, dtype) if isinstance(a, tuple) else a for a, d in zip(self.args, domains, strict=True)]

    def _one(self, rng: np.random.Generator, shape: tuple[int, ...], domain: tuple[float, float], dtype: str) -> Any:
        low, high = domain
        size = int(np.prod(shape))
        if self.distinct:
            x = rng.permutation(np.linspace(low, high, max(size, 2))[:size]).reshape(shape)
        else:
            x = rng.uniform(low, high, shape)
        for kink in self.kinks:
            near = np.abs(x - kink) < 0.05
            x = np.where(near, kink + np.where(x >= kink, 0.1, -0.1), x)
        return np.asarray(x).astype(dtype)

    def call(self, *args: Any) -> Any:
        """The operation on these arguments."""
        return self.op(list(args), **self.params) if self.join else self.op(*args, **self.params)
