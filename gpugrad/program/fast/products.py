"""Matrix products of static shape: panels of B are copied into order, and tiles of C computed one by one."""

import math
from typing import Any

from .assembly import Function
from .kernel import Panel, Tile
from .memory import Place
from .tiles import tiles

L1_BYTES, PAGE = 1 << 15, 1 << 12
FEW_CELLS = 16  # of a small product, which dot products of rows make sooner than tiles


def knows(call: Any) -> bool:
    """True for products of floats: of two matrices and what they are added to, of stacks, and those with vectors."""
    (y,), a = call.outputs, call.inputs[0]
    if not all(hasattr(x, "kind") and x.dtype == y.dtype for x in call.inputs):
        return False
    return y.dtype.kind == "f" and y.dtype.itemsize in (4, 8) and y.dtype.isnative and y.size > 0 and a.size > 0


def is_of_stacks(call: Any) -> bool:
    """True where an operand has more than two axes."""
    return max(len(x.shape) for x in call.inputs) > 2


def is_of_sums(call: Any, a: Place, b: Place) -> bool:
    """True where sums of products need less than tiles: with vectors, and for few cells of two rows in memory each."""
    if min(len(a.shape), len(b.shape)) == 1:
        return True
    m, n, size = a.shape[-2], b.shape[-1], a.dtype.itemsize
    by_rows = a.strides[-1] == size and b.strides[-2] == size
    return is_of_stacks(call) and (min(m, n) == 1 or (by_rows and m * n <= FEW_CELLS))


def factors(a: Place, b: Place, y: Place) -> tuple[list[Place], Place]:
    """Of Y = A B two places of shape (..., m, n, k), the larger first, whose products are summed over k, and Y's."""
    if len(a.shape) == 1:
        a, y = _with_axis(a, 0), _with_axis(y, len(y.shape) - (len(b.shape) > 1))
    if len(b.shape) == 1:
        b, y = _with_axis(b, 1), _with_axis(y, len(y.shape))
    shape = *y.shape, a.shape[-1]
    both = [_with_axis(a, -1).spread(shape), _with_axis(turned(b), -2).spread(shape)]
    return sorted(both, key=lambda p: -math.prod(n for n, s in zip(p.shape, p.strides, strict=True) if s)), y


