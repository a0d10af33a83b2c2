"""The executor "graph": the calls are launched once, captured into one CUDA graph, and replayed from then on."""

from typing import Any

import numpy as np

from ..explain import megabytes
from ..ir import Program, Value
from .dividing import HostPart
from .refusals import on_device, refusal
from .staging import Direct, Staged
from .walk import Walk

# There primitives stay whole, as they have kernels.
NOT_ON_GPU = frozenset(("fold", "lower", "tile", "accumulate", "fuse", "finish"))


class GraphPlan:
    """A program, and `run`, a function of the inputs' arrays that gives new arrays with the results.

    The first run launches call by call, which compiles and loads each kernel, and then captures; inputs are copied to
    where the graph reads them, results to new arrays.  Where capture fails, `why_not` says why, and every run is call
    by call.  `host` is what NumPy computes before each run.
    """

    name, why, skips = "graph", "one CUDA graph, launched as a whole", NOT_ON_GPU

    def __init__(self, program: Program, host: HostPart | None = None) -> None:
        from ...cuda import runtime

        self.program, self.quiet, self._host = program, program.quiet, host
        self.why_not = refusal(program)
        self._now, self._lane = runtime.current(), runtime.current().lane()
        self._walk = Walk(program, constants_on_device(program))
        self._ways: list[Any] | None = None
        self._graph: Any = None
        self._results: list[Any] = []
        self._handles: list[Any] = []

    def run(self, *arrays: Any) -> list[Any]:
        """The results' arrays."""
        with self._lane.lock:
            if self._host is None:
                return self._on_device(arrays)
            self._host.before(arrays)
            return self._host.after(self._on_device(self._host.passed_on(arrays)))

    def _on_device(self, arrays: tuple[Any, ...]) -> list[Any]:
        if self._graph is None:
            return self._by_calls(arrays)
        self._lane.follow()
        for way, array in zip(self._ways or (), arrays, strict=True):
            way.bring(array)
        self._graph.launch()
        return self._copies(self._results)

    def _by_calls(self, arrays: tuple[Any, ...]) -> list[Any]:
        """Launch each call; then, unless that is known to fail, capture for the runs to come."""
        if self._ways is None:
            self._ways = [self._way(v, x) for v, x in zip(self.program.inputs, arrays, strict=True)]
        targets = [way.target for way in self._ways]
        with self._lane.aside():
            for way, array in zip(self._ways, arrays, strict=True):
                way.bring(array)
            results = self._walk(*targets)
        found = self._copies(results)
        del results
        if self.why_not is None:
            self._capture(targets)
        return found

    def _capture(self, targets: list[Any]) -> None:
        from ...cuda import autotune, cublas

        try:
            with autotune.paused():
                self._graph, self._results = self._lane.capture(lambda: self._walk(*targets))
            self._handles = cublas.handles()
        except Exception as error:  # of CUDA, of CuPy, or of a forward that looks at values
            self.why_not = f"{type(error).__name__}: {error}"

    def _way(self, v: Value, array: Any) -> Any:
        """How this input comes to the program."""
        target = self._now.empty(v.shape, v.dtype)
        return Staged(self._now, self._lane, target) if isinstance(array, np.ndarray) else Direct(self._now, target)

    def _copies(self, results: list[Any]) -> list[Any]:
        """New arrays with the results, as the next run writes over the old ones."""
        found = [self._now.empty(x.shape, x.dtype) for x in results]
        for copy, x in zip(found, results, strict=True):
            if x.size:
                self._now.copy(copy, x)
        return found

    def memory(self) -> str:
        """What is planned, in words."""
        if self._graph is None:
            why = self.why_not or "the first run will"
            return f"not captured: {why}; each call is launched, with memory of a pool"
        inputs, pool = megabytes(sum(way.target.nbytes for way in self._ways or ())), self._lane.pool_bytes()
        line = f"captured: one graph; {inputs} of inputs, {megabytes(pool)} in the pool of all graphs"
        return line if self._host is None else f"{line}\nbefore each run: {self._host}"


def constants_on_device(program: Program) -> dict[Value, Any]:
    """Copies on the device of NumPy's arrays that a call reads beside a device's."""
    from ...backend.cupy import import_cupy

    there = on_device(program)
    found: dict[Value, Any] = {}
    for call in program.calls:
        if any(v in there for v in call.values):
            for v in call.values:
                if v.kind == "const" and v not in there and v not in found:
                    found[v] = import_cupy().asarray(v.array)
    return found
