"""Einstein summation.  One primitive contracts a pair of arrays as a matrix product, and is its own adjoint.

Repeated labels become diagonals, labels of one array alone are summed first, and more than two arrays are contracted in
pairs along NumPy's path; so a gradient costs about as much as the contraction it belongs to.
"""

import functools
import math
from typing import Any

import numpy as np

from ..core.primitive import primitive
from .diagonal import diagonal_
from .shape import reshape_, sum_to, transpose_
from .subscripts import LETTERS, Shapes, letters, parse, read


@primitive(family="einsum", jvp="bilinear", saves={"a": "b", "b": "a"}, widen=True)
def einsum_(xp: Any, a: Any, b: Any, *, subscripts: str) -> Any:
    """Two arrays multiplied and summed over shared labels: "ij,jk->ik", every label once in a term.

    A label of one input alone is in the output; so the adjoints are of the same kind.
    """
    plan = _plan(subscripts)
    if plan is None or (xp is np and a.size * b.size <= _SMALL and subscripts[-1] != ">"):
        return xp.einsum(subscripts, a, b)
    order_a, order_b, n_batch, n_a, n_sum, back = plan
    a, b = xp.transpose(a, order_a), xp.transpose(b, order_b)
    batch, rows, summed = a.shape[:n_batch], a.shape[n_batch : n_batch + n_a], a.shape[n_batch + n_a :]
    columns = b.shape[n_batch + n_sum :]
    lead = (math.prod(batch),) if batch else ()
    left = a.reshape(*lead, math.prod(rows), math.prod(summed))
    right = b.reshape(*lead, math.prod(summed), math.prod(columns))
    return xp.transpose(xp.matmul(left, right).reshape((*batch, *rows, *columns)), back)


_SMALL = 4096  # products of two elements at most: for so few, NumPy's own loop is faster than laying out matrices


@functools.lru_cache(maxsize=1024)
def _plan(subscripts: str) -> Any:
    """How to make a matrix product of it: (axes of a, axes of b, how many are batch, a's rows and summed, axes of y).

    a becomes (batch, its own, summed), b (batch, summed, its own).  None where a or b would be no matrix.
    """
    la, lb, out = _terms(subscripts)
    shared = [c for c in la if c in lb]
    batch, summed = [c for c in shared if c in out], [c for c in shared if c not in out]
    only_a, only_b = [c for c in la if c not in lb], [c for c in lb if c not in la]
    if not summed or (batch and not (only_a and only_b)):
        return None
    order_a = tuple(la.index(c) for c in batch + only_a + summed)
    order_b = tuple(lb.index(c) for c in batch + summed + only_b)
    made = batch + only_a + only_b
    return order_a, order_b, len(batch), len(only_a), len(summed), tuple(made.index(c) for c in out)


@functools.lru_cache(maxsize=1024)
def _terms(subscripts: str) -> tuple[str, str, str]:
    """The labels of a, of b and of the output."""
    left, out = subscripts.split("->")
    la, lb = left.split(",")
    return la, lb, out


def _grad_a(F: Any, g: Any, y: Any, a: Any, b: Any, *, subscripts: str) -> Any:
    la, lb, out = _terms(subscripts)
    return F.einsum(g, b, subscripts=f"{out},{lb}->{la}")


def _grad_b(F: Any, g: Any, y: Any, a: Any, b: Any, *, subscripts: str) -> Any:
    la, lb, out = _terms(subscripts)
    return F.einsum(a, g, subscripts=f"{la},{out}->{lb}")


einsum_.vjp(_grad_a, _grad_b)


@einsum_.batch
def _(F, batched, a, b, *, subscripts):
    la, lb, out = _terms(subscripts)
    new = next(c for c in LETTERS if c not in subscripts)
    return F.einsum(a, b, subscripts=f"{new * batched[0]}{la},{new * batched[1]}{lb}->{new}{out}")


