"""Checkpoints: one safetensors file each, with everything that is no array as JSON in its header.

One file has one moment at which it becomes true, the rename; a crash cannot leave half a checkpoint, nor arrays of one
moment beside numbers of another.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from ..core.tensor import as_dtype
from ..errors import CheckpointError, MissingDependencyError, StorageError
from .files import write_atomically
from .packing import pack, unpack

FORMAT = 1
KEY = "gpugrad"  # of the JSON in the safetensors metadata
MODEL = "model/"  # what is below it is stored under its own name, which other programs know; the rest starts with /
_DTYPES = {
    **{"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "BOOL": "bool"},
    **{f"{kind}{bits}": f"{name}{bits}" for kind, name in (("I", "int"), ("U", "uint")) for bits in (8, 16, 32, 64)},
}


def save_checkpoint(path: str | Path, state: dict[str, Any]) -> None:
    """Write a nested state, such as `Training.state_dict()`, to a safetensors file, atomically.

    Arrays of `state["model"]` are stored under their own names ("0.weight"), others as "/optimizer/state/0/exp_avg".
    Raises StorageError where the file cannot be written, ArgumentTypeError for what a checkpoint cannot hold.
    """
    safetensors = _safetensors()
    tree, arrays = pack(state)
    text = json.dumps({"format": FORMAT, "state": tree})
    tensors = {
        name[len(MODEL) :] if name.startswith(MODEL) else f"/{name}": safetensors.TensorSpec(
            dtype=array.dtype.name, shape=array.shape, data_ptr=array.ctypes.data, data_len=array.nbytes
        )
        for name, array in arrays.items()
    }
    content = safetensors.serialize(tensors, metadata={KEY: text, "digest": _digest(text, arrays)})
    write_atomically(path, bytes(content))


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """The state that `save_checkpoint` wrote, with NumPy arrays.

    Raises StorageError where the file cannot be read, CheckpointError for one that is truncated, corrupt, not a
    checkpoint, or of another version: each array and number is checked against a digest.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise StorageError(
            f"{path}: cannot be read ({error.strerror or error}); name one such as runs/digits-1/last.safetensors"
        ) from error
    try:
        tensors, metadata = _parse(content)
    except (_safetensors().SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path}: truncated, corrupt, or no checkpoint ({error}); use another one") from error
    return _checked(path, tensors, metadata)


def _parse(content: bytes) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    tensors = {
        name: np.frombuffer(item["data"], dtype=as_dtype(_DTYPES[item["dtype"]])).reshape(item["shape"]).copy()
        for name, item in _safetensors().deserialize(content)
    }
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return tensors, header.get("__metadata__", {})


def _checked(path: str | Path, tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> dict[str, Any]:
    if KEY not in metadata:
        raise CheckpointError(f"{path}: a safetensors file of another program; expected one that gpugrad train wrote")
    arrays = {name[1:] if name[:1] == "/" else MODEL + name: array for name, array in tensors.items()}
    if metadata.get("digest") != _digest(metadata[KEY], arrays):
        raise CheckpointError(f"{path}: corrupt, its content does not match its digest; use another checkpoint")
    saved = json.loads(metadata[KEY])
    if saved.get("format") != FORMAT:
        raise CheckpointError(
            f"{path}: checkpoint format {saved.get('format')}; expected {FORMAT}: it was written by another version of "
            "gpugrad, use that one or train again"
        )
    state: dict[str, Any] = unpack(saved["state"], arrays)
    return state


def _digest(text: str, arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.blake2b(text.encode(), digest_size=16)
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode())
        digest.update(arrays[name].reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _safetensors() -> Any:
    try:
        import safetensors
    except ImportError as error:
        raise MissingDependencyError(
            "checkpoint: safetensors is not installed; run: pip install 'gpugrad[train]'"
        ) from error
    return safetensors
