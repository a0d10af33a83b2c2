"""How a matrix product is cut into tiles that fit the registers."""

import functools
from typing import NamedTuple

LATENCY = 4  # cycles until a fused multiply-add can be added to again


class Tiles(NamedTuple):
    """Tiles of `few` rows, or one more; panels of `columns` columns, and one of the columns that are left."""

    few: int
    n_more: int  # tiles of one row more, which come first
    n_rows: int  # tiles one below the other
    columns: int
    n_whole: int  # panels of so many columns
    left: int

    @property
    def n_panels(self) -> int:
        """All panels."""
        return self.n_whole + (self.left > 0)


@functools.lru_cache(maxsize=1024)
def tiles(m: int, n: int, lanes: int, registers: int) -> Tiles:
    """The tiles that take the fewest cycles for a product of m rows and n columns."""
    choices = [
        _tiles(m, n, rows, wide * lanes)
        for wide in range(1, min(-(-n // lanes), 6) + 1)
        for rows in range(1, min(m, (registers - 1) // wide - 1) + 1)
    ]
    return min(choices, key=lambda t: _cycles(t, lanes))


def _tiles(m: int, n: int, rows: int, columns: int) -> Tiles:
    n_rows = -(-m // rows)
    few, n_more = divmod(m, n_rows)
    return Tiles(few, n_more, n_rows, columns, *divmod(n, columns))


def _cycles(t: Tiles, lanes: int) -> float:
    """Of one step along the summed axis over all tiles."""

    def tile(rows: int, wide: int) -> float:
        return max(rows * wide, LATENCY, 0.6 * (rows + wide)) + 0.05 * (rows + wide) + 0.1

    def panel(columns: int) -> float:
        wide = -(-columns // lanes)
        return t.n_more * tile(t.few + 1, wide) + (t.n_rows - t.n_more) * tile(t.few, wide)

    return t.n_whole * panel(t.columns) + (panel(t.left) if t.left else 0)
