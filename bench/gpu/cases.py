"""What is timed: families of work over shapes and dtypes, with the bytes and operations each needs at least."""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np

HIDDEN, CLASSES = 4, 10
SIZE = {"float32": 4, "bfloat16": 2}
TOLERANCE = {"float32": 1e-4, "bfloat16": 2e-2}  # ||found - float64|| / ||float64||
STEP_TOLERANCE = {"float32": 1e-3, "bfloat16": 0.15}  # through five layers; few samples cross ReLU's kink by rounding


class Case(NamedTuple):
    """One row: a family of work (a function of that name in each contestant's module), a dtype, and its sizes."""

    family: str
    dtype: str
    sizes: tuple[int, ...]

    @property
    def name(self) -> str:
        return f"{self.family} {self.dtype} {'x'.join(map(str, self.sizes))}"

    @property
    def n_bytes(self) -> int:
        """What must be read and written once, at least: a fused step reads its batch and updates its parameters."""
        return int(_WORK[self.family](SIZE[self.dtype], *self.sizes)[0])

    @property
    def n_flop(self) -> int:
        """Multiplications and additions of the matrix products; of pointwise work, operations on elements, roughly."""
        return int(_WORK[self.family](SIZE[self.dtype], *self.sizes)[1])

    @property
    def tolerance(self) -> float:
        return (STEP_TOLERANCE if self.family == "train_step" else TOLERANCE)[self.dtype]


def widths(width: int) -> tuple[int, ...]:
    """Input, hidden layers and output of the net of a training step."""
    return (*(width,) * (HIDDEN + 1), CLASSES)


def parameter_shapes(width: int) -> list[tuple[int, ...]]:
    """Weights, then biases."""
    pairs = list(pairwise(widths(width)))
    return [(n_out, n_in) for n_in, n_out in pairs] + [(n_out,) for _, n_out in pairs]


def _train_step(s: int, n: int, width: int) -> tuple[float, float]:
    shapes = parameter_shapes(width)
    n_weights, n_params = (sum(map(math.prod, some)) for some in (shapes[: HIDDEN + 1], shapes))
    state = 16 if s == 4 else 24  # Adam reads and writes two moments, and for 2 bytes the float32 weights
    return n * width * s + 8 * n + n_params * (2 * s + state), n * (6 * n_weights - 2 * width**2)


_WORK = {
    "train_step": _train_step,
    "linear_vjp": lambda s, n, p, q: (s * 2 * (n * p + n * q + p * q), 4 * n * p * q),
    "matmul_vjp": lambda s, b, m, k, n: (s * b * (m * n + 2 * (m * k + k * n)), 4 * b * m * k * n),
    "outer_sum": lambda s, n, p, q: (s * (n * (p + q) + p * q), 2 * n * p * q),
    "outer_each": lambda s, n, p, q: (s * n * (p + q + p * q), n * p * q),
    "cross_entropy": lambda s, n, c: (s * 2 * n * c + 8 * n, 5 * n * c),
    "adam": lambda s, n: (n * (3 * s + (16 if s == 4 else 24)), 12 * n),
    "layer_norm": lambda s, n, c: (s * 5 * n * c, 16 * n * c),
    "batch_norm": lambda s, n, c: (s * 5 * n * c, 16 * n * c),
    "bias_gelu": lambda s, n, c: (s * 2 * n * c, 12 * n * c),
    "tanh_grad": lambda s, n: (s * 3 * n, 3 * n),
}  # fmt: skip

