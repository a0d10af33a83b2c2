"""Where each value of a program lies: outside, as a view, where it is assigned to, or in one reused block of bytes.

Positions count the calls.  A value's root is the value whose memory it looks at.  A root that ends up in a state is
computed right there, where nothing reads the old contents later.  The other roots share an arena: two that do not live
at one time may lie at one address, and a pointwise call may write over an input that is read there for the last time.
"""

import itertools
from typing import Any

import numpy as np

from .elementary import view_of
from .ir import Assign, Call, Program, Value
from .numpy_forms import spread_operand

ALIGN = 64
END = 1 << 60


def blank(v: Value) -> np.ndarray:
    """An uninitialised array of the value's shape, dtype and layout."""
    if v.layout is None:
        return np.empty(v.shape, v.dtype)
    return np.empty([v.shape[i] for i in v.layout], v.dtype).transpose(np.argsort(v.layout))


class Places:
    """An array for each value of `calls`; inputs, new results, and views of them, have none: they come with each run.

    With `blocks` what fused calls make and read is placed beforehand.
    """

    def __init__(self, program: Program, calls: list[Call], blocks: bool = True) -> None:
        self.program, self.calls, self._blocks = program, calls, blocks
        self.fresh: list[Value] = []
        self.root: dict[Value, Value] = {}
        self.views: dict[Value, Call] = {}  # a view's call, for those that need no work
        self.joined: set[int] = set()  # calls of "concatenate" that need no work, by id
        self.arrays: dict[Value, Any] = {}
        self._dummies: dict[Value, Any] = {}
        self._find_views()
        self._born = {v: i for i, call in enumerate(calls) for v in call.outputs if self.root[v] is v}
        self._last = self._last_uses()
        self.copied = self._place_outside()
        self.bytes_alone = sum(_rounded(v.nbytes) for v in self._own())
        self.bytes_arena = self._place_in_arena()
        for v, call in self.views.items():
            if not self.comes_late(v) and v not in self.arrays:
                self.arrays[v] = view_of(self.array(call.inputs[0]), call)

    def array(self, v: Value) -> Any:
        """The array of a value that does not come with the run."""
        return v.array if v.kind in ("state", "const") else self.arrays[v]

    def comes_late(self, v: Value) -> bool:
        """True for inputs and new results, and views of them."""
        root = self.root.get(v, v)
        return root.kind == "input" or root in self.fresh

    def _own(self) -> list[Value]:
        """Roots that need memory in the arena."""
        return [v for v in self._born if v not in self.arrays]

    # views

    def _dummy(self, v: Value) -> Any:
        if v not in self._dummies:
            self._dummies[v] = v.array if v.array is not None else blank(v)
        return self._dummies[v]

    def _find_views(self) -> None:
        for call in self.calls:
            for v in call.outputs:
                self.root[v] = v
            if call.kind != "view":
                continue
            (source, (v,)) = call.inputs[0], call.outputs
            seen = view_of(self._dummy(source), call)
            if np.may_share_memory(seen, self._dummy(source)) or not seen.size:
                self.root[v] = self.root.get(source, source)
                self.views[v] = call
                self._dummies[v] = seen

    def _last_uses(self) -> dict[Value, int]:
        """For each value, and for its root, the last position where it is read."""
        last: dict[Value, int] = {}
        for i, call in enumerate(self.calls):
            if call.outputs and call.outputs[0] in self.views:
                continue
            for v in call.values:
                last[v] = last[self.root.get(v, v)] = i
        for v in self.program.ends():
            last[v] = last[self.root.get(v, v)] = END
        return last

    # in the memory of states

    def _place_outside(self) -> list[Assign]:
        """Compute what is assigned where it is wanted, if that is safe; the assignments that are left to be copied."""
        self._joins: list[Value] = []  # of parts that lie in states
        self._written: list[tuple[int, int]] = []
        wanted: dict[Value, list[Assign]] = {}
        for assign in self.program.assigns:
            wanted.setdefault(self.root.get(assign.value, assign.value), []).append(assign)
        copied = []
        for call in self.calls:
            self._join(call)
            for v in call.outputs:
                if v in wanted and v in self._born and v not in self.arrays:
                    place = self._place_for(v, wanted[v])
                    if place is None:
                        continue
                    self.arrays[v] = place
                    self._written.append(_bounds(place))
                    wanted.pop(v)
        for assigns in wanted.values():
            copied += assigns
        return copied

    def _join(self, call: Call) -> None:
        """A concatenation of parts that already lie end to end outside is a view of them."""
        if call.primitive.name != "concatenate" or len(call.outputs[0].shape) != 1:
            return
        parts: list[Any] = []
        for v in call.inputs:
            array = self._outside_array(v)
            if array is None or not array.flags.c_contiguous or (parts and _bounds(parts[-1])[1] != _bounds(array)[0]):
                return
            parts.append(array)
        (v,) = call.outputs
        whole = _spanning(parts, v)
        if whole is not None:
            self.arrays[v] = whole
            self.joined.add(id(call))
            self._joins.append(v)

    def _outside_array(self, v: Value) -> Any:
        """The array of a value that lies outside, or None."""
        if v.kind == "state":
            return v.array
        if v in self.arrays:
            return self.arrays[v]
        call = self.views.get(v)
        source = None if call is None else self._outside_array(call.inputs[0])
        return None if source is None else view_of(source, call)

    def _place_for(self, v: Value, assigns: list[Assign]) -> Any:
        """The memory of the states that views of v, or v itself, are assigned to, if v may be computed there."""
        dummy, start = self._dummy(v), None
        if v.layout is not None or not v.size:
            return None
        covered = []
        for assign in assigns:
            seen, target = self._dummy(assign.value), assign.target.array
            if not (seen.flags.c_contiguous and target.flags.c_contiguous and target.dtype == v.dtype):
                return None
            offset = _bounds(seen)[0] - _bounds(dummy)[0]
            here = _bounds(target)[0] - offset
            if start is not None and here != start:
                return None
            start = here
            covered.append((offset, target))
        covered.sort(key=lambda pair: pair[0])
        place = _spanning([target for _, target in covered], v)
        if place is None or covered[0][0] or not self._free(v, place):
            return None
        return place

    def _free(self, v: Value, place: Any) -> bool:
        """True where no old contents of `place` are read after v is made, or in that call but element by element."""
        lo, hi = _bounds(place)
        born = self._born[v]
        for other, last in self._last.items():
            if last < born or not (other.kind == "state" or other in self._joins) or other is v:
                continue
            array = self.array(other)
            if _overlaps(array, lo, hi):
                same = _bounds(array) == (lo, hi) and array.shape == v.shape and array.strides == place.strides
                if last > born or not same or not self._read_once(self.calls[born], v, other):
                    return False
        return not any(a < hi and lo < b for a, b in self._written)

    # in the arena

    def _place_in_arena(self) -> int:
        """Addresses for the roots that have none, by first fit over the time that each lives; the arena's bytes."""
        own = self._own()
        whole = {self.root.get(v, v) for v in self.program.results if v.size == self.root.get(v, v).size}
        self.fresh = [v for v in own if v in whole and not self._is_laid_otherwise(v) and not self._in_blocks(v)]
        fresh = set(self.fresh)
        taken: list[tuple[int, int, int, int]] = []  # (first byte, last byte + 1, born, last read)
        address: dict[Value, int] = {}
        self._gone: set[Value] = set()
        for v in own:
            if v in fresh:
                continue
            born, last, size = self._born[v], self._last.get(v, self._born[v]), _rounded(v.nbytes)
            at = self._over_an_input(v, address)
            if at is None:
                busy = sorted((a, b) for a, b, first, end in taken if first <= last and born <= end)
                at = 0
                for a, b in busy:
                    if a - at >= size:
                        break
                    at = max(at, b)
            address[v] = at
            taken.append((at, at + size, born, last))
        total = max((b for _, b, _, _ in taken), default=0)
        arena = np.empty(total + ALIGN, np.uint8)
        shift = -arena.ctypes.data % ALIGN
        for v, at in address.items():
            self.arrays[v] = _carve(arena[shift + at : shift + at + v.nbytes], v)
        return total

    def _in_blocks(self, v: Value) -> bool:
        """True where a call that runs in blocks makes or reads v: its views are made beforehand."""
        fused = (call for call in self.calls if self._blocks and call.primitive.name == "fused")
        return any(self.root.get(x, x) is v for call in fused for x in (*call.values, *call.outputs))

    def _is_laid_otherwise(self, v: Value) -> bool:
        """True where views show how v lies, and that is not row by row, as new results do."""
        return v.layout is not None and any(self.root[x] is v for x in self.views)

    def _over_an_input(self, v: Value, address: dict[Value, int]) -> int | None:
        """The address of an input that v's call reads for the last time, of v's size and layout."""
        call = self.calls[self._born[v]]
        for x in call.values:
            alike = x.shape == v.shape and x.nbytes == v.nbytes and x.layout == v.layout
            ends = x in address and x not in self._gone and self._last[x] == self._born[v]
            if alike and ends and self._read_once(call, v, x):
                self._gone.add(x)
                return address[x]
        return None

    def _read_once(self, call: Call, v: Value, x: Value) -> bool:
        """`_read_before`, and no other input of the call looks at the memory of x."""
        others = (self.root.get(o, o) for o in call.values if o is not x)
        return _read_before(call, v, x) and all(o is not self.root.get(x, x) for o in others)