def einsum(*operands: Any, optimize: Any = True) -> Any:
    """Products of arrays summed over labels: einsum("ij,jk->ik", a, b), in every spelling NumPy knows.

    Implicit output, "..." for axes that broadcast, labels repeated in one term (a diagonal), and lists of ints after
    each array.  dtypes promote as NumPy's; float16 and bfloat16 are summed in float32.  optimize: how the order of
    three or more arrays is chosen: True or "greedy", "optimal", False for left to right, or a path from
    numpy.einsum_path.

    Raises ShapeError for subscripts that are malformed or do not fit.

    >>> einsum("ii", gg.Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor(5.)
    """
    text, arrays = read(operands)
    shapes = tuple([tuple(x.shape) for x in arrays])
    if (alone := _one_pair(text, shapes)) is not None:
        return einsum_(*arrays, subscripts=alone)
    terms, out, sizes = parse(text, shapes)
    parts = [_narrowed(x, term, sizes) for x, term in zip(arrays, terms, strict=True)]
    for pair in _path(parts, out, optimize):
        first, *others = [parts[i] for i in pair]
        parts = [p for i, p in enumerate(parts) if i not in pair]
        for i, other in enumerate(others):
            wanted = out + "".join(labels for _, labels in [*parts, *others[i + 1 :]])
            first = _contracted(first, other, out if not parts and i == len(others) - 1 else wanted)
        parts.append(first)
    ((x, labels),) = parts
    return transpose_(_summed(x, labels, out), axes=tuple(_kept(labels, out).index(c) for c in out))


@functools.lru_cache(maxsize=1024)
def _one_pair(text: str, shapes: Shapes) -> str | None:
    """The subscripts for the primitive where it alone does all: nothing repeated, stretched or summed first."""
    terms, out, sizes = parse(text, shapes)
    if len(terms) != 2 or any(len(set(term)) < len(term) for term in terms):
        return None
    if any(n != sizes[c] for term, shape in zip(terms, shapes, strict=True) for c, n in zip(term, shape, strict=True)):
        return None
    if any(c not in out for c in set(terms[0]) ^ set(terms[1])):
        return None
    ta, tb, to = letters(*terms, out)
    return f"{ta},{tb}->{to}"


Part = tuple[Any, str]  # an array and a label for each of its axes


def _kept(labels: str, wanted: str) -> str:
    return "".join(c for c in labels if c in wanted)


def _narrowed(x: Any, labels: str, sizes: dict[str, int]) -> Part:
    """Without the axes of length 1 that broadcast, and without repeated labels."""
    shape = tuple(n for n, c in zip(x.shape, labels, strict=True) if n == sizes[c])
    if len(shape) < x.ndim:
        labels = "".join(c for n, c in zip(x.shape, labels, strict=True) if n == sizes[c])
        x = reshape_(x, shape=shape)
    while repeated := [c for c in labels if labels.count(c) > 1]:
        i, c = labels.index(repeated[0]), repeated[0]
        x = diagonal_(x, axis1=i, axis2=labels.index(c, i + 1))
        labels = labels.replace(c, "", 2) + c
    return x, labels


def _summed(x: Any, labels: str, wanted: str) -> Any:
    """Summed over the labels that nobody wants."""
    if all(c in wanted for c in labels):
        return x
    ones = tuple(n if c in wanted else 1 for n, c in zip(x.shape, labels, strict=True))
    return reshape_(sum_to(x, shape=ones), shape=tuple(n for n, c in zip(x.shape, labels, strict=True) if c in wanted))


def _contracted(a: Part, b: Part, wanted: str) -> Part:
    """The pair contracted to the labels wanted, in their order where it is known to matter."""
    (x, la), (z, lb) = a, b
    x, z = _summed(x, la, lb + wanted), _summed(z, lb, la + wanted)
    la, lb = _kept(la, lb + wanted), _kept(lb, la + wanted)
    out = "".join(dict.fromkeys(c for c in wanted if c in la + lb))
    ta, tb, to = letters(la, lb, out)
    return einsum_(x, z, subscripts=f"{ta},{tb}->{to}"), out


def _path(parts: list[Part], out: str, optimize: Any) -> list[tuple[int, ...]]:
    """Which parts to contract, step by step; each result goes to the end."""
    n = len(parts)
    if n < 3 or optimize is False:
        return [tuple(range(n))] if n > 1 else []
    *terms, result = letters(*(labels for _, labels in parts), out)
    stand_ins = [np.broadcast_to(np.float32(0), x.shape) for x, _ in parts]
    return np.einsum_path(f"{','.join(terms)}->{result}", *stand_ins, optimize=optimize)[0][1:]


__all__ = ["einsum"]
