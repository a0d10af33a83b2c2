"""From a configuration to the arrays of its training, validation and held-out parts."""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backend import Device
from ..core.tensor import as_dtype
from ..data import Dataset, Loader, Preprocessor, load
from .config import Config

EVALUATION_ROWS = 1024  # rows of a batch where nothing is learnt

Part = tuple[Any, Any]  # X (N, n_features) and y: class numbers (N,), or standardised amounts (N, n_outputs)


@dataclass(frozen=True, eq=False)
class Prepared:
    """The parts of a data set as arrays on the CPU, and the preprocessor that made them."""

    preprocessor: Preprocessor
    training: Part
    validation: Part
    held_out: Part
    notes: tuple[str, ...] = ()

    def fingerprint(self) -> str:
        """A digest of all parts, to tell whether a run goes on with, and is measured on, the data it began with."""
        digest = hashlib.blake2b(digest_size=16)
        for array in (*self.training, *self.validation, *self.held_out):
            digest.update(f"{array.shape} {array.dtype}".encode())
            digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        return digest.hexdigest()


def prepare(config: Config, preprocessor: Preprocessor | None = None) -> Prepared:
    """Read, split, and standardise by the training part; or by `preprocessor`, that of a run which goes on.

    Held out are the rows the data itself sets apart, else a share of them, stratified for classification.
    Raises what `gpugrad.data.load` and `Dataset.split` raise.
    """
    dataset = load(config.source, config.target, config.task, text=config.text, drop=config.drop)
    if dataset.test is not None:
        training, validation = dataset.split((1 - config.validation, config.validation), config.seed)
        held_out = dataset.test
    else:
        rest = 1 - config.held_out
        shares = (rest * (1 - config.validation), rest * config.validation, config.held_out)
        training, validation, rows = dataset.split(shares, config.seed)
        held_out = dataset.rows(rows)
    fitted = preprocessor or Preprocessor.fit(dataset, training)
    (X, y), notes = transform(fitted, dataset, config.dtype)
    tested, more = transform(fitted, held_out, config.dtype)
    parts = ((X[training], y[training]), (X[validation], y[validation]), tested)
    found = dict.fromkeys(dataset.notes + fitted.notes + notes + (more if dataset.test is not None else ()))
    return Prepared(fitted, *parts, notes=tuple(found))


def transform(preprocessor: Preprocessor, dataset: Dataset, dtype: str) -> tuple[Part, tuple[str, ...]]:
    """((X, y), notes) of a data set; y is float32 beside a dtype of 2 bytes, as losses are computed in float32."""
    X, notes = preprocessor.transform(dataset, dtype=as_dtype(dtype))
    y = preprocessor.encode_target(dataset, dtype=np.float64 if dtype == "float64" else np.float32)
    return (X, y), notes


def current(device: Device) -> AbstractContextManager[Any]:
    """A scope in which what is computed lands on `device`: CuPy works on the current one, whatever its arguments."""
    scope: AbstractContextManager[Any] = nullcontext() if device.kind == "cpu" else device.xp.cuda.Device(device.index)
    return scope


def batches(part: Part, device: Device) -> Loader:
    """A part in order, in batches as evaluation takes them, on `device`."""
    X, y = (device.asarray(array) for array in part)
    return Loader(X, y, batch_size=EVALUATION_ROWS, shuffle=False)
