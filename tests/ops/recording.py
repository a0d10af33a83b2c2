"""Which primitives run, and which of their rules: what a test has touched."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from gpugrad.core import tape
from gpugrad.core.namespace import PRIMITIVES, forget_bindings

Ran = set[tuple[str, str]]  # (name of a primitive, "forward", "vjp" or "jvp")


class _Recorder:
    def __init__(self, ran: Ran) -> None:
        self.ran = ran

    def instrument(self, p: Any, forward: Callable[..., Any]) -> Callable[..., Any]:
        return self.noting(p.name, "forward", forward)

    def check(self, p: Any, time: int, before: Any, after: Any) -> None:
        """Called by the sweep for every cotangent that a rule made."""
        self.ran.add((p.name, "vjp"))

    def check_tangent(self, p: Any, before: Any, after: Any) -> None:
        """Called for every tangent that a rule made; `recording` itself notes those."""

    def noting(self, name: str, what: str, f: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*args: Any, **params: Any) -> Any:
            self.ran.add((name, what))
            return f(*args, **params)

        return noted


@contextlib.contextmanager
def recording() -> Iterator[Ran]:
    """A scope that collects which forwards run, which reverse rules a sweep uses, and which forward rules."""
    ran: Ran = set()
    recorder = _Recorder(ran)
    before, tape.watch = tape.watch, recorder
    rules = {name: p.jvp_rule for name, p in PRIMITIVES.items()}
    forget_bindings()
    try:
        for name, rule in rules.items():
            if rule is not None:
                PRIMITIVES[name].jvp_rule = recorder.noting(name, "jvp", rule)
        yield ran
    finally:
        tape.watch = before
        for name, rule in rules.items():
            PRIMITIVES[name].jvp_rule = rule
        forget_bindings()
