"""Einsum's subscripts: every spelling read into one plain form, a label for each axis, checked against the shapes."""

import functools
from collections.abc import Sequence
from typing import Any

from ..core.transform import as_value
from ..errors import ArgumentTypeError, ShapeError

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FIRST_BROADCAST_LABEL = 0x100  # labels for the axes under an ellipsis, beyond all letters


Shapes = tuple[tuple[int, ...], ...]


def read(operands: Sequence[Any]) -> tuple[str, list[Any]]:
    """(subscripts, arrays) of einsum's positional arguments, from either form.

    Takes "ij,jk->ik" before the arrays, and lists after each: (x, [0, 1], y, [1, 2], [0, 2]).
    """
    if not operands:
        raise ArgumentTypeError("einsum: got no arguments; expected subscripts and arrays")
    if isinstance(operands[0], str):
        return operands[0].replace(" ", ""), list(map(as_value, operands[1:]))
    return _from_lists(operands), list(map(as_value, operands[: len(operands) // 2 * 2 : 2]))


@functools.lru_cache(maxsize=1024)
def parse(text: str, shapes: Shapes) -> tuple[tuple[str, ...], str, dict[str, int]]:
    """(labels of each array, labels of the output, length of each label), a label for every axis.

    Raises ShapeError for subscripts that are malformed or do not fit the shapes.
    """
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes) or not shapes:
        raise ShapeError(f"einsum: {text!r} has {len(terms)} terms for {len(shapes)} arrays; expected one for each")
    labels, n_under_dots = _without_dots(text, terms, shapes)
    under_dots = "".join(chr(_FIRST_BROADCAST_LABEL + i) for i in range(n_under_dots))
    out = _expanded(text, right, under_dots) if arrow else _implicit(labels, under_dots)
    if under_dots and arrow and "..." not in right:
        raise ShapeError(f"einsum: the output of {text!r} has no '...' for the axes that the inputs broadcast")
    for label in out:
        if out.count(label) > 1 or not any(label in term for term in labels):
            raise ShapeError(f"einsum: output label {label!r} of {text!r} is repeated or in no input")
    return tuple(labels), out, _lengths(labels, shapes)


def _from_lists(operands: Sequence[Any]) -> str:
    """The text form of (x, [0, 1], y, [1, 2], [0, 2]), the last list optional."""

    def term(axes: Any) -> str:
        try:
            return "".join("..." if a is Ellipsis else LETTERS[a] for a in axes)
        except (TypeError, IndexError):
            raise ArgumentTypeError(
                f"einsum: got {type(axes).__name__} where a list of labels 0 to 51 stands; expected subscripts as a "
                "string first, or lists after each array"
            ) from None

    text = ",".join(map(term, operands[1::2]))
    return f"{text}->{term(operands[-1])}" if len(operands) % 2 else text


def _without_dots(text: str, terms: list[str], shapes: Shapes) -> tuple[list[str], int]:
    """Terms with a label for every axis, and how many axes broadcast under ellipses."""
    ranks = [len(s) - len(t.replace("...", "")) if "..." in t else 0 for t, s in zip(terms, shapes, strict=True)]
    n = max([0, *ranks])
    labels = []
    for i, (term, rank, shape) in enumerate(zip(terms, ranks, shapes, strict=True)):
        under = "".join(chr(_FIRST_BROADCAST_LABEL + n - rank + k) for k in range(rank))  # aligned at the last
        full = _expanded(text, term, under)
        if rank < 0 or len(full) != len(shape):
            raise ShapeError(f"einsum: term {i} of {text!r} labels {len(full)} axes; array {i} has shape {shape}")
        labels.append(full)
    return labels, n


def _expanded(text: str, term: str, under_dots: str) -> str:
    before, dots, after = term.partition("...")
    if any(c not in LETTERS for c in before + after):
        raise ShapeError(f"einsum: {text!r} is malformed at {term!r}; expected letters, one '...', ',' and one '->'")
    return before + (under_dots if dots else "") + after


def _implicit(labels: list[str], under_dots: str) -> str:
    """Broadcast axes, then the letters that occur once, in alphabetical order."""
    together = "".join(labels)
    return under_dots + "".join(sorted(c for c in set(together) if c in LETTERS and together.count(c) == 1))


def _lengths(labels: list[str], shapes: Shapes) -> dict[str, int]:
    """The length of each label; arrays broadcast where theirs is 1.  Raises ShapeError for two lengths."""
    sizes: dict[str, int] = {}
    for i, (term, shape) in enumerate(zip(labels, shapes, strict=True)):
        for label, n in zip(term, shape, strict=True):
            known = sizes.get(label, 1)
            repeated = any(m != n for other, m in zip(term, shape, strict=True) if other == label)
            if repeated or (n != known and 1 not in (n, known)):
                at = f"label {label!r}" if label in LETTERS else "an axis under '...'"
                expected = "one length" if repeated else known
                raise ShapeError(f"einsum: {at} has length {n} in array {i} of shape {shape}; expected {expected}")
            sizes[label] = n if known == 1 else known
    return sizes


@functools.lru_cache(maxsize=1024)
def letters(*terms: str) -> tuple[str, ...]:
    """The terms in plain letters, renamed in the order met; ShapeError beyond 52 labels."""
    names: dict[str, str] = {}
    for label in "".join(terms):
        if label not in names:
            if len(names) == len(LETTERS):
                raise ShapeError(f"einsum: more than {len(LETTERS)} labels")
            names[label] = LETTERS[len(names)]
    return tuple("".join(names[c] for c in term) for term in terms)
