"""Matrix products and the derivatives of products and linear layers: FLOP/s beside this machine's best product."""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from bench.peers import by_hand, ours
from bench.suites.overhead import as_array, parts
from bench.suites.row import Fit, Row, row_of
from bench.suites.task import Settings, Task, require_close

TOLERANCE = {"float32": 1e-4, "float64": 1e-12}


class Product(NamedTuple):
    """kind: "matmul", "matmul_vjp" or "linear_vjp".  shape: (batch, m, k, n), batch 0 for plain matrices."""

    kind: str
    shape: tuple[int, int, int, int]
    dtype: str = "float32"

    @property
    def flop(self) -> int:
        b, m, k, n = self.shape
        return 2 * max(b, 1) * m * k * n * (1 if self.kind == "matmul" else 2)

    @property
    def n_bytes(self) -> int:
        b, m, k, n = self.shape
        once = m * k + k * n + m * n
        return np.dtype(self.dtype).itemsize * max(b, 1) * (once if self.kind == "matmul" else 2 * once - m * n)

    def arrays(self, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """(a, b), (g, a, b), or (g, x, w) with x (m, k), w (n, k)."""
        b, m, k, n = self.shape
        lead = (b,) if b else ()

        def drawn(*shape: int) -> np.ndarray:
            return rng.normal(size=(*lead, *shape)).astype(self.dtype)

        if self.kind == "linear_vjp":
            return drawn(m, n), drawn(m, k), drawn(n, k)
        factors = drawn(m, k), drawn(k, n)
        return factors if self.kind == "matmul" else (drawn(m, n), *factors)


LAYERS = (
    (32, 64, 32), (64, 784, 128), (128, 784, 512), (128, 512, 512), (256, 1024, 2048), (8192, 16, 64), (8192, 64, 64)
)  # fmt: skip
QUICK_LAYERS = LAYERS[1:4] + LAYERS[-1:]
SQUARES = (64, 256, 1024, 2048)
IN_FLOAT64 = {
    "tiny": (Product("matmul_vjp", (0, 3, 4, 5), "float64"),),
    "quick": (),
    "full": (
        Product("matmul_vjp", (0, 1024, 1024, 1024), "float64"),
        Product("linear_vjp", (0, 128, 784, 512), "float64"),
    ),
}
STACKS = ((4096, 16, 16, 16), (1024, 32, 32, 32), (64, 256, 256, 256))


def cases(settings: Settings) -> list[Product]:
    """Layers of the nets of the train suite, squares, and stacks of small matrices."""
    layers = settings.pick(((3, 4, 5),), QUICK_LAYERS, LAYERS)
    squares = settings.pick((4,), SQUARES[:3], SQUARES)
    stacks = settings.pick(((2, 3, 4, 5),), STACKS[:2], STACKS)
    found = [Product("linear_vjp", (0, *shape)) for shape in layers]
    found += [Product(kind, (0, w, w, w)) for kind in ("matmul", "matmul_vjp") for w in squares]
    found += [Product(kind, shape) for kind in ("matmul", "matmul_vjp") for shape in stacks]
    return [*found, *IN_FLOAT64[settings.scale]]


def tasks(settings: Settings) -> Iterator[Task]:
    """One for each product."""
    for case in cases(settings):
        what = f"{case.kind} {case.dtype} {'x'.join(str(s) for s in case.shape if s)}"
        yield Task("products", what, 0.5 + 5 * 60 * case.flop / 1e11, lambda s, c=case: rows(c, s))


def rows(case: Product, settings: Settings) -> Iterator[Row | Fit]:
    """A row eager and a row compiled, of one measurement."""
    arrays = case.arrays(settings.rng(*case.shape))
    expected = parts(by_hand.product(case.kind, tuple(a.astype(float) for a in arrays))())
    makers = {"gpugrad": ours.product, ours.COMPILED: partial(ours.product, compiled=True)}
    runs = {}
    for who, make in {**makers, **settings.having("product")}.items():
        runs[who] = make(case.kind, arrays)
        for found, wanted in zip(parts(runs[who]()), expected, strict=True):
            require_close(f"{case.kind} {case.shape}", who, as_array(found), wanted, TOLERANCE[case.dtype])
    shape, rounds = "x".join(str(s) for s in case.shape if s), settings.measure(runs)
    work = {"bytes": case.n_bytes, "flop": case.flop, "ceiling": f"gemm {case.dtype}"}
    params = {"shape": shape, "dtype": case.dtype}
    yield row_of("products", case.kind, rounds, params=params, **work)
    yield row_of("products", case.kind, rounds, params={**params, "way": "compiled"}, ours=ours.COMPILED, **work)
