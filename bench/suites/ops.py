"""Every primitive, forward and reverse: bytes moved in a second, beside a copy of as many bytes in the same rounds.

bytes: of a forward pass its inputs and outputs, of a reverse rule the cotangent, what was saved, and the gradients;
arrays that share memory with an earlier one cost nothing.  The ratio that is watched is the copy's time over ours.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

import gpugrad as gg
from bench.suites.ceilings import copy_of
from bench.suites.operands import Work, work_for
from bench.suites.row import Fit, Ratio, Row, Stat, row_of
from bench.suites.task import Settings, Task, require_close
from gpugrad.core import tape
from gpugrad.core.namespace import PRIMITIVES
from gpugrad.core.tensor import Tensor

SIZES = {"tiny": (2**6,), "quick": (2**16,), "full": (2**6, 2**16, 2**20)}
FEW = ("add", "multiply", "exp", "tanh", "relu", "sum", "softmax", "getitem", "concatenate", "transpose")
# What these cost over the size is drawn.
FEW_SIZES = {
    "tiny": (),
    "quick": (2**8, 2**12, 2**20),
    "full": tuple(2**k for k in range(8, 23, 2) if k not in (16, 20)),
}
TOLERANCE = 2e-3  # of the largest entry, float32 beside float64
# Rules that divide by differences of eigenvalues or singular values lose digits in float32.
LOOSE = {"eigh": 0.2, "svd": 0.2, "pinv": 2e-2, "lstsq": 2e-2, "cofactors": 2e-2, "det": 2e-2}


def tasks(settings: Settings) -> Iterator[Task]:
    """One for each primitive and size."""
    for size in SIZES[settings.scale]:
        for name in sorted(PRIMITIVES):
            if _measured(name):
                yield _task(name, size)
    for name in FEW:
        yield from (_task(name, size) for size in FEW_SIZES[settings.scale])


def _measured(name: str) -> bool:
    """The package's own: not what a page or a test defined in this process."""
    return (PRIMITIVES[name].forward.__module__ or "").startswith("gpugrad.")


def _task(name: str, n: int) -> Task:
    return Task("ops", f"{name}, {n:,} elements", 0.2 + n * 1e-7, lambda s: rows(name, n, s))


def rows(name: str, n: int, settings: Settings) -> Iterator[Row | Fit]:
    """The forward row, and the row of the reverse rule where there is one."""
    work = work_for(name, n, settings.rng(n))
    if work is None:
        return
    y = _arrays(work.primitive.call(*work.args, **work.params))
    wide = work.in_float64()
    expected = _arrays(wide.primitive.call(*wide.args, **wide.params))
    _check(f"{name}, {n}", y, expected, name)
    yield _row(settings, name, n, "forward", _forward(work), _traffic(_arrays(work.args), y))
    if work.primitive.differentiable and work.moving:
        pull, saved, gradients, g = _pull(work)
        wide_gradients = _pull(wide, g)[2]
        _check(f"VJP of {name}, {n}", gradients, wide_gradients, name)
        yield _row(settings, name, n, "VJP", pull, _traffic([*_arrays(g), *saved], gradients))


def _row(settings: Settings, name: str, n: int, part: str, run: Callable[[], Any], n_bytes: int) -> Row:
    source, target = copy_of(max(256, n_bytes // 2))
    rounds = settings.measure_calls({"gpugrad": run, "ceiling": lambda: np.copyto(target, source)})
    share = Stat.of([a / b for a, b in zip(rounds["ceiling"], rounds["gpugrad"], strict=True)])
    row = row_of("ops", name, rounds, params={"n": n, "part": part}, bytes=n_bytes, ceiling="copy")
    row.ratio = Ratio("ceiling", share.median, share.low, share.high)
    if not n_bytes:
        row.notes[""] = "a view: no bytes move; beside the call of a copy of 256 bytes"
    return row


def _forward(work: Work) -> Callable[[], Any]:
    call, args, params = work.primitive.call, [_boxed(a) for a in work.args], work.params
    return lambda: call(*args, **params)


def _boxed(a: Any) -> Any:
    return Tensor(a) if isinstance(a, np.ndarray) else a


def _pull(work: Work, g: Any = None) -> tuple[Callable[[], Any], list[np.ndarray], list[np.ndarray], Any]:
    """(a run of the reverse rule through the record, the arrays it keeps, gradients, cotangent)."""
    nodes: list[Any] = []

    def f(*xs: Any) -> Any:
        args = list(work.args)
        for i, x in zip(work.moving, xs, strict=True):
            args[i] = x
        y = work.primitive.call(*args, **work.params)
        outputs = [t for t in (y if isinstance(y, tuple | list) else [y]) if _tracked(t)]
        nodes.extend(t.node for t in outputs)
        return outputs

    y, pull = gg.vjp(f, *(work.args[i] for i in work.moving))
    if g is None:
        rng = np.random.default_rng(len(work.args))
        g = [rng.uniform(0.1, 0.9, t.shape) for t in y]
    g = [a.astype(np.float32).astype(t.dtype) for a, t in zip(g, y, strict=True)]
    saved = _kept(nodes)
    return lambda: pull(g), saved, _arrays(pull(g)), g


def _tracked(t: Any) -> bool:
    return isinstance(t, Tensor) and t.node is not None and t.dtype.kind == "f"


def _kept(nodes: Iterable[Any]) -> list[np.ndarray]:
    found: dict[int, np.ndarray] = {}
    for node in nodes:
        while node is not None and node[tape.SAVED] is None and node[tape.PARENTS]:
            node = node[tape.PARENTS][0]
        for value in _flat(node[tape.SAVED] if node else ()):
            if isinstance(value, np.ndarray):
                found[id(value)] = value
    return list(found.values())


def _flat(values: Any) -> Iterator[Any]:
    for value in values or ():
        if isinstance(value, tuple | list):
            yield from _flat(value)
        else:
            yield value


def _arrays(values: Any) -> list[np.ndarray]:
    """The arrays among values: raw, or of Tensors."""
    many = values if isinstance(values, tuple | list) else [values]
    found = (v.detach().numpy() if isinstance(v, Tensor) else v for v in many)
    return [np.asarray(v) for v in found if isinstance(v, np.ndarray | np.generic)]


def _traffic(read: list[np.ndarray], written: list[np.ndarray]) -> int:
    """Bytes of the distinct arrays; an output that is a view of what is read, and what it views, cost nothing."""
    copies = [w for w in written if not any(np.may_share_memory(w, r) for r in read)]
    if written and not copies:
        return 0
    return sum(a.nbytes for a in read) + sum(a.nbytes for a in copies)


def _check(what: str, found: list[np.ndarray], expected: list[np.ndarray], name: str) -> None:
    if len(found) != len(expected):
        raise ArithmeticError(f"{what}: {len(found)} arrays in float32, {len(expected)} in float64")
    for a, b in zip(found, expected, strict=True):
        if a.dtype.kind == "f" and name not in ("spacing", "nextafter"):  # these depend on the precision
            require_close(what, "gpugrad", a, b, LOOSE.get(name, TOLERANCE))
