"""The fused training step of a narrow MLP: what fits a block's shared memory, and the two launches."""

import math
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from . import autotune, runtime
from .activations import STRUCTS
from .activations import activation as find_activation
from .kernel import blocks_for, c_contiguous, launch, type_name

MAX_LAYERS, MAX_WIDTH, THREADS = 8, 256, 256
LOSSES = ("cross_entropy", "squared_error")
KINDS = ("float", "__nv_bfloat16")
INSTANCES = (
    *(f"mlp_step<{kind}, {struct}>" for kind in KINDS for struct in STRUCTS),
    *(f"mlp_reduce<{kind}>" for kind in KINDS),
)
MIN_ARCH = {"mlp_step<__nv_bfloat16": 80}
_LIST, _LISTS = (MAX_LAYERS,), (MAX_LAYERS + 1,)
_PLAN = np.dtype(
    [("w", "u8", _LIST), ("b", "u8", _LIST), ("n_rows", "i8")]
    + [(name, "i4", _LISTS) for name in ("width", "padded", "ld", "h_at")]
    + [(name, "i4", _LIST) for name in ("z_at", "w_at", "b_at", "dw_at", "db_at")]
    + [(name, "i4") for name in ("logits_at", "ld_logits", "grads_at")]
    + [(name, "i4") for name in ("n_layers", "n_params", "tile_rows", "resident", "loss")]
    + [(name, "f4") for name in ("p", "q", "smoothing")],
    align=True,
)


class Layout(NamedTuple):
    """How a block's shared memory is used, in bytes from its start."""

    tile_rows: int
    resident: bool  # every layer's weights, or the one in hand
    grads_at: int  # -1: gradients add up in device memory
    h_at: tuple[int, ...]
    z_at: tuple[int, ...]
    w_at: tuple[int, ...]
    b_at: tuple[int, ...]
    logits_at: int
    ld_logits: int
    n_bytes: int


