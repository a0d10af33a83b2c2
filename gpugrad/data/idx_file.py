"""IDX, the format of MNIST and its relatives (yann.lecun.com/exdb/mnist): magic, big-endian sizes, raw values."""

from __future__ import annotations

import re
from dataclasses import replace
from math import prod
from pathlib import Path
from struct import unpack

import numpy as np

from ..errors import DataError, StorageError
from .arrays import from_arrays
from .dataset import Dataset
from .files import opened
from .table import Array

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
NAME = re.compile(r"[-.]idx(\d)(-ubyte)?(\.gz)?$")
TEST_WORDS = ("t10k", "test")


def is_idx_name(name: str) -> bool:
    """Whether a file name looks like train-images-idx3-ubyte, with or without .gz, or a dot before idx."""
    return NAME.search(name) is not None


def read_idx_array(path: str | Path) -> Array:
    """The array of one IDX file, gzipped or not, in native byte order.

    Raises StorageError for a file that cannot be read, DataError for a wrong magic number or a wrong length.
    """
    with opened(path) as file:
        magic = file.read(4)
        if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in DTYPES:
            raise DataError(
                f"{path}: starts with {magic.hex() or 'nothing'}; expected an IDX magic number such as 00000803"
            )
        sizes = file.read(4 * magic[3])
        body = file.read()
    dtype = np.dtype(DTYPES[magic[2]])
    shape = unpack(f">{len(sizes) // 4}I", sizes[: len(sizes) // 4 * 4])
    expected = prod(shape) * dtype.itemsize
    if len(shape) < magic[3] or len(body) != expected:
        raise DataError(
            f"{path}: {len(body)} bytes of values for shape {shape}; expected {expected}: the file is truncated or "
            "damaged, download or copy it again"
        )
    return np.frombuffer(body, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def read_idx(path: str | Path) -> Dataset:
    """Read images and the labels beside them, named as MNIST's: train-images-idx3-ubyte and train-labels-idx1-ubyte.

    `path` is the images file or the folder.  The t10k (or test) files beside become the held-out part; without labels
    there is no target.  The task is classification.
    Raises StorageError, and DataError for files that are truncated, no IDX, or do not belong together.
    """
    path = Path(path)
    images = _images_in(path) if path.is_dir() else path
    found = _part(images)
    test = _test_beside(images)
    return found if test is None or found.target is None else replace(found, test=_part(test))


def _part(images: Path) -> Dataset:
    match = re.fullmatch(r"(.*)images([-.]idx)\d(.*?)(\.gz)?", images.name)
    if match is None:
        raise DataError(
            f"{images}: expected an images file named as train-images-idx3-ubyte, its labels named alike beside it"
        )
    labels_name = f"{match[1]}labels{match[2]}1{match[3]}"
    labels = _either(images.parent, labels_name)
    target = None if labels is None else read_idx_array(labels)
    if target is not None and target.ndim != 1:
        raise DataError(f"{labels}: shape {target.shape}; expected labels of one axis, one for each image")
    found = from_arrays(read_idx_array(images), target, name=str(images), target_name="label")
    fix = f"expected the labels in {images.parent / labels_name} (or .gz)"
    return replace(found, name=images.parent.name or "idx", task="classification", target_fix=fix)


def _either(folder: Path, name: str) -> Path | None:
    """The file of that name, else its gzipped twin, else None."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def _images_in(folder: Path) -> Path:
    """The images file of a folder: the training part, unzipped before gzipped."""
    try:
        names = sorted(path.name for path in folder.iterdir() if "images" in path.name and is_idx_name(path.name))
    except OSError as error:
        raise StorageError(f"{folder}: cannot be read ({error.strerror}); check its permissions") from error
    train = [name for name in names if not any(word in name for word in TEST_WORDS)]
    found = sorted({name.removesuffix(".gz") for name in train or names})
    if not found:
        raise DataError(f"{folder}: no IDX images in this folder; expected train-images-idx3-ubyte, gzipped or not")
    if len(found) > 1:
        raise DataError(f"{folder}: several IDX image files ({', '.join(found)}); name the one to read")
    return _either(folder, found[0]) or folder / found[0]


def _test_beside(images: Path) -> Path | None:
    if "train" not in images.name:
        return None
    names = [images.name.removesuffix(".gz").replace("train", word) for word in TEST_WORDS]
    return next((path for path in (_either(images.parent, name) for name in names) if path), None)
