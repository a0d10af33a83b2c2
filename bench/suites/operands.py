"""Operands of about n elements for every primitive, so that a new one is measured without being written down here.

Names of inputs and the family say most; what they do not say stands in SHAPED and PARAMS.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from bench.suites import operands_shaped
from bench.suites.draw import Draw
from gpugrad.core.namespace import PRIMITIVES
from gpugrad.core.primitive import Primitive

LINEAR_ALGEBRA_MAX = 2**16  # its stacks of 8 x 8 matrices are bound by calls of LAPACK, and take minutes beyond
INTEGERS = {"bitwise_and", "bitwise_or", "bitwise_xor", "invert"}
FLAGS = {"logical_and", "logical_or", "logical_xor", "logical_not", "all", "any"}
ABOVE_ONE = {"arccosh"}

PARAMS: dict[str, dict[str, Any]] = {
    "astype": {"dtype": np.dtype("float64")},
    "discretize": {"dtype": np.dtype("int32")},
    "elu": {"alpha": 1.0, "scale": 1.0},
    "elu_grad": {"alpha": 1.0, "scale": 1.0},
    "full_like": {"value": 1.0},
    "gelu": {"approximate": "none"},
    "gelu_grad": {"approximate": "none"},
    "hardtanh": {"min_val": -1.0, "max_val": 1.0},
    "hardtanh_grad": {"min_val": -1.0, "max_val": 1.0},
    "leaky_relu": {"negative_slope": 0.01},
    "leaky_relu_grad": {"negative_slope": 0.01},
    "nan_to_num": {"nan": 0.0, "posinf": 1e30, "neginf": -1e30},
    "round": {"decimals": 1},
    "sinc_slope": {"n": 1},
    "softplus": {"beta": 1.0},
    "softplus_grad": {"beta": 1.0},
    "std": {"ddof": 0},
    "var": {"ddof": 0},
    "power_norm": {"ord": 3.0},
}


class Work(NamedTuple):
    """A primitive with arguments; `moving` says which of them have a gradient."""

    primitive: Primitive
    args: tuple[Any, ...]
    params: dict[str, Any]

    @property
    def moving(self) -> list[int]:
        """Places of the floating arguments that may carry a gradient."""
        n_inputs = len(self.primitive.inputs)
        return [
            i for i, a in enumerate(self.args)
            if isinstance(a, np.ndarray) and a.dtype.kind == "f" and not (i < n_inputs and i in self.primitive.nondiff)
        ]  # fmt: skip

    def in_float64(self) -> "Work":
        """The same numbers, wider."""
        wide = (a.astype(float) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in self.args)
        return self._replace(args=tuple(wide))


def work_for(name: str, n: int, rng: np.random.Generator) -> Work | None:
    """The primitive of that name on about n elements; None where it is not measured at that size."""
    p, draw = PRIMITIVES[name], Draw(n, rng)
    if p.forward.__module__.rpartition(".")[2].startswith("linalg") and n > LINEAR_ALGEBRA_MAX:
        return None
    make: Callable[[Draw], Any] | None = operands_shaped.SHAPED.get(name) or _BY_FAMILY.get(p.family or "")
    if name in operands_shaped.SHAPED or make is not None:
        args, params = make(draw)  # type: ignore[misc]
    elif p.family == "elementwise":
        args, params = tuple(_flat(name, input_name, draw) for input_name in p.inputs), {}
    else:
        raise LookupError(f"bench: no operands for the primitive {name}; add a line to SHAPED in operands_shaped.py")
    return Work(p, tuple(args), {**params, **PARAMS.get(name, {})})


def _flat(name: str, input_name: str, draw: Draw) -> np.ndarray:
    if name in FLAGS or input_name in ("cond", "mask"):
        return draw.flags()
    if name in INTEGERS or (name, input_name) == ("ldexp", "n"):
        return draw.integers(8)
    x = draw.flat()
    return x + np.float32(1.1) if name in ABOVE_ONE else x


_BY_FAMILY: dict[str, Callable[[Draw], Any]] = {
    "reduce": lambda d: ((d.rows(),), {"axis": (1,), "keepdims": False}),
    "axis": lambda d: ((d.rows(),), {"axis": (1,)}),
}
