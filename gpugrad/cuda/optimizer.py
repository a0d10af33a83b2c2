"""Launchers of kernels/optimizer.cu: update rules, clipping by the global norm and copies, over lists of arrays."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import DeviceError
from . import runtime
from .kernel import NULL, TYPES, c_contiguous, launch, type_name

FILE = "optimizer.cu"
THREADS, MAX_ITEMS, MAX_COEFFICIENTS = 256, 64, 8
CHUNK = 4 * THREADS  # elements of a block: one step of each thread, so that a small net also fills the card
NORM_CHUNK, NORM_THREADS = 16 * CHUNK, 512  # fewer parts, as one block adds them up
INSTANCES = (
    *(f"{k}<{t}>" for k in ("sgd", "adam", "rmsprop", "square_sums", "clip_by_norm", "copy_list") for t in TYPES),
    "norm_total",
)
_LISTS = (("p", "u8"), ("g", "u8"), ("start", "i8"), ("n", "i8"), ("first_block", "i4"))
_ITEMS = np.dtype(
    [*((name, kind, (MAX_ITEMS,)) for name, kind in _LISTS), ("n_items", "i4"), ("chunk", "i4")], align=True
)
DECAY, DECOUPLED, NESTEROV, CENTERED = 1, 2, 4, 8


class Flat(NamedTuple):
    """Flat arrays of float32, or of float64 for float64 parameters, and where each parameter begins in them."""

    starts: Sequence[int]
    state: Sequence[Any]
    master: Any = None  # float32 weights of 2-byte parameters


def sgd(params: list[Any], grads: list[Any], flat: Flat, c: Any, *, decay: bool, nesterov: bool) -> Any:
    """One update of `params` by SGD; c: lr, weight_decay, momentum and 1 - dampening."""
    return _update("sgd", params, grads, flat, c, DECAY * decay | NESTEROV * nesterov)


def adam(params: list[Any], grads: list[Any], flat: Flat, c: Any, *, decay: bool, decoupled: bool) -> Any:
    """One update of `params` by Adam or AdamW; c as `Adam.coefficients` gives it."""
    return _update("adam", params, grads, flat, c, DECAY * decay | DECOUPLED * decoupled)


def rmsprop(params: list[Any], grads: list[Any], flat: Flat, c: Any, *, decay: bool, centered: bool) -> Any:
    """One update of `params` by RMSprop; c as `RMSprop.coefficients` gives it."""
    return _update("rmsprop", params, grads, flat, c, DECAY * decay | CENTERED * centered)


def _update(rule: str, params: list[Any], grads: list[Any], flat: Flat, c: Any, flags: int) -> Any:
    """None, or NotImplemented where nothing was changed.  Elements of c are numbers, or 0-d arrays on the device."""
    if not _alike(params) or not all(map(c_contiguous, params)) or not _fit(params, grads):
        return NotImplemented
    t, kind = type_name(params[0].dtype), np.dtype(np.float64 if params[0].dtype == np.float64 else np.float32)
    coefficients = _coefficients(c, kind)
    flats = [*flat.state, *([] if flat.master is None else [flat.master])]
    if coefficients is None or any(s.dtype != kind or not c_contiguous(s) for s in flats):
        return NotImplemented
    if (flat.master is None) == (kind.itemsize > params[0].dtype.itemsize) or len(flat.state) > 3:
        return NotImplemented
    grads = [_contiguous(g) for g in grads]
    state = (*flat.state, NULL, NULL, NULL)[:3]
    rest = (
        *state,
        NULL if flat.master is None else flat.master,
        coefficients,
        np.int32(flags),
        np.int32(len(flat.state)),
    )
    for items, n_blocks in _listed(params, grads, flat.starts):
        launch(FILE, f"{rule}<{t}>", (n_blocks,), (THREADS,), (items, *rest))
    return None


def _alike(arrays: list[Any]) -> bool:
    """True for arrays of one storage dtype; DeviceError where they are not on the current device.

    The kernels get addresses in a list, which the launch cannot look into.
    """
    if not arrays or type_name(arrays[0].dtype) is None or len({a.dtype for a in arrays}) > 1:
        return False
    device, there = runtime.current().stream()[0], {a.data.device_id for a in arrays}
    if there != {device}:
        at = min(there - {device})
        raise DeviceError(
            f"optimizer: arrays of cuda:{at} to change, but cuda:{device} is the current device; take the step within "
            f"`with cupy.cuda.Device({at}):`, each device's parameters in an optimizer of their own"
        )
    return True


def _fit(params: list[Any], grads: list[Any]) -> bool:
    return all(
        hasattr(getattr(g, "data", None), "ptr")
        and (g.shape, g.dtype, g.data.device_id) == (p.shape, p.dtype, p.data.device_id)
        for p, g in zip(params, grads, strict=True)
    )


def _contiguous(g: Any) -> Any:
    """g, or a copy of it in C order."""
    if c_contiguous(g):
        return g
    copy = runtime.current().empty(g.shape, g.dtype)
    runtime.current().copy(copy, g)
    return copy


def _coefficients(c: Sequence[Any], kind: np.dtype) -> Any:
    """The kernel's structure: an address for each coefficient on the device, a value for each other one."""
    packed = np.zeros(
        (), np.dtype([("at", "u8", (MAX_COEFFICIENTS,)), ("value", kind, (MAX_COEFFICIENTS,))], align=True)
    )
    for i, x in enumerate(c):
        if not hasattr(x, "data") or isinstance(x, np.ndarray | np.generic):
            packed["value"][i] = x
        elif x.size == 1 and x.dtype == kind:
            packed["at"][i] = x.data.ptr
        else:
            return None
    return packed


