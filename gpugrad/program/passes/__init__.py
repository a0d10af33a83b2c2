"""The passes, in the order they are applied.  Each takes a Program and gives one with the same results.

None changes the order of any sum, so that results stay what eager execution gives, bit for bit; but "tile", and
"patterns" and "pointwise", for GPUs, which keep them to rounding.
"""

from collections.abc import Callable, Iterable
from importlib import import_module

from ...errors import ArgumentError
from ..ir import Program
from ..lowering import lower
from .accumulation import add_in_products
from .common import share_common
from .dead import drop_dead
from .finishing import finish_products
from .folding import fold_constants
from .fusion import fuse_pointwise
from .tiling import tile_batch


def _for_gpu(module: str, name: str) -> Callable[[Program], Program]:
    """A pass whose module, which brings the launchers, is imported when it is first applied."""
    return lambda program: getattr(import_module(f"{__name__}.{module}"), name)(program)


PASSES: dict[str, Callable[[Program], Program]] = {
    "fold": fold_constants,
    "patterns": _for_gpu("patterns", "fuse_patterns"),
    "lower": lower,
    "common": share_common,
    "dead": drop_dead,
    "tile": tile_batch,
    "accumulate": add_in_products,
    "fuse": fuse_pointwise,
    "finish": finish_products,
    "pointwise": _for_gpu("pointwise", "fuse_generated"),
}
ON_GPU = frozenset(("patterns", "pointwise"))  # elsewhere only where passes are named
OTHER_SUMS = frozenset(("tile",))  # in the executor fast, else only where passes are named


def chosen(names: Iterable[str] | None) -> tuple[str, ...]:
    """The names of the passes to apply, in order; ArgumentError for an unknown one."""
    if names is None:
        return tuple(PASSES)
    wanted = [names] if isinstance(names, str) or not isinstance(names, Iterable) else list(names)
    for name in wanted:
        if name not in [*PASSES]:
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