class Product:
    """C = A B, or C += A B.  Where C's columns are contiguous it is computed as the transposed product.

    by_one: one thread computes all of it.
    """

    def __init__(
        self, a: Any, b: Any, c: Any, lanes: int, registers: int, accumulate: bool = False, by_one: bool = False
    ) -> None:
        size = c.dtype.itemsize
        by_columns = c.strides[0] == size and c.shape[0] > 1 and (c.strides[1] != size or c.shape[1] == 1)
        self.a, self.b, self.c = (turned(b), turned(a), turned(c)) if by_columns else (a, b, c)
        self.is_turned = by_columns
        self.accumulate, self.dtype, self.size, self.lanes = accumulate, c.dtype, size, lanes * 4 // size
        (self.m, self.n), self.k = self.c.shape, self.a.shape[1]
        self.tiles = tiles(self.m, self.n, self.lanes, registers)
        self.step = self.tiles.columns * size  # bytes of one step along k in a copied panel
        self.packs_b = self._packs_b()
        self.packs_a = self._crowds_the_cache()
        self.by_panels = by_one or self._shares_panels()

    @property
    def flop(self) -> int:
        """2 m n k."""
        return 2 * self.m * self.n * self.k

    def _shares_panels(self) -> bool:
        """True where threads share columns of C, not rows: not for a tall C, as of a gradient of weights."""
        is_tall = self.m >= 2 * self.k and self.tiles.n_rows >= 16
        return self.tiles.n_panels >= min(8, self.tiles.n_rows) and not is_tall

    def _packs_b(self) -> bool:
        if self.b.strides[1] != self.size and self.n > 1:
            return True
        scattered = self.b.strides[0] * self.k > L1_BYTES and self.b.strides[0] > 4 * self.step
        return scattered and self.tiles.n_rows >= 4

    def _crowds_the_cache(self) -> bool:
        """True where the lines of A that a tile needs at one time would share few places of the first-level cache."""
        if self.tiles.n_panels < 3:
            return False
        if self.a.strides[1] == self.size:
            return self.m > 8 and self.a.strides[0] % (PAGE // 2) == 0
        return self.a.strides[1] % (PAGE // 4) == 0 and self.k >= 32

    # copies: all of A, all of B, or by each thread one panel of B at a time

    @property
    def bytes_a(self) -> int:
        """Of the copy of A."""
        return self.m * self._a_row if self.packs_a else 0

    @property
    def bytes_b(self) -> int:
        """Of the copy of all panels of B."""
        return self.tiles.n_panels * self.k * self.step if self.packs_b and not self.by_panels else 0

    @property
    def bytes_own(self) -> int:
        """Of each thread's copy."""
        return self.k * self.step if self.packs_b and self.by_panels else 0

    @property
    def bytes_alone(self) -> int:
        """Of all copies of a thread that computes the product alone."""
        return -(-self.bytes_own // 64) * 64 + self.bytes_a

    @property
    def _a_row(self) -> int:
        return self.k * self.size + 64  # not a power of two

    def copy_a(self, f: Function, to: str, need: Any, start: Any, stop: Any) -> None:
        """Rows of tiles start to stop of A, copied: as they are, or those of a tile side by side for each k."""

        def tile(i: str, rows: int) -> None:
            source = f.along(self.a.address(f), i, self.a.strides[0])
            if self.a.strides[1] == self.size:
                with f.loop(0, rows) as loop:
                    row = f.along(source, loop.index, self.a.strides[0])
                    target = f.along(f.along(to, i, self._a_row), loop.index, self._a_row)
                    f.do(
                        f"call void @llvm.memcpy.p0.p0.i64(ptr {target}, ptr {row}, i64 {self.k * self.size}, i1 false)"
                    )
                return
            panel = Panel(rows, rows * self.size, self.k, self.a.strides[1], self.a.strides[0], self.dtype, self.lanes)
            f.do(f"call void @{need(panel)}(ptr {source}, ptr {f.along(to, i, self.k * self.size)})")

        self._each_tile(f, tile, start, stop)

    def copy_b(self, f: Function, to: str, need: Any, start: Any, stop: Any) -> None:
        """Panels start to stop of B, copied."""

        def panel(j: str, columns: int) -> None:
            self._copy_panel(f, j, columns, f.along(to, j, self.k * self.step), need)

        self._each_panel(f, panel, start, stop)

    def _copy_panel(self, f: Function, j: str, columns: int, to: str, need: Any) -> None:
        source = f.along(self.b.address(f), j, self.tiles.columns * self.b.strides[1])
        b_k, b_column = self.b.strides
        panel = Panel(columns, self._b_step(columns), self.k, b_k, b_column, self.dtype, self.lanes)
        f.do(f"call void @{need(panel)}(ptr {source}, ptr {to})")

    def _b_step(self, columns: int) -> int:
        return -(-columns // self.lanes) * self.lanes * self.size

    # the product

    def rows(self) -> int:
        """Units of work."""
        return self.tiles.n_panels if self.by_panels else self.tiles.n_rows

    def write(self, f: Function, copies: tuple[str, str, str], need: Any, finish: Any, start: Any, stop: Any) -> None:
        """Units start to stop, with the copies of A and B and room for the thread's own; then `finish` on each tile."""
        a, b, own = copies

        def panel(j: str, columns: int) -> None:
            at = f.along(b, j, self.k * self.step)
            if self.packs_b and self.by_panels:
                self._copy_panel(f, j, columns, own, need)
                at = own
            if not self.packs_b:
                at = f.along(self.b.address(f), j, self.step)
            bounds = (0, self.tiles.n_rows) if self.by_panels else (start, stop)
            self._each_tile(f, lambda i, rows: self._tile(f, i, rows, j, columns, (a, at), need, finish), *bounds)

        self._each_panel(f, panel, *((start, stop) if self.by_panels else (0, self.tiles.n_panels)))

    def write_alone(self, f: Function, own: str, need: Any) -> None:
        """The product by one thread (by_one), with room for its copies."""
        a = f.at(own, self.bytes_alone - self.bytes_a)
        if self.packs_a:
            self.copy_a(f, a, need, 0, self.tiles.n_rows)
        self.write(f, (a, "poison", own), need, None, 0, self.tiles.n_panels)

    def _tile(
        self, f: Function, i: str, rows: int, j: str, columns: int, at: tuple[str, str], need: Any, finish: Any
    ) -> None:
        a, b = at
        c = f.along(f.along(self.c.address(f), i, self.c.strides[0]), j, self.step)
        if not self.packs_a:
            a, (a_row, a_k) = f.along(self.a.address(f), i, self.a.strides[0]), self.a.strides
        elif self.a.strides[1] == self.size:
            a, a_row, a_k = f.along(a, i, self._a_row), self._a_row, self.size
        else:
            a, a_row, a_k = f.along(a, i, self.k * self.size), self.size, rows * self.size
        b_k = self._b_step(columns) if self.packs_b else self.b.strides[0]
        tile = Tile(rows, columns, self.k, a_row, a_k, b_k, self.packs_b, self.c.strides[0], self.accumulate,
                    self.dtype, self.lanes, finish)  # fmt: skip
        more = finish.pointers(f, i, j, self.tiles.columns) if finish else ""
        f.do(f"call void @{need(tile)}(ptr {a}, ptr {b}, ptr {c}{more})")

    def _each_panel(self, f: Function, visit: Any, start: Any, stop: Any) -> None:
        """visit(index, columns) for panels start to stop."""
        t = self.tiles
        if t.n_whole:
            with f.span(start, stop, 0, t.n_whole) as j:
                visit(j, t.columns)
        if t.left:
            with f.span(start, stop, t.n_whole, t.n_panels) as j:
                visit(j, t.left)

    def _each_tile(self, f: Function, visit: Any, start: Any, stop: Any) -> None:
        """visit(first row, rows) for tiles start to stop."""
        t = self.tiles
        for first, last, rows, more in ((0, t.n_more, t.few + 1, 0), (t.n_more, t.n_rows, t.few, t.n_more)):
            if first < last:
                with f.span(start, stop, first, last) as i:
                    visit(f(f"add i64 {f(f'mul i64 {i}, {rows}')}, {more}"), rows)


def turned(p: Any) -> Any:
    """With the last two axes exchanged."""
    (*lead, m, n), (*steps, row, column) = p.shape, p.strides
    return p._replace(shape=(*lead, n, m), strides=(*steps, column, row))


def _with_axis(p: Place, axis: int) -> Place:
    """With one more axis, of length 1."""
    at = axis if axis >= 0 else len(p.shape) + axis
    shape, strides = (*p.shape[:at], 1, *p.shape[at:]), (*p.strides[:at], 0, *p.strides[at:])
    return p._replace(shape=shape, strides=strides)
