"""Python functions written as text: straight-line code in which every object used is a variable of a closure."""

import functools
from collections.abc import Callable
from typing import Any


class Source:
    """Lines of a function's body, and the objects that they name."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._names: dict[int, str] = {}
        self._objects: dict[str, Any] = {}

    def name(self, x: Any, letter: str = "k") -> str:
        """The name under which the function finds x."""
        if id(x) not in self._names:
            self._names[id(x)] = name = f"{letter}{len(self._names)}"
            self._objects[name] = x
        return self._names[id(x)]

    def named(self, name: str, x: Any) -> str:
        """x under a name of its own choosing."""
        self._objects[name] = x
        return name

    def line(self, text: str, depth: int = 0) -> None:
        """Add a line."""
        self.lines.append("    " * depth + text)

    def text(self, parameters: str) -> str:
        """The function as text."""
        body = "\n".join(f"        {line}" for line in self.lines or ["pass"])
        return f"def make({', '.join(self._objects)}):\n    def run({parameters}):\n{body}\n    return run\n"

    def function(self, parameters: str) -> Callable[..., Any]:
        """The function."""
        scope: dict[str, Any] = {}
        exec(_code(self.text(parameters)), scope)
        return scope["make"](**self._objects)


@functools.lru_cache(maxsize=64)
def _code(text: str) -> Any:
    return compile(text, "<compiled program>", "exec")