def _listed(
    params: Sequence[Any], grads: Sequence[Any], starts: Sequence[int], chunk: int = CHUNK
) -> Iterator[tuple[Any, int]]:
    """The kernel's lists, each with its number of blocks; arrays without elements are left out."""
    places = [
        (p.data.ptr, g.data.ptr, start, g.size) for p, g, start in zip(params, grads, starts, strict=True) if g.size
    ]
    for first in range(0, len(places), MAX_ITEMS):
        listed = places[first : first + MAX_ITEMS]
        items, n = np.zeros((), _ITEMS), len(listed)
        for name, values in zip(("p", "g", "start", "n"), zip(*listed, strict=True), strict=True):
            items[name][:n] = values
        blocks = np.cumsum([0, *(-(-size // chunk) for *_, size in listed)])
        items["first_block"][:n], items["n_items"], items["chunk"] = blocks[:-1], n, chunk
        yield items, int(blocks[-1])


def grad_norm(grads: list[Any]) -> Any:
    """The root of the sum of squares over all arrays: 0-d float64 on the device."""
    if not _alike(grads) or not all(map(c_contiguous, grads)):
        return NotImplemented
    now, t = runtime.current(), type_name(grads[0].dtype)
    lists = list(_listed(grads, grads, [0] * len(grads), NORM_CHUNK))
    parts, first = now.empty((sum(n for _, n in lists),), np.float64), 0
    for items, n_blocks in lists:
        launch(FILE, f"square_sums<{t}>", (n_blocks,), (THREADS,), (items, parts, np.int32(first)))
        first += n_blocks
    total = now.empty((), np.float64)
    launch(FILE, "norm_total", (1,), (NORM_THREADS,), (parts, np.int32(first), total))
    return total


def clip_by_norm(grads: list[Any], total: Any, max_norm: float) -> Any:
    """Scale all arrays in place by min(1, max_norm / (total + 1e-6)), total being 0-d float64 on the device."""
    if not _alike(grads) or not all(map(c_contiguous, grads)) or getattr(total, "dtype", None) != np.float64:
        return NotImplemented
    t = type_name(grads[0].dtype)
    for items, n_blocks in _listed(grads, grads, [0] * len(grads)):
        launch(FILE, f"clip_by_norm<{t}>", (n_blocks,), (THREADS,), (items, total, np.float64(max_norm)))
    return None


def copy_list(targets: list[Any], sources: list[Any]) -> Any:
    """Copy each source to its target, of the same shape and dtype; NotImplemented where nothing was copied."""
    if not _alike(targets) or not _fit(targets, sources) or not all(map(c_contiguous, [*targets, *sources])):
        return NotImplemented
    t = type_name(targets[0].dtype)
    for items, n_blocks in _listed(targets, sources, [0] * len(targets)):
        launch(FILE, f"copy_list<{t}>", (n_blocks,), (THREADS,), (items,))
    return None
