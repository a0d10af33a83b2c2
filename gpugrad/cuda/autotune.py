"""Which of several implementations serves an operation: the one measured fastest on this card, else the first named.

Nothing is measured unless asked for, with `measuring()`: what runs is then the same in every run.  What was measured is
kept for each operation, class of sizes, dtype and architecture, in a JSON file of the user's cache folder, until the
kernels change.
"""

import contextlib
import functools
import json
import os
import statistics
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..backend.cupy import import_cupy
from . import runtime
from .precision import current_precision
from .source import kernels_hash

ROUNDS, WARM_UP = 15, 3
MARGIN = 0.98  # another than the default must take less than this share of its time
Timer = Callable[[Callable[[], Any]], float]


class Work(NamedTuple):
    """What an operation cannot do without: arithmetic, and bytes read and written once."""

    flop: float
    n_bytes: float


class Choice(NamedTuple):
    """What was taken for a key, and the median seconds of all that could serve; none where it was not measured.

    floor: the seconds that the card's measured ceilings allow at best, 0 where they are not known.
    """

    taken: str
    seconds: dict[str, float]
    floor: float = 0.0

    @property
    def why(self) -> str:
        """In words: the times and their fractions of the roofline, or that there are none."""
        if not self.seconds:
            return "the default; not measured here"
        times = sorted(self.seconds.items(), key=lambda item: item[1])
        return ", ".join(f"{name} {1e6 * seconds:.1f} us{self._fraction(seconds)}" for name, seconds in times)

    def _fraction(self, seconds: float) -> str:
        return f", {self.floor / seconds:.0%} of the roofline" if self.floor else ""


class Table:
    """Measured choices, by key, in memory and on disk."""

    def __init__(self, path: Path, version: str) -> None:
        self._path, self._version, self._lock = path, version, threading.Lock()
        self.choices: dict[str, Choice] = self._read()

    def _read(self) -> dict[str, Choice]:
        """What the file holds; nothing where it is missing, damaged, or of other kernels."""
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            if kept["version"] != self._version:
                return {}
            return {
                key: Choice(taken, dict(seconds), floor) for key, (taken, seconds, floor) in kept["choices"].items()
            }
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def keep(self, key: str, choice: Choice) -> None:
        """Add a choice and write the file anew, at once for whoever reads it; a folder that refuses is let be."""
        with self._lock:
            self.choices = {**self._read(), **self.choices, key: choice}
            text = json.dumps({"version": self._version, "choices": self.choices}, indent=1, sort_keys=True)
            with contextlib.suppress(OSError):
                self._path.parent.mkdir(parents=True, exist_ok=True)
                file, unfinished = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.name)
                with os.fdopen(file, "w", encoding="utf-8") as stream:
                    stream.write(text)
                os.replace(unfinished, self._path)


def cache_file() -> Path:
    """$XDG_CACHE_HOME/gpugrad/autotune.json, by default in ~/.cache; in the temporary folder for who has no home."""
    home = os.path.expanduser("~")
    default = Path(home, ".cache") if home != "~" else Path(tempfile.gettempdir())
    return Path(os.environ.get("XDG_CACHE_HOME") or default) / "gpugrad" / "autotune.json"


_tables: list[Table] = []


def table() -> Table:
    """The table in use: that of this user and these kernels, unless another was put in its place."""
    if not _tables:
        _tables.append(Table(cache_file(), kernels_hash()))
    return _tables[-1]


@contextlib.contextmanager
def use(other: Table) -> Iterator[None]:
    """Let `other` be the table within the block."""
    _tables.append(other)
    try:
        yield
    finally:
        _tables.remove(other)


class Meter(NamedTuple):
    """How to measure: the seconds that f() takes, and the card's ceilings (flop/s of products, bytes/s) for a dtype."""

    seconds: Timer
    ceilings: Callable[[Any], Work] | None


_meters: list[Meter] = []
taken: dict[str, Choice] = {}  # what this process ran, by key
told: dict[str, str] = {}  # what launchers without a choice say of themselves, by key


@contextlib.contextmanager
def measuring(timer: Timer | None = None, ceilings: Callable[[Any], Work] | None = None) -> Iterator[None]:
    """Within the block, measure what meets a key that was not measured before.

    `timer(f)` gives the seconds f takes, `ceilings(dtype)` the card's rates; by default the device is asked for both.
    """
    _meters.append(Meter(device_seconds, device_ceilings) if timer is None else Meter(timer, ceilings))
    try:
        yield
    finally:
        _meters.pop()


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """Measure nothing within the block."""
    meters, _meters[:] = _meters[:], []
    try:
        yield
    finally:
        _meters[:] = meters


