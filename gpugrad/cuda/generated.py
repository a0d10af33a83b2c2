"""Kernels written for a chain of elementwise calls: each element is read once, taken through all of them, and written.

A `Recipe` says what is computed; shapes and strides come with the arrays.  Thread i of the grid owns the packs i,
i + n_threads, ... of V neighbouring elements (16 bytes of the widest dtype, where all arrays that run along the last
axis are aligned and long enough), the rest go one by one.  Bytes moved: every input and output once.
"""

import hashlib
import math
from typing import Any, NamedTuple

import numpy as np

from . import runtime
from .kernel import aligned, blocks_for, c_contiguous, launch
from .recipe import NAME, Recipe, Way, source_of
from .source import GENERATED

THREADS, BLOCKS_PER_SM = 256, 32
MOST_ARRAYS = 32  # beyond, a thread's values would not stay in registers


class Layout(NamedTuple):
    """Arrays of these shapes and strides: the result's, the merged axes, and which inputs run along the last one."""

    shape: tuple[int, ...]
    dtypes: tuple[Any, ...]
    extents: list[int]
    strides: list[list[int]]
    runs: tuple[int, ...]


class Pointwise:
    """The kernels of one recipe: called with its inputs, which broadcast, it gives its outputs, a tuple of arrays."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self._layouts: dict[Any, Layout | None] = {}
        self._launches: dict[Any, tuple[str, int, tuple[Any, ...]]] = {}

    def __call__(self, arrays: tuple[Any, ...], outs: dict[int, Any] | None = None) -> Any:
        """NotImplemented where it cannot serve.

        outs: arrays, in C order, that take some of the outputs, by position; each may be an input of that shape itself.
        """
        key = tuple([(a.shape, a.strides, a.dtype, type(a)) for a in arrays])
        if key not in self._layouts:
            self._layouts[key] = self._layout(arrays)
        found = self._layouts[key]
        if found is None:
            return NotImplemented
        empty = runtime.current().empty
        made = tuple([empty(found.shape, d) for d in found.dtypes]) if outs is None else _made(found, outs, empty)
        if made is None:
            return NotImplemented
        if not made[0].size:
            return made
        packed = aligned(*[arrays[i] for i in found.runs], *made)
        if (key, packed) not in self._launches:
            self._launches[key, packed] = self._planned(found, arrays, packed)
        file, grid, numbers = self._launches[key, packed]
        launch(file, NAME, (grid,), (THREADS,), (*arrays, *made, *numbers))
        return made

    def _layout(self, arrays: tuple[Any, ...]) -> Layout | None:
        recipe = self.recipe
        if len(arrays) + len(recipe.outputs) > MOST_ARRAYS:
            return None
        if any(a.dtype.name != d or not hasattr(a.data, "ptr") for a, d in zip(arrays, recipe.inputs, strict=True)):
            return None
        shape = np.broadcast_shapes(*(a.shape for a in arrays))
        strides = [own for a in arrays if (own := _strides(a, shape)) is not None]
        if len(strides) < len(arrays):
            return None
        extents, merged = _merged(shape, strides)
        runs = tuple(i for i, own in enumerate(merged) if own[0] == 1)
        return Layout(
            shape, tuple(_dtype(recipe.steps[i].dtype, arrays) for i in recipe.outputs), extents, merged, runs
        )

    def _planned(self, found: Layout, arrays: tuple[Any, ...], packed: bool) -> tuple[str, int, tuple[Any, ...]]:
        """The kernel's file, the number of blocks, and the numbers that follow the arrays."""
        sizes = [d.itemsize for d in (*(arrays[i].dtype for i in found.runs), *found.dtypes)]
        way = _way(found, 16 // max(sizes) if packed else 1)
        n, limits = math.prod(found.shape), runtime.current().limits()
        count = np.uint64 if way.wide else np.uint32
        inner = [found.extents[0] // way.pack, *found.extents[1:]]
        moves = [np.int64(own[k]) for own, (_, axes) in zip(found.strides, way.walks, strict=True) for k in axes]
        grid = blocks_for(n // way.pack + 1, THREADS, limits.n_sm * BLOCKS_PER_SM)
        return written(self.recipe, way), grid, (count(n), *(count(e) for e in inner[: way.rank - 1]), *moves)


def pointwise(recipe: Recipe, arrays: tuple[Any, ...], outs: dict[int, Any] | None = None) -> Any:
    """`Pointwise(recipe)(arrays, outs)`, for once."""
    return Pointwise(recipe)(arrays, outs)


def _made(found: Layout, outs: dict[int, Any], empty: Any) -> tuple[Any, ...] | None:
    """The outputs, those in `outs` among them; None where one of these is not like its output."""
    made = tuple(outs[i] if i in outs else empty(found.shape, d) for i, d in enumerate(found.dtypes))
    fit = all((y.shape, y.dtype) == (found.shape, d) for y, d in zip(made, found.dtypes, strict=True))
    return made if fit and c_contiguous(*made) else None


def _dtype(name: str, arrays: tuple[Any, ...]) -> Any:
    return next((a.dtype for a in arrays if a.dtype.name == name), None) or np.dtype(name)


def _strides(a: Any, shape: tuple[int, ...]) -> list[int] | None:
    """In elements, for each axis of `shape`, 0 where a broadcasts; None where they are no whole elements."""
    size, own = a.dtype.itemsize, [0] * (len(shape) - a.ndim)
    if any(s % size for s in a.strides):
        return None
    return [*own, *(s // size if n > 1 else 0 for s, n in zip(a.strides, a.shape, strict=True))]


def _merged(shape: tuple[int, ...], strides: list[list[int]]) -> tuple[list[int], list[list[int]]]:
    """Extents and strides from the last axis to the first, of the fewest axes that will do."""
    extents: list[int] = []
    merged: list[list[int]] = [[] for _ in strides]
    for k in range(len(shape) - 1, -1, -1):
        if shape[k] == 1:
            continue
        steps = [own[k] for own in strides]
        if extents and all(s == m[-1] * extents[-1] for s, m in zip(steps, merged, strict=True)):
            extents[-1] *= shape[k]
            continue
        extents.append(shape[k])
        for s, m in zip(steps, merged, strict=True):
            m.append(s)
    return (extents, merged) if extents else ([1], [[0] for _ in strides])


def _way(found: Layout, pack: int) -> Way:
    extents, n = found.extents, math.prod(found.shape)
    jumps = (s for i in found.runs for s in found.strides[i][1:])
    if n < pack or (len(extents) > 1 and extents[0] % pack) or any(s % pack for s in jumps):
        pack = 1
    walks = []
    for own in found.strides:
        axes = tuple(k for k, s in enumerate(own) if s and not (k == 0 and s == 1))
        walks.append(("run" if own[0] == 1 else "each" if any(own) else "one", axes))
    return Way(pack, len(extents), tuple(walks), n >= 2**31)


def written(recipe: Recipe, way: Way) -> str:
    """The name under which `kernel_source` finds the kernel of a recipe."""
    text = source_of(recipe, way)
    name = f"{NAME}_{hashlib.sha256(text.encode()).hexdigest()[:16]}.cu"
    GENERATED[name] = text
    return name
