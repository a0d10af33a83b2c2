"""The form of a line in the table of operation specs; tests/ops/test_specs.py puts every line through every check."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import gpugrad as gg
from tests.ops import __path__ as here

Arg = Any  # a shape: float64 array drawn from the domain; an np.ndarray: passed as it is, without a gradient


@dataclass(frozen=True)
class Spec:
    """One operation under test.

    op: called as op(*args, **params); with join=True as op(list(args), **params).
    args: for each input a shape (a random float64 array inside the domain, and a gradient) or an array (index, label,
        mask: no gradient).
    reference: NumPy function of the same arguments, for value and dtype; None where NumPy has none (say why in `note`).
    domain: (low, high) for every argument, or one pair for each; drawn values keep away from the points in `kinks`.
    order: up to which derivatives are checked, in both modes.  differentiable: False asks that no gradient is recorded.
    narrow: how far a result in float16 or bfloat16 may be off, in units of the last place of values of about one.
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
    narrow: float = 4.0

    @property
    def id(self) -> str:
        shapes = "-".join(str(a if isinstance(a, tuple) else a.shape).replace(" ", "") for a in self.args)
        params = ",".join(f"{k}={v}" for k, v in self.params.items())
        return f"{self.op.__name__}{shapes}{params}"[:90]

    @property
    def domains(self) -> list[tuple[float, float]]:
        """(low, high) of each argument."""
        return list(self.domain) if isinstance(self.domain[0], tuple) else [self.domain] * len(self.args)

    @property
    def public(self) -> bool:
        """Whether users can call this operation by its name."""
        return self.op is getattr(gg.ops, self.op.__name__, None)

    @property
    def moving(self) -> list[int]:
        """Which arguments are drawn, and have a gradient."""
        return [i for i, a in enumerate(self.args) if isinstance(a, tuple)]

    def draw(self, dtype: str = "float64", seed: int = 0) -> list[Any]:
        """Arguments inside the domain."""
        rng = np.random.default_rng(seed)
        pairs = zip(self.args, self.domains, strict=True)
        return [self.values(rng, a, d, dtype) if isinstance(a, tuple) else a for a, d in pairs]

    def values(self, rng: np.random.Generator, shape: tuple[int, ...], domain: tuple[float, float], dtype: Any) -> Any:
        """An array inside a domain, away from the kinks."""
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

    def expected(self, *args: Any) -> Any:
        """The reference on these arguments."""
        assert self.reference is not None
        return self.reference(list(args), **self.params) if self.join else self.reference(*args, **self.params)

    def of_moving(self, args: list[Any]) -> Callable[..., Any]:
        """The operation as a function of the arguments that have a gradient, the others as in `args`."""

        def f(*xs: Any) -> Any:
            full = list(args)
            for i, x in zip(self.moving, xs, strict=True):
                full[i] = x
            return self.call(*full)

        f.__name__ = self.op.__name__
        return f


def parts(y: Any) -> list[Any]:
    """The outputs of an operation, also where it is one."""
    return list(y) if isinstance(y, tuple | list) else [y]


def plain(y: Any) -> np.ndarray:
    """An output as a NumPy array."""
    return y.detach().numpy() if isinstance(y, gg.Tensor) else np.asarray(y)


def all_specs() -> list[Spec]:
    """Every line of every module tests/ops/specs_*.py."""
    names = sorted(m.name for m in pkgutil.iter_modules(here) if m.name.startswith("specs_"))
    return [spec for name in names for spec in importlib.import_module(f"tests.ops.{name}").SPECS]
