"""Checkpoints: bit for bit, whole or not at all, and every damage noticed."""

import json
import os
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest

from gpugrad.errors import ArgumentTypeError, CheckpointError, StorageError
from gpugrad.train import load_checkpoint, save_checkpoint
from gpugrad.train.files import remove_leftovers, strict_json, write_atomically
from gpugrad.train.packing import pack, unpack
from tests.train.nests import assert_same

STATE = {
    "model": {
        "0.weight": np.arange(6, dtype=np.float32).reshape(2, 3) / 7,
        "0.bias": np.array([1.5, -2.0], dtype=ml_dtypes.bfloat16),
        "1.rng_state": np.array([2**64 - 1, 3], dtype=np.uint64),
        "empty": np.zeros((0, 3), dtype=np.float16),
        "scalar": np.array(0.1),
    },
    "optimizer": {"state": [{"step": 3, "exp_avg": np.full(3, 1e-300)}, {}], "betas": (0.9, 0.999), "by": {1: "a"}},
    "lone": np.arange(3),
    "about": {"name": "größe", "best": float("inf"), "third": 1 / 3, "none": None, "yes": True},
}


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "last.safetensors"
    save_checkpoint(path, STATE)
    return path


def test_state_comes_back_bit_for_bit(saved):
    assert_same(load_checkpoint(saved), STATE)


def test_arrays_are_their_own_and_writable(saved):
    array = load_checkpoint(saved)["model"]["0.weight"]
    array += 1


def test_other_programs_find_parameters_under_their_names(saved):
    from safetensors import safe_open

    with safe_open(saved, framework="np") as file:
        assert {"0.weight", "0.bias", "/optimizer/state/0/exp_avg", "/lone"} <= set(file.keys())
        assert json.loads(file.metadata()["gpugrad"])["state"]["about"]["name"] == "größe"


def test_pack_refuses_what_it_cannot_hold():
    with pytest.raises(ArgumentTypeError, match="checkpoint: a/b is a set; expected arrays, numbers"):
        pack({"a": {"b": {1}}})


def test_unpack_names_a_missing_array():
    tree, arrays = pack(STATE)
    del arrays["lone"]
    with pytest.raises(CheckpointError, match="array 'lone' is missing"):
        unpack(tree, arrays)


def test_every_flipped_byte_is_noticed(saved):
    content = saved.read_bytes()
    for i in range(0, len(content), 7):
        damaged = bytearray(content)
        damaged[i] ^= 1 << (i % 8)
        saved.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"corrupt|another program|version|missing"):
            load_checkpoint(saved)


def test_every_truncation_is_noticed(saved):
    content = saved.read_bytes()
    for n in [*range(0, 64), *range(64, len(content), 61)]:
        saved.write_bytes(content[:n])
        with pytest.raises(CheckpointError, match=r"last\.safetensors: truncated, corrupt"):
            load_checkpoint(saved)


def test_other_files_are_refused(tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "foreign.safetensors"
    save_file({"w": np.zeros(2)}, path)
    with pytest.raises(CheckpointError, match="a safetensors file of another program"):
        load_checkpoint(path)
    with pytest.raises(StorageError, match="No such file"):
        load_checkpoint(tmp_path / "missing.safetensors")


def test_another_format_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("gpugrad.train.checkpoint.FORMAT", 99)
    save_checkpoint(tmp_path / "new", STATE)
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="format 99; expected 1"):
        load_checkpoint(tmp_path / "new")


KILLED = """
import os, sys
import numpy as np
from gpugrad.train import save_checkpoint
setattr(os, sys.argv[2], lambda *a: os._exit(9))
save_checkpoint(sys.argv[1], {"model": {"w": np.ones(1000)}})
"""


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_process_killed_while_saving_leaves_the_old_checkpoint(saved, moment, root):
    done = subprocess.run([sys.executable, "-c", KILLED, str(saved), moment], cwd=root)
    assert done.returncode == 9
    assert_same(load_checkpoint(saved), STATE)
    assert len(list(saved.parent.iterdir())) == 2
    remove_leftovers(saved.parent)
    assert [path.name for path in saved.parent.iterdir()] == ["last.safetensors"]


def test_a_failed_write_leaves_the_old_checkpoint_and_nothing_else(saved, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"last\.safetensors: cannot be written \(No space left on device\); free"):
        save_checkpoint(saved, {"model": {}})
    monkeypatch.undo()
    assert_same(load_checkpoint(saved), STATE)
    assert [path.name for path in saved.parent.iterdir()] == ["last.safetensors"]


def test_writing_into_a_missing_folder_is_one_error(tmp_path):
    with pytest.raises(StorageError, match="cannot be written"):
        write_atomically(tmp_path / "no" / "file", b"")


def test_file_mode_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "file", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def test_strict_json_has_no_nan():
    assert strict_json({"a": [float("nan"), 1.0], "b": (float("-inf"),)}) == '{"a": [null, 1.0], "b": [null]}'
