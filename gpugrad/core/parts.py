"""Objects that a traced function uses as they are, such as Modules: a program holds while their attributes stay."""

from collections.abc import Callable
from typing import Any

KINDS: list[tuple[type, Callable[[Any], dict[str, Any]]]] = []  # of objects, with what gives their attributes
SETTINGS: list[tuple[type, Callable[[Any], Callable[[], bool]]]] = []  # of objects whose settings act at once:
# what remembers them, and gives a function that puts them back and says whether there was anything to put back
changes = 0  # attributes set on such objects, so that who has looked need not look again


def attributes_of(x: Any) -> dict[str, Any] | None:
    """The attributes of x on which a program depends; None where x is of no such kind."""
    return next((look(x) for kind, look in KINDS if isinstance(x, kind)), None)