def _read_before(call: Call, v: Value, x: Value) -> bool:
    """True where the call has read an element of x, and will not again, when it writes that of its output v."""
    if call.primitive.name == "fused":
        at = [v in c.outputs for c in call.primitive.calls].index(True)
        inner = call.primitive.calls[at]
        return _read_before(inner, v, x) and not any(x in c.values for c in call.primitive.calls[at + 1 :])
    if call.primitive.name == "finished":
        return x not in call.inputs[: call.primitive.n_product] and _read_before(call.primitive.calls[-1], v, x)
    if call.primitive.name == "matmul_add":
        return x is call.inputs[2] and x not in call.inputs[:2]
    if call.primitive.name == "unpick":
        return x is call.inputs[0]
    if call.kind != "pointwise":
        return False
    return x not in call.inputs or (call.primitive.name != "where" and spread_operand(call) is None)


def _rounded(n: int) -> int:
    return -(-n // ALIGN) * ALIGN


def _bounds(array: Any) -> tuple[int, int]:
    return np.lib.array_utils.byte_bounds(array)


def _overlaps(array: Any, lo: int, hi: int) -> bool:
    a, b = _bounds(array)
    return a < hi and lo < b


def _carve(memory: Any, v: Value) -> Any:
    """An array for v in these bytes."""
    flat = memory.view(v.dtype)
    if v.layout is None:
        return flat.reshape(v.shape)
    return flat.reshape([v.shape[i] for i in v.layout]).transpose(np.argsort(v.layout))


def _spanning(parts: list[Any], v: Value) -> Any:
    """One array of v's shape over parts that lie end to end in one owner's memory, or None."""
    ends = [_bounds(p) for p in parts]
    if any(a[1] != b[0] for a, b in itertools.pairwise(ends)) or ends[-1][1] - ends[0][0] != v.nbytes:
        return None
    if len(parts) == 1:
        return parts[0].reshape(v.shape)
    owner = parts[0]
    while owner.base is not None and isinstance(owner.base, np.ndarray):
        owner = owner.base
    if not owner.flags.c_contiguous or not all(p.base is not None for p in parts):
        return None
    lo, hi = _bounds(owner)
    start = ends[0][0] - lo
    if start < 0 or ends[-1][1] > hi or owner.dtype != v.dtype:
        return None
    return owner.reshape(-1)[start // v.dtype.itemsize :][: v.size].reshape(v.shape)