_BOTH = ("float32", "bfloat16")
CASES: tuple[Case, ...] = (
    *(Case("train_step", t, (n, w)) for w in (64, 128, 256, 1024) for n in (65536, 4096) for t in _BOTH),
    *(Case("linear_vjp", t, (n, w, w)) for n, w in ((65536, 64), (65536, 256), (16384, 1024)) for t in _BOTH),
    *(Case("matmul_vjp", t, (b, w, w, w)) for b, w in ((16384, 16), (4096, 32), (256, 256)) for t in _BOTH),
    *(Case("cross_entropy", t, (n, c)) for n, c in ((65536, 10), (65536, 1000)) for t in _BOTH),
    *(Case("adam", t, (n,)) for n in (1 << 18, 1 << 24) for t in _BOTH),
    *(Case(f, t, (32768, 512)) for f in ("layer_norm", "batch_norm", "bias_gelu") for t in _BOTH),
    *(Case("tanh_grad", t, (1 << 24,)) for t in _BOTH),
    Case("outer_sum", "float32", (262144, 64, 64)),
    Case("outer_each", "float32", (8192, 64, 64)),
)
# One of each family and dtype, small and with tails: for the sanitizers, for repeated runs, and for the tests.
_SMALL_SIZES = {
    "train_step": (133, 20), "linear_vjp": (4100, 17, 33), "matmul_vjp": (37, 5, 9, 7), "outer_sum": (4099, 33, 7),
    "outer_each": (35, 9, 12), "cross_entropy": (131, 33), "adam": (5003,), "layer_norm": (37, 65),
    "batch_norm": (131, 33), "bias_gelu": (33, 31), "tanh_grad": (1031,),
}  # fmt: skip
SMALL: tuple[Case, ...] = tuple(Case(family, t, sizes) for family, sizes in _SMALL_SIZES.items() for t in _BOTH)


def storage(dtype: str) -> np.dtype:
    """The NumPy dtype of that name."""
    if dtype == "bfloat16":
        from ml_dtypes import bfloat16

        return np.dtype(bfloat16)
    return np.dtype(dtype)


def inputs(case: Case) -> dict[str, np.ndarray]:
    """The arrays that every contestant gets, the same for all of them."""
    rng = np.random.default_rng(0)

    def drawn(*shape: int, scale: float = 1.0) -> np.ndarray:
        return (rng.standard_normal(shape, np.float32) * np.float32(scale)).astype(storage(case.dtype))

    return _INPUTS[case.family](drawn, rng, *case.sizes)


def _step_inputs(drawn, rng, n, width):
    params = [
        drawn(*shape, scale=(2 / shape[-1]) ** 0.5 if len(shape) > 1 else 0.1) for shape in parameter_shapes(width)
    ]
    return {"x": drawn(n, width), "labels": rng.integers(0, CLASSES, n), **{f"p{i}": p for i, p in enumerate(params)}}


def _norm_inputs(drawn, rng, n, c):
    return {"g": drawn(n, c), "x": drawn(n, c), "w": drawn(c), "b": drawn(c)}


_INPUTS = {
    "train_step": _step_inputs,
    "linear_vjp": lambda drawn, rng, n, n_in, n_out: {
        "g": drawn(n, n_out), "y": drawn(n, n_out), "x": drawn(n, n_in), "w": drawn(n_out, n_in)
    },
    "matmul_vjp": lambda drawn, rng, b, m, k, n: {"g": drawn(b, m, n), "a": drawn(b, m, k), "b": drawn(b, k, n)},
    "outer_sum": lambda drawn, rng, n, p, q: {"g": drawn(n, p), "x": drawn(n, q)},
    "outer_each": lambda drawn, rng, n, p, q: {"g": drawn(n, p), "x": drawn(n, q)},
    "cross_entropy": lambda drawn, rng, n, c: {"z": drawn(n, c), "labels": rng.integers(0, c, n)},
    "adam": lambda drawn, rng, n: {"p": drawn(n), "g": drawn(n)},
    "layer_norm": _norm_inputs,
    "batch_norm": _norm_inputs,
    "bias_gelu": lambda drawn, rng, n, c: {"z": drawn(n, c), "b": drawn(c)},
    "tanh_grad": lambda drawn, rng, n: {"g": drawn(n), "y": drawn(n, scale=0.2)},
}  # fmt: skip
