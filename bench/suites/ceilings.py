"""What this machine can do at most, measured in the same run: copying memory, and its best product of matrices."""

import mmap
import time
import timeit
from collections.abc import Iterator
from typing import Any

import numpy as np

from bench.suites.row import Fit, Row, row_of
from bench.suites.task import Settings, Task

COPIED = {"tiny": (2**10,), "quick": (2**14, 2**18, 2**25), "full": tuple(2**k for k in range(10, 27, 2))}
SQUARES = {"tiny": (16,), "quick": (512, 1024), "full": (512, 1024, 2048)}
DTYPES = ("float32", "float64")
PAGE, PAIRS, IN_CACHE = 4096, 6, 2**22


def tasks(settings: Settings) -> Iterator[Task]:
    """Copies of several sizes, and square products."""
    for n_bytes in COPIED[settings.scale]:
        yield Task("ceilings", f"copy of {n_bytes:,} bytes", 0.3, lambda s, n=n_bytes: _copy(s, n))
    for width in SQUARES[settings.scale]:
        for dtype in DTYPES:
            yield Task("ceilings", f"{dtype} product, {width}", 2.0, lambda s, w=width, t=dtype: _gemm(s, w, t))


def _copy(settings: Settings, n_bytes: int) -> Iterator[Row | Fit]:
    x, y = copy_of(n_bytes // 2)
    rounds = settings.measure_calls({"ceiling": lambda: np.copyto(y, x)})
    yield row_of("ceilings", "copy", rounds, params={"bytes": n_bytes}, bytes=n_bytes)


def copy_of(n_bytes: int) -> tuple[np.ndarray, np.ndarray]:
    """Two buffers in new pages; of several pairs the fastest, as the pages decide how fast a copy in cache is.

    Half a page apart, since equal places within a page slow a copy down as well.
    """
    pairs = [(_pages(n_bytes, 0), _pages(n_bytes, PAGE // 2)) for _ in range(PAIRS if n_bytes < IN_CACHE else 1)]
    return min(pairs, key=_shortest)


def _pages(n_bytes: int, offset: int) -> np.ndarray:
    found = np.frombuffer(mmap.mmap(-1, n_bytes + PAGE), np.uint8)[offset : offset + n_bytes]
    found[:] = 1
    return found


def _shortest(pair: tuple[np.ndarray, np.ndarray]) -> float:
    return min(timeit.repeat(lambda: np.copyto(pair[1], pair[0]), number=1, repeat=9))


def _gemm(settings: Settings, width: int, dtype: str) -> Iterator[Row | Fit]:
    a, b = settings.rng(width).normal(size=(2, width, width)).astype(dtype)
    out = np.empty_like(a)
    runs = {"numpy": lambda: np.matmul(a, b, out=out)}
    for who, make in settings.having("product").items():
        runs[who] = make("matmul", (a, b))
    yield row_of("ceilings", "square product", settings.measure(runs), params={"width": width, "dtype": dtype},
                 flop=2 * width**3)  # fmt: skip


def of(rows: list[Row]) -> dict[str, dict[str, Any]]:
    """The file's `ceilings`: the largest copy, and the best of all square products of each dtype."""
    found: dict[str, dict[str, Any]] = {}
    copies = [row for row in rows if row.suite == "ceilings" and row.name == "copy"]
    if copies:
        largest = max(copies, key=lambda row: row.bytes or 0)
        found["copy"] = _bound(largest.bytes or 0, "bytes", "ceiling", largest)
    for dtype in DTYPES:
        squares = [row for row in rows if row.name == "square product" and row.params["dtype"] == dtype]
        speeds = [((row.flop or 0) / stat.median, who, row) for row in squares for who, stat in row.times.items()]
        if speeds:
            _, who, row = max(speeds, key=lambda one: one[0])
            found[f"gemm {dtype}"] = _bound(row.flop or 0, "flop", who, row)
    return found


def _bound(work: int, unit: str, who: str, row: Row) -> dict[str, Any]:
    size = f"{row.params['width']} x {row.params['width']} of {who}" if unit == "flop" else f"{row.bytes:,} bytes moved"
    return {"per_s": work / row.times[who].median, "unit": unit, "how": f"{row.name}, {size}"}


def drift(settings: Settings) -> float:
    """Milliseconds of a fixed piece of work: taken before and after a run, it says how even the machine was."""
    x = np.ones(2**16, np.float32)
    times = []
    for _ in range(settings.pick(2, 20, 20)):
        start = time.perf_counter()
        for _ in range(settings.pick(1, 20, 20)):
            np.add(x, x)
        times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times))
