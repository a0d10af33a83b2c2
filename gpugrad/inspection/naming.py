"""Tensors with names, from a Module, a dictionary, a nest of containers, or (name, tensor) pairs."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..core.tape import LEAF, PRIMITIVE, TIME, Node
from ..core.tensor import Tensor, raw
from ..errors import ArgumentTypeError
from .walking import place, shapes_of

PARAMETER, DATA = "parameter", "data"


def named_tensors(name: str, argument: str, given: Any) -> dict[str, Tensor]:
    """{name: tensor} of a Module (its `named_parameters()`), dictionary, nest of lists and dictionaries, or pairs.

    A tensor inside a nest gets the keys on the way to it, joined by points.  `name` and `argument` say who asks, and
    for what.  Raises ArgumentTypeError for what holds something else than Tensors.
    """
    own = getattr(given, "named_parameters", None)
    if callable(own):
        given = list(own())
    elif isinstance(given, Iterator):
        given = list(given)
    if isinstance(given, Tensor) or not isinstance(given, Iterable) or isinstance(given, str | bytes):
        raise ArgumentTypeError(
            f"{name}: {argument} is a {type(given).__name__}; expected a model with named_parameters(), a dictionary "
            "{name: tensor}, or (name, tensor) pairs"
        )
    found = dict(_walk(given, ""))
    wrong = next((key for key, value in found.items() if not isinstance(value, Tensor)), None)
    if wrong is not None:
        raise ArgumentTypeError(
            f"{name}: {argument} has a {type(found[wrong]).__name__} under {wrong!r}; expected a Tensor"
        )
    return found


def _walk(given: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    if isinstance(given, Mapping):
        pairs: Iterable[Any] = given.items()
    elif isinstance(given, list | tuple):
        pairs = given if given and all(_is_pair(item) for item in given) else enumerate(given)
    else:
        yield prefix, given
        return
    for key, value in pairs:
        yield from _walk(value, f"{prefix}.{key}" if prefix else str(key))


def _is_pair(item: Any) -> bool:
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str)


class Labels:
    """Names of Tensors: of recorded ones by their place in the record, of constants by the identity of their arrays.

    parameters: the times of the leaves that are parameters.  constants: {identity: (name, path)}.
    """

    def __init__(self, parameters: dict[str, Tensor], data: Mapping[str, Any]) -> None:
        self.parameters: set[int] = set()
        self.constants: dict[int, tuple[str, str]] = {}
        self._recorded: dict[tuple[int, int], tuple[str, ...]] = {}
        for path, named in ((PARAMETER, parameters), (DATA, data)):
            for name, value in named.items():
                self._add(name, value, path)

    def _add(self, name: str, value: Any, path: str) -> None:
        self.constants[id(raw(value))] = name, path  # of a recorded Tensor too: inside a transform it is a constant
        node = getattr(value, "node", None)
        if node is None:
            return
        base, output = place(node)
        key = base[TIME], output
        self._recorded[key] = (*self._recorded.get(key, ()), name)
        if path == PARAMETER and base[PRIMITIVE] is LEAF:
            self.parameters.add(base[TIME])

    def of(self, node: Node) -> tuple[str, ...]:
        """The names of a node's outputs."""
        return tuple(name for k in range(len(shapes_of(node))) for name in self._recorded.get((node[TIME], k), ()))
