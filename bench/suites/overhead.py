"""What an operation costs beside its arithmetic: one add and a chain of 60 operations, on small arrays."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from bench.overhead import LINKS, SIZES, operands
from bench.peers import ours
from bench.suites.row import Fit, Row, row_of
from bench.suites.task import Settings, Task, require_close

TOLERANCE = 2e-3  # float32 through 60 operations


def tasks(settings: Settings) -> Iterator[Task]:
    """One for each case and size."""
    for n in settings.pick((8,), (8, 1024), SIZES):
        for case in ours.overhead_cases(n):
            yield Task("overhead", f"{case}, {n} elements", 1.0, lambda s, c=case, n=n: rows(c, n, s))


def rows(case: str, n: int, settings: Settings) -> Iterator[Row | Fit]:
    """One row, every peer that has such a case."""
    makers = {"gpugrad": ours.overhead_cases, **settings.having("overhead_cases")}
    runs = {who: cases[case] for who, make in makers.items() if case in (cases := make(n))}
    if "numpy" in runs:  # the operation without any library is no peer
        runs["bare NumPy"] = runs.pop("numpy")
    for who, run in runs.items():
        require_close(f"{case}, {n}", who, as_array(run()), expected(case, n), TOLERANCE)
    yield row_of("overhead", case, settings.measure(runs), params={"n": n})


def expected(case: str, n: int) -> Any:
    """The result, in float64."""
    x, c, g = (a.astype(float) for a in operands(n))
    if case.startswith("add"):
        return x + c
    if case == "NumPy's names":
        return np.sin(x)
    for _ in range(LINKS):
        x = np.tanh(x * c + c)
        g = g * (1 - x * x) * c
    return g if case == "chain" else x


def as_array(value: Any) -> np.ndarray:
    """A result of any library, as NumPy's array."""
    value = value.detach() if hasattr(value, "detach") else value
    value = value.data if type(value).__module__.startswith("mygrad") else value
    return np.asarray(value.numpy() if hasattr(value, "numpy") else value)


def parts(value: Any) -> list[Any]:
    """The results of a call, of which there may be one."""
    return list(value) if isinstance(value, tuple | list) else [value]
