"""The passes, in the order they are applied.  Each takes a Program and gives one with the same results.

None changes the order of any sum, so that results stay what eager execution gives, bit for bit.
"""

from collections.abc import Callable, Iterable

from ...errors import ArgumentError
from ..ir import Program
from ..lowering import lower
from .common import share_common
from .dead import drop_dead
from .folding import fold_constants
from .fusion import fuse_pointwise

PASSES: dict[str, Callable[[Program], Program]] = {
    "fold": fold_constants,
    "lower": lower,
    "common": share_common,
    "dead": drop_dead,
    "fuse": fuse_pointwise,
}


def chosen(names: Iterable[str] | None) -> tuple[str, ...]:
    """The names of the passes to apply, in order; ArgumentError for an unknown one."""
    if names is None:
        return tuple(PASSES)
    wanted = [names] if isinstance(names, str) else list(names)
    for name in wanted:
        if name not in PASSES:
            raise ArgumentError(f"compile: there is no pass {name!r}; expected some of {[*PASSES]}")
    return tuple(name for name in PASSES if name in wanted)


def optimized(program: Program, names: tuple[str, ...]) -> Program:
    """A new program, after the passes named."""
    program = program.copy()
    for name in names:
        program = PASSES[name](program)
        if name in ("lower", "common") and "fold" in names:
            program = fold_constants(program)
    return program
