"""Data sets from arrays in memory; what the NPZ, IDX and scikit-learn readers end in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError, ShapeError
from .dataset import Dataset
from .table import Array, Table, Texts


def from_arrays(
    X: Any,
    y: Any = None,
    *,
    name: str = "arrays",
    feature_names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    target_name: str = "y",
) -> Dataset:
    """A data set from arrays, not yet resolved.

    Shapes: X (N, F) or (N, ...), flattened to (N, F), of numbers or bools; y (N,) or (N, k) of numbers, bools or texts.
    `class_names[c]` is the name of whole-number target c.  X is not copied where it is an array of real numbers.
    Raises ShapeError for shapes that do not fit, DTypeError for objects, complex numbers, dates, or text in X.

    >>> from_arrays([[1.0], [2.0]], ["b", "a"]).resolve().classes
    ('a', 'b')
    """
    data = _numeric(name, "X", X)
    if data.ndim < 2 or data.size == 0:
        raise ShapeError(f"{name}: X has shape {data.shape}; expected (samples, features), at least one of each")
    flat = data.reshape(len(data), -1)
    names = (
        tuple(map(str, feature_names)) if feature_names is not None else tuple(f"x{j}" for j in range(flat.shape[1]))
    )
    features = Table(flat, names, source=name, named=feature_names is not None)
    target = None if y is None else _target(name, y, target_name, class_names)
    shape = data.shape[1:] if data.ndim > 2 else None
    return Dataset(name, features, target, sample_shape=shape, target_fix="pass y with the labels")


def _numeric(source: str, argument: str, values: Any) -> Array:
    try:
        data = np.asarray(values)
    except ValueError as error:
        raise ShapeError(f"{source}: {argument} has rows of different lengths; expected a rectangular array") from error
    if data.dtype.kind == "b":
        data = data.astype(np.uint8)
    if data.dtype.kind not in "iuf":
        raise DTypeError(
            f"{source}: {argument} has dtype {data.dtype}; expected real numbers: convert it with .astype(float), and "
            "put text columns into a CSV or Parquet table"
        )
    return data


def _target(source: str, y: Any, name: str, class_names: Sequence[str] | None) -> Table:
    data = np.asarray(y)
    if data.ndim == 2 and data.shape[1] == 1:
        data = data[:, 0]
    if data.ndim not in (1, 2) or data.size == 0:
        raise ShapeError(f"{source}: {name} has shape {data.shape}; expected (samples,) or (samples, outputs)")
    texts = data.dtype.kind in "UTb" or (data.dtype.kind == "O" and all(isinstance(value, str) for value in data.flat))
    if data.ndim == 1 and texts:
        return Table(np.empty((len(data), 0)), (), {name: Texts.encode(data.astype(str).tolist())}, source=source)
    data = _numeric(source, name, data)
    if class_names is not None and data.ndim == 1 and data.dtype.kind in "iu":
        return _named_classes(source, data, name, tuple(map(str, class_names)))
    columns = data.reshape(len(data), -1)
    names = (name,) if data.ndim == 1 else tuple(f"{name}_{j}" for j in range(columns.shape[1]))
    integers = frozenset(names) if data.dtype.kind in "iu" else frozenset()
    return Table(columns, names, integers=integers, source=source, named=False)


def _named_classes(source: str, labels: Array, name: str, classes: tuple[str, ...]) -> Table:
    """Labels under their names, in the order of the numbers."""
    if labels.min() < 0 or labels.max() >= len(classes):
        row = int(np.argmax((labels < 0) | (labels >= len(classes))))
        raise ShapeError(
            f"{source}: row {row + 1}, target {name!r}: class {labels[row]}; expected 0 to {len(classes) - 1}, as "
            f"there are {len(classes)} class names"
        )
    texts = {name: Texts(labels.astype(np.int64), classes)}
    return Table(np.empty((len(labels), 0)), (), texts, source=source)
