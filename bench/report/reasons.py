"""Why gpugrad loses the rows it loses: what bounds each, as measured, and what was tried.

A row belongs to the first reason one of whose patterns fits its key.  Figures are of one thread on a 2-core x86-64
machine with AVX-512, and say where the time goes; those of the page are of its own run.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple

from bench.suites.row import Row


class Reason(NamedTuple):
    """what: a few words.  why: what bounds it, and what was tried."""

    what: str
    why: str
    patterns: tuple[str, ...] = ()
    ours: str | None = None  # of rows in which this of ours counts

    def fits(self, row: Row) -> bool:
        return self.ours in (None, row.ours) and any(fnmatchcase(row.key, pattern) for pattern in self.patterns)


REASONS = (
    Reason(
        "eager calls beside one compiled call",
        "An eager step of 64-32-10 is some 210 calls into C, 113 µs of which its matrix products take 9; NumPy by "
        "hand makes 22 calls into buffers made once, jax.jit one. Calls through closures for each arity, with plain "
        "tuples as nodes, are what was tried; an operation costs 0.35 µs beyond NumPy's own. The compiled step is the"
        " answer.",
        ("train: 64-32-10 *way=eager)",),
    ),
    Reason(
        "OpenBLAS's products and NumPy's passes over memory",
        "Of an eager or NumPy-compiled step of 784-128-10 (395 to 600 µs) 315 µs are OpenBLAS's products, of "
        "784-512-512-10 (5.0 to 6.1 ms) 4.5 ms; XLA's and torch's products are faster at small row counts, and Adam "
        "is ten passes of NumPy over memory. NumPy by hand with out= stands at the same place (395 and 523 µs; 4.9 "
        "and 5.8 ms). Tried: products into planned memory, pointwise calls block by block in the cache, fewer passes."
        " The extra `fast` brings products and loops of its own.",
        ("train: *way=eager)", "train: *executor numpy)"),
    ),
    Reason(
        "the second thread helps in some stretches only",
        "On two threads a step of 784-512-512-10 took 2.4 ms in some stretches of a process and 3.9 to 4.2 "
        "ms in others "
        "(one thread: 4.2), of 1024-2048-2048-1000 62 to 65 ms in one run and 102 to 114 in this one; OpenBLAS's gain "
        "from the second thread changed from 2.0 to 1.67 on the same machine. Why is not known. Tried: a second thread "
        "that may go anywhere, waits ten and forty times as long, a caller kept on its processor: no better.",
        ("train: 784-*way=compiled)", "train: 1024-*way=compiled)"),
    ),
    Reason(
        "torch's products on two threads",
        "Bare NumPy takes as long as ours within 5 %. Stacks of small matrices NumPy multiplies on one thread: both "
        "products of 4096 pairs of 16 x 16 take it 1,468 µs on one and 1,462 on two, torch 1,614 and 794. Pairs of 256 "
        "x 256 gain from the second thread in both (NumPy 54 to 27 ms, torch 50 to 26, seen once), and NumPy's gain is "
        "less at other times. Not tried: products of our own in eager execution.",
        ("products: *shape=*x*x*x*)", "products: *shape=256x256x256)", "products: *shape=8192x*"),
    ),
    Reason(
        "a call around a small product",
        "A product of 64 x 64 takes NumPy 5.6 µs, ours 6.2; its derivative, two products and the walk through the "
        "record, 14.3 and 20.7 µs; of a linear layer of 32 x 64 x 32, 6.1 and 24.0. Bare NumPy is the bound of anything above it.",
        ("products: *64x64x64)", "products: *32x64x32)"),
    ),
    Reason(
        "the same OpenBLAS product with a call around it",
        "NumPy by hand, autograd and gpugrad call one and the same product; ours has a dispatch before it, and its "
        "derivative new memory for the gradients: 1 to 6 %. JAX and torch bring products of their own, within a few "
        "per cent of it on one thread.",
        ("products: *",),
    ),
    Reason(
        "a call on Tensors where nothing is tracked",
        "An operation on Tensors costs 0.37 µs beyond NumPy's own and gives a Tensor; autograd works on bare arrays "
        "while nothing is tracked, and costs 0.23 µs. Tracked, and backward, it is behind.",
        ("overhead: chain forward untracked*",),
    ),
    Reason(
        "eager per-sample derivatives beside jax.jit",
        "JAX compiles the function; eager, the gradients of 256 samples of a 64 x 64 layer are one broadcast product "
        "of NumPy (380 of 500 µs), whose inner loop has 64 numbers. The rows way=compiled are the like for like.",
        ("calculus: per-sample *",),
        "gpugrad",
    ),
    Reason(
        "native code of compiled per-sample gradients",
        "The stack of outer products is written number by number; eager NumPy is faster there. Not tried yet: a loop "
        "for this shape.",
        ("calculus: per-sample gradients *way=compiled*",),
    ),
    Reason(
        "more in the package",
        "The size counts text: 1.5 MB of Python and CUDA sources (operations 340 KB, compiler 290 KB, kernels and "
        "their launchers 270 KB) beside 170 KB of autograd, which has no optimizers, no compiler, no GPU. No binary "
        "is in it.",
        ("cold: size on the disk*",),
    ),
    Reason(
        "import of the package",
        "NumPy's own import takes 70 ms of processor time; ours adds 40, autograd's 30: more operations, "
        "each registered with its rules. Heavy modules (CuPy, llvmlite) are imported at first use.",
        ("cold: import", "cold: time to *"),
    ),
    Reason(
        "NumPy alone needs less memory",
        "The package's code itself is some 2 MB beside NumPy by hand; torch and JAX take five times as much.",
        ("cold: peak memory*",),
    ),
    Reason(
        "large arrays, where calls cost nothing",
        "Small, the same rows are won by 1.5 to 3.1, so it is not the calls; on large arrays both libraries spend their "
        "time in NumPy. The gradient of gaussian and the Hessian product of sine_series came out level or won in a "
        "second measurement (1.02 and 1.11); that of batched did not (0.84), and why was not found.",
        ("calculus: *size=large)",),
    ),
)
WITHIN = Reason("level within the spread", "The ratio's upper quartile is not below 1: no difference was measured.")
UNKNOWN = Reason("not explained", "No reason has been measured yet.")


def reason_of(row: Row) -> Reason:
    """Why this row is lost."""
    if row.ratio and row.ratio.high >= 1:
        return WITHIN
    return next((reason for reason in REASONS if reason.fits(row)), UNKNOWN)


def by_reason(rows: Iterable[Row]) -> dict[Reason, list[Row]]:
    """The rows of each reason, in the order of their first."""
    found: dict[Reason, list[Row]] = {}
    for row in rows:
        found.setdefault(reason_of(row), []).append(row)
    return found
