"""A module of LLVM's assembly: the functions of a program, and those that they call."""

import re

from .assembly import Function
from .kernel import Panel, Tile, panel_function, tile_function
from .team import FORK, YIELD, filled_in

_INTRINSIC = re.compile(r"(call|tail call) (\S+|<[^>]+>) @(llvm\.[\w.]+)\(([^\n]*)\)$", re.M)


class Module:
    """Functions, each written once, and their text."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._functions: dict[str, str] = {}

    def add(self, f: Function) -> str:
        """Take a function in; its name."""
        self._functions[f.name] = f.text()
        return f.name

    def need(self, piece: Tile | Panel) -> str:
        """The name of a kernel's function, which is written if it was not yet."""
        if piece.name not in self._functions:
            self.add(tile_function(piece) if isinstance(piece, Tile) else panel_function(piece))
        return piece.name

    def text(self, n_runs: int, forks: bool) -> str:
        """The module.  `threads3` is how many threads are to share the work of `run3`."""
        parts = ["@table = global ptr null", "@team = global ptr null"]
        parts += [f"@threads{i} = global i64 1" for i in range(n_runs)]
        parts += [FORK, f"declare i32 @{YIELD}()"] if forks else []
        body = filled_in("\n\n".join([*parts, *self._functions.values()]))
        width = f'"prefer-vector-width"="{self.width}" "min-legal-vector-width"="{self.width}"'
        tail = [f"attributes #{i} = {{ nounwind {more} {width} }}" for i, more in enumerate(("noinline", ""))]
        return "\n\n".join([body, *_declarations(body), *tail, "!0 = !{}"]) + "\n"


def _declarations(body: str) -> list[str]:
    """A declaration of each of LLVM's own functions that is called."""
    found = {}
    for _, result, name, operands in _INTRINSIC.findall(body):
        if name not in found:
            kinds = [_kind(x) for x in _split(operands) if x]
            found[name] = f"declare {result} @{name}({', '.join(kinds)})"
    return list(found.values())


def _split(operands: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for i, c in enumerate(operands):
        depth += (c in "<(") - (c in ">)")
        if c == "," and not depth:
            parts.append(operands[start:i].strip())
            start = i + 1
    return [*parts, operands[start:].strip()]


def _kind(operand: str) -> str:
    """The type in `type value`; constants of LLVM's own functions are marked so."""
    kind = operand[: operand.index(">") + 1] if operand.startswith("<") else operand.split()[0]
    return kind