class _Shared:
    """Hands out stretches of shared memory, each beginning at a multiple of 16 bytes."""

    def __init__(self) -> None:
        self.n_bytes = 0

    def take(self, n_bytes: int) -> int:
        at = self.n_bytes
        self.n_bytes += -(-n_bytes // 16) * 16
        return at


def padded(width: int, itemsize: int) -> int:
    """A width in whole steps of the tile product: 4 floats, or 16 of 2 bytes."""
    step = 4 if itemsize == 4 else 16
    return -(-width // step) * step


def leading(width: int, itemsize: int) -> int:
    """The leading dimension of a tile in shared memory: 16 bytes past the row, so that rows start in other banks."""
    return padded(width, itemsize) + 16 // itemsize


def layout(
    widths: tuple[int, ...],
    itemsize: int,
    n_params: int,
    keeps_y: bool,
    tile_rows: int,
    resident: bool,
    shared_grads: bool,
) -> Layout:
    """Where everything lies for tiles of that many rows."""
    shared = _Shared()
    tile = [tile_rows * leading(width, itemsize) * itemsize for width in widths]
    h_at = tuple(map(shared.take, tile))
    z_at = (0,) * (len(widths) - 1) if keeps_y else tuple(map(shared.take, tile[1:]))
    weights = [padded(n_out, itemsize) * leading(n_in, itemsize) * itemsize for n_in, n_out in pairwise(widths)]
    biases = [4 * padded(width, itemsize) for width in widths[1:]]
    if resident:
        w_at, b_at = tuple(map(shared.take, weights)), tuple(map(shared.take, biases))
    else:
        w_at, b_at = (shared.take(max(weights)),) * len(weights), (shared.take(max(biases)),) * len(biases)
    ld_logits = leading(widths[-1], itemsize)
    logits_at = h_at[-1] if itemsize == 4 else shared.take(4 * tile_rows * ld_logits)
    grads_at = shared.take(4 * n_params) if shared_grads else -1
    return Layout(tile_rows, resident, grads_at, h_at, z_at, w_at, b_at, logits_at, ld_logits, shared.n_bytes)


def choose(
    widths: tuple[int, ...], itemsize: int, n_params: int, keeps_y: bool, n_rows: int, device: runtime.Limits
) -> Layout | str:
    """The layout for this net on this device, or one line saying why there is none.

    Tiles are as large as leaves every multiprocessor one; then weights that stay, then gradients that stay, come before
    larger tiles.
    """
    n_layers = len(widths) - 1
    if n_layers > MAX_LAYERS:
        return f"{n_layers} layers; the fused step takes {MAX_LAYERS}"
    if max(widths) > MAX_WIDTH:
        return f"a width of {max(widths)}; the fused step takes {MAX_WIDTH}"
    spread = [rows for rows in (64, 32) if math.ceil(n_rows / rows) >= device.n_sm]
    for resident, shared_grads in ((True, True), (True, False), (False, True), (False, False)):
        for tile_rows in (*spread, 16):
            found = layout(widths, itemsize, n_params, keeps_y, tile_rows, resident, shared_grads)
            if found.n_bytes <= device.shared_bytes - 1024:  # what the kernel declares itself
                return found
    return f"{found.n_bytes} bytes of shared memory for 16 rows; a block has {device.shared_bytes}"


def mlp_step(x: Any, target: Any, class_weight: Any, *params: Any, how: Any) -> Any:
    """(loss, n_correct, *gradients) of the net with params (w0, w1, ..., b0, b1, ...), or its weights alone.

    x (N, n_in), w (n_out, n_in) of one dtype, float32 or bfloat16; target int64 (N,) for "cross_entropy", (N, n_out) of
    x's dtype for "squared_error", whose loss sums over outputs.  how: as the primitive's (ops/mlp_step.py).
    NotImplemented where the kernel cannot serve.
    """
    phi, kind, device = find_activation(how.activation, **how.options), type_name(x.dtype), runtime.current().limits()
    if phi is None or kind not in KINDS or not c_contiguous(x, target, class_weight, *params) or not x.size:
        return NotImplemented
    if device.arch < MIN_ARCH.get(f"mlp_step<{kind}", 0) or not _fit(x, target, class_weight, params, how):
        return NotImplemented
    widths = (x.shape[1], *(w.shape[0] for w in params[: how.n_layers]))
    sizes = [p.size for p in params]
    chosen = choose(widths, x.dtype.itemsize, sum(sizes), phi.keeps_y, x.shape[0], device)
    if isinstance(chosen, str):
        autotune.tell("mlp_step", widths, x.dtype, f"the unfused graph: {chosen}")
        return NotImplemented
    place = "stay in shared memory" if chosen.resident else "are read again for each use"
    autotune.tell("mlp_step", widths, x.dtype, f"one kernel: tiles of {chosen.tile_rows} rows, weights {place}")
    plan = _filled(chosen, widths, x, params, sizes)
    plan["p"], plan["q"], plan["smoothing"], plan["loss"] = phi.p, phi.q, how.smoothing, LOSSES.index(how.loss)
    per_sm = max(1, min(device.shared_bytes // chosen.n_bytes, 4))
    n_blocks = blocks_for(x.shape[0], chosen.tile_rows, device.n_sm * per_sm)
    empty = runtime.current().empty
    partials, sums = empty((n_blocks, sum(sizes)), np.float32), empty((n_blocks, 3), np.float32)
    arguments = (x, target, np.uintp(0) if class_weight is None else class_weight, plan, partials, sums)
    launch("mlp_step.cu", f"mlp_step<{kind}, {phi.struct}>", (n_blocks,), (THREADS,), arguments, chosen.n_bytes)
    return _reduced(partials, sums, params, sizes, how.mean, how.scale)


def _reduced(
    partials: Any, sums: Any, params: tuple[Any, ...], sizes: list[int], mean: bool, scale: float
) -> tuple[Any, ...]:
    """Add the blocks' partials; the gradients are views of one flat buffer, in the order of the parameters."""
    (n_blocks, n_params), dtype = partials.shape, params[0].dtype
    flat, totals = runtime.current().empty((n_params,), dtype), runtime.current().empty((2,), np.float32)
    arguments = (
        partials,
        sums,
        flat,
        totals,
        np.int32(n_blocks),
        np.int32(n_params),
        np.int32(mean),
        np.float32(scale),
    )
    grid = (blocks_for(n_params, THREADS),)
    launch("mlp_step.cu", f"mlp_reduce<{type_name(dtype)}>", grid, (THREADS,), arguments)
    ends = np.cumsum(sizes).tolist()
    grads = [flat[end - size : end].reshape(p.shape) for p, size, end in zip(params, sizes, ends, strict=True)]
    return totals[0], totals[1], *grads


def _fit(x: Any, target: Any, class_weight: Any, params: tuple[Any, ...], how: Any) -> bool:
    """True where shapes and dtypes are those that `mlp_step` names."""
    if x.ndim != 2 or any(p.dtype != x.dtype for p in params):
        return False
    n_rows, width = x.shape
    for w in params[: how.n_layers]:
        if w.ndim != 2 or w.shape[1] != width:
            return False
        width = w.shape[0]
    if any(b.shape != w.shape[:1] for w, b in zip(params, params[how.n_layers :], strict=False)):
        return False
    if how.loss == "squared_error":
        return target.dtype == x.dtype and target.shape == (n_rows, width)
    weighs = class_weight is None or (class_weight.dtype == np.float32 and class_weight.shape == (width,))
    return weighs and target.dtype == np.int64 and target.shape == (n_rows,)


def _filled(chosen: Layout, widths: tuple[int, ...], x: Any, params: tuple[Any, ...], sizes: list[int]) -> Any:
    """The Plan struct of mlp_step.cu, as a structured array of one element, which travels by value."""
    plan, n_layers, itemsize = np.zeros((), _PLAN), len(widths) - 1, x.dtype.itemsize
    columns: dict[str, Any] = {
        "w": [w.data.ptr for w in params[:n_layers]],
        "b": [b.data.ptr for b in params[n_layers:]],
        "width": widths,
        "padded": [padded(width, itemsize) for width in widths],
        "ld": [leading(width, itemsize) for width in widths],
        "dw_at": np.cumsum([0, *sizes[: n_layers - 1]]),
        "db_at": np.cumsum(sizes)[n_layers - 1 : -1],
        **{name: getattr(chosen, name) for name in ("h_at", "z_at", "w_at", "b_at")},
    }
    for name, values in columns.items():
        plan[name][: len(values)] = values
    for name in ("logits_at", "ld_logits", "grads_at", "tile_rows", "resident"):
        plan[name] = getattr(chosen, name)
    plan["n_rows"], plan["n_layers"], plan["n_params"] = x.shape[0], n_layers, sum(sizes)
    return plan