def device_ceilings(dtype: Any) -> Work:
    """(flop/s of a product of square matrices by cuBLAS, bytes/s of a copy), once a process, dtype and precision."""
    return _device_ceilings(dtype, current_precision())


@functools.cache
def _device_ceilings(dtype: Any, precision: str) -> Work:
    from .gemm import gemm

    n, n_bytes, zeros = 4096, 1 << 28, runtime.current().zeros
    matrix, source, target = zeros((n, n), dtype), zeros((n_bytes,), np.uint8), zeros((n_bytes,), np.uint8)
    product = min(device_seconds(lambda: gemm(matrix, matrix)) for _ in range(5))
    copy = min(device_seconds(lambda: runtime.current().copy(target, source)) for _ in range(5))
    return Work(2.0 * n**3 / product, 2.0 * n_bytes / copy)


def device_seconds(f: Callable[[], Any]) -> float:
    """How long the device works on what f launches."""
    cupy = import_cupy()
    begin, end = cupy.cuda.Event(), cupy.cuda.Event()
    stream = cupy.cuda.get_current_stream()
    begin.record(stream)
    f()
    end.record(stream)
    end.synchronize()
    return cupy.cuda.get_elapsed_time(begin, end) / 1e3


def run(
    operation: str,
    sizes: tuple[int, ...],
    dtype: Any,
    candidates: dict[str, Callable[[], Any]],
    work: Work | None = None,
) -> Any:
    """What the chosen candidate gives; where it declines the others in order; NotImplemented where all do.

    candidates: by name, the default first; each returns NotImplemented where it cannot serve.  work: for the roofline.
    """
    key = key_of(operation, sizes, dtype)
    choice = table().choices.get(key)
    if choice is None and _meters:
        choice = _measure(candidates, _meters[-1], dtype, work)
        if choice is not None:
            table().keep(key, choice)
    first = choice.taken if choice is not None and choice.taken in candidates else next(iter(candidates))
    for name in (first, *(name for name in candidates if name != first)):
        y = candidates[name]()
        if y is not NotImplemented:
            taken[key] = choice if choice is not None and choice.taken == name else Choice(name, {})
            return y
    return NotImplemented


def key_of(operation: str, sizes: tuple[int, ...], dtype: Any) -> str:
    """Operation, sizes up to the next power of two, dtype (with the precision of its products) and architecture."""
    kind = current_precision() if dtype == "float32" else dtype.name
    return _key(operation, sizes, kind, runtime.current().limits().arch)


@functools.lru_cache(maxsize=4096)
def _key(operation: str, sizes: tuple[int, ...], kind: str, arch: int) -> str:
    classes = "x".join(str(1 << (n - 1).bit_length() if n else 0) for n in sizes)
    return f"{operation} {classes} {kind} sm_{arch}"


def _measure(candidates: dict[str, Callable[[], Any]], meter: Meter, dtype: Any, work: Work | None) -> Choice | None:
    """The median of interleaved rounds for each candidate that serves; None where fewer than two do."""
    able = {name: f for name, f in candidates.items() if f() is not NotImplemented}
    if len(able) < 2:
        return None
    for f in able.values():
        for _ in range(WARM_UP):
            f()
    rounds = [{name: meter.seconds(f) for name, f in able.items()} for _ in range(ROUNDS)]
    seconds = {name: statistics.median(each[name] for each in rounds) for name in able}
    default, best = next(iter(able)), min(seconds, key=lambda name: seconds[name])
    return Choice(best if seconds[best] < MARGIN * seconds[default] else default, seconds, _floor(meter, dtype, work))


def _floor(meter: Meter, dtype: Any, work: Work | None) -> float:
    """The seconds that the work takes at the ceilings, arithmetic and memory at once; 0 where one is not known."""
    if work is None or meter.ceilings is None:
        return 0.0
    return max(amount / rate for amount, rate in zip(work, meter.ceilings(dtype), strict=True))


def tell(operation: str, sizes: tuple[int, ...], dtype: Any, what: str) -> None:
    """Let the report say `what` serves this operation, or why it is declined."""
    told[key_of(operation, sizes, dtype)] = what


def report() -> list[tuple[str, str]]:
    """(key, what is taken and why) of all that was measured on this machine or run by this process."""
    found = {**taken, **table().choices}
    return sorted({**{key: f"{choice.taken} ({choice.why})" for key, choice in found.items()}, **told}.items())
