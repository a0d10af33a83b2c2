"""Why gpugrad loses the rows it loses: what bounds each, as measured, and what was tried.

A row belongs to the first reason one of whose patterns fits its key.  The texts stand beside any run, so their figures
say what they are of.  They were measured apart from it, on one 2-core x86-64 machine with AVX-512.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple

from bench.suites.row import Row


class Reason(NamedTuple):
    """what: a few words.  why: what bounds it, and what was tried.  The rest: of which rows it may be said."""

    what: str
    why: str
    patterns: tuple[str, ...] = ()
    ours: str | None = None  # of rows in which this of ours counts
    peer: str | None = None  # of rows that this peer wins
    far: bool = False  # of rows that were measured while the processors shared no cache

    def fits(self, row: Row) -> bool:
        """Whether it may be said of this row."""
        best = row.ratio.peer if row.ratio else None
        if self.ours not in (None, row.ours) or self.peer not in (None, best) or (self.far and not row.is_far):
            return False
        return any(fnmatchcase(row.key, pattern) for pattern in self.patterns)


REASONS = (
    Reason(
        "eager calls beside one compiled call",
        "An eager SGD step of 64-32-10 is 209 calls into C and 182 of Python, in 119 µs on one thread, of which its "
        "matrix products take 9. NumPy by hand makes 23 calls into buffers made once (48 µs), jax.jit one. Tried: "
        "calls through closures for each arity, with plain tuples as nodes; an operation costs some 0.4 µs beyond "
        "NumPy's own. The compiled step (10 µs) is the answer.",
        ("train: 64-32-10 *way=eager)",),
    ),
    Reason(
        "OpenBLAS's products and NumPy's passes over memory",
        "On one thread a step of 784-128-10 takes 0.51 to 0.65 ms eager (SGD, Adam) and 0.43 to 0.55 compiled for "
        "NumPy, of which 0.32 are OpenBLAS's products; NumPy by hand with out= takes 0.41 to 0.58. Of 784-512-512-10: "
        "5.9 to 6.9, 5.6 to 6.7, products 4.6 to 4.8, by hand 5.2 to 6.4. Tried: products into planned memory, "
        "pointwise calls block by block in the cache, fewer passes. The extra `fast` brings products and loops of its "
        "own (0.28 to 0.31 and 4.4 to 4.7 ms).",
        ("train: *way=eager)", "train: *executor numpy)"),
    ),
    Reason(
        "processors that share no cache",
        "While this row was measured a line of memory took more than 150 ns from one thread's processor to the "
        "other's and back, where some 60 are usual, as between two third-level caches: what one thread wrote the "
        "other fetches from afar. Whatever runs on two threads is slowed, others' too; gpugrad shares every loop of a "
        "step, NumPy its products alone. An Adam step of 784-512-512-10 took 3.2 ms on two such threads, 2.23 where "
        "they share a cache, 4.2 on one. Tried: each thread keeps the same rows in every loop of every step (from 4.0 "
        "to 3.2 ms, within one cache from 2.37 to 2.23), and waiting threads stay awake while a program runs.",
        ("train: 784-*way=compiled)", "train: 1024-*way=compiled)", "train: 16-64-64-1 *way=compiled)"),
        far=True,
    ),
    Reason(
        "torch shares stacks of small matrices",
        "NumPy multiplies a stack of small matrices on one thread: both products of 4096 pairs of 16 x 16 take it 1.5 "
        "ms on one thread and on two, torch 1.6 and 0.8. Pairs of 256 x 256 both share: 64 of them take 51 ms on one "
        "thread, on two that share a cache NumPy 28 and torch 26. Not tried: products of our own in eager execution.",
        ("products: *shape=*x*x*x*)",),
        ours="gpugrad",
        peer="torch",
    ),
    Reason(
        "torch's products on two threads",
        "Bare NumPy takes as long as ours. On two threads that share a cache: a product of 256 x 256 0.19 ms, ours "
        "0.19 to 0.20, torch 0.18; the derivative of a linear layer with 8192 rows, 16 to 64 wide, 0.39 to 0.41 ms, "
        "ours 0.41 to 0.42, torch 0.33 at its best; 64 to 64 wide 1.03, 1.07 and 0.91. On one thread the three agree "
        "within 4 %. Not tried: products of our own in eager execution.",
        ("products: *shape=256x256x256)", "products: *shape=8192x*"),
        ours="gpugrad",
        peer="torch",
    ),
    Reason(
        "a call around a small product",
        "A product of 64 x 64 takes NumPy 5.7 µs, ours 6.4; its derivative, two products and the walk through the "
        "record, 14.6 and 21.5 µs; that of a linear layer of 32 x 64 x 32, 6.1 and 15.7 (one thread). Bare NumPy is "
        "the bound of anything above it.",
        ("products: *64x64x64)", "products: *32x64x32)"),
        ours="gpugrad",
    ),
    Reason(
        "a compiled call around a small product",
        "A call of a compiled function costs 2.0 µs, its result's memory included (a product of 1 x 1). A product of "
        "64 x 64 takes it 6.7 µs, NumPy into an array made once 5.7 (one thread).",
        ("products: *shape=64x64x64, way=compiled)",),
    ),
    Reason(
        "a compiled product beside OpenBLAS's",
        "Two products that both come near to what the machine can do. Alone on two threads that share a cache ours "
        "take as long: the derivative of a linear layer of 128 x 784 x 512 1.11 ms and NumPy by hand 1.10 to 1.11, of "
        "256 x 1024 x 2048 11.5 and 11.4, a product of 2048 x 2048 84.1 and 83.6 (on one thread 161 and 170). New "
        "memory for the gradients is not it: 7 new pages a call.",
        (
            "products: linear_vjp *way=compiled)",
            "products: *1024x1024, way=compiled)",
            "products: *2048x2048, way=compiled)",
        ),
    ),
    Reason(
        "the same OpenBLAS product with a call around it",
        "NumPy by hand, autograd and gpugrad call one and the same product; ours has a dispatch before it, and its "
        "derivative new memory for the gradients. On one thread that is 1 % of a product of 256 x 256, 2 % of its "
        "derivative and 4 % of that of a linear layer of 8192 x 16 x 64; at 1024 x 1024 it is lost in the spread. JAX "
        "and torch bring products of their own.",
        ("products: *",),
        ours="gpugrad",
    ),
    Reason(
        "a call on Tensors where nothing is tracked",
        "In a chain of 60 on 64 numbers an operation on Tensors costs 0.40 µs beyond NumPy's own and gives a Tensor; "
        "autograd works on bare arrays while nothing is tracked, and costs 0.24 µs. What is tracked has rows of its "
        "own.",
        ("overhead: chain forward untracked*",),
    ),
    Reason(
        "eager per-sample derivatives beside jax.jit",
        "JAX compiles the function; eager, the gradients of 256 samples of a 64 x 64 layer are one broadcast product "
        "of NumPy (380 of 500 µs on one thread), whose inner loop has 64 numbers. The rows way=compiled are the like "
        "for like.",
        ("calculus: per-sample *",),
        ours="gpugrad",
        peer="jax",
    ),
    Reason(
        "more in the package",
        "The size counts text: 1.6 MB of Python and CUDA sources (operations 340 KB, compiler 350 KB, kernels and "
        "their launchers 260 KB) beside 170 KB of autograd, which has no optimizers, no compiler, no GPU. No binary "
        "is in it.",
        ("cold: size on the disk*",),
        peer="autograd",
    ),
    Reason(
        "import of the package",
        "NumPy's own import takes 65 to 70 ms of processor time; ours adds 37 to 43, autograd's 24 to 28: more "
        "operations, each registered with its rules. Heavy modules (CuPy, llvmlite) are imported at first use. "
        "Training from a cold process pays it too; NumPy by hand imports NumPy alone.",
        ("cold: import", "cold: time to *"),
    ),
    Reason(
        "NumPy alone needs less memory",
        "Training to 97 % on digits takes 43.1 MB at its highest beside 42.3 by hand: the package's own code. JAX and "
        "torch take 320.",
        ("cold: peak memory*",),
        peer="numpy",
    ),
    Reason(
        "large arrays, where calls cost nothing",
        "Both libraries spend their time in the same calls of NumPy: small, the same functions are won by 1.5 to 3.2, "
        "so it is not the calls. Found in one of them is memory that the C library gives back between calls and the "
        "system hands out anew: the Hessian product of batched, alone on one thread, took 12.4 ms beside 6.4, with "
        "2,175 new pages a call; where the C library was told to keep its memory 7.4 beside 6.5. Alone, the gradient "
        "of gaussian (1.03) and the Hessian products of sine_series (1.24) and product (0.99) were won or level. Not "
        "tried: buffers of our own, kept between calls.",
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
