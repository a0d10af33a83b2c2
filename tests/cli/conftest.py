"""Calling the command as a shell does, but in this process."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from gpugrad.cli import main

QUICK = ("--epochs", "2", "--hidden", "8", "--device", "cpu")


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def executor(monkeypatch):
    """Native code is made anew for every shape, which takes longer than these small runs."""
    monkeypatch.setenv("GPUGRAD_EXECUTOR", "numpy")
    monkeypatch.delenv("COLUMNS", raising=False)  # lines may be of any length


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """call("train", "digits", ...) in an empty folder gives (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GPUGRAD_DEBUG", raising=False)

    def run(*arguments):
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Done(code, *capsys.readouterr())

    return run


def write_table(path, n=120, seed=0):
    """A table with a text target, a text column, a missing value and a constant column; gives its rows."""
    rng = np.random.default_rng(seed)
    size, weight = rng.normal(5, 2, n), rng.normal(60, 15, n)
    color = rng.choice(["red", "green"], n)
    kind = np.where(size + 2 * (color == "red") > 6, "big, heavy", "small")
    rows = [f'{s:.4f},{w:.3f},{c},7,"{k}"' for s, w, c, k in zip(size, weight, color, kind, strict=True)]
    rows[3] = f",{rows[3].partition(',')[2]}"
    write_rows(path, rows)
    return rows


def write_rows(path, rows):
    Path(path).write_text("\n".join(["size,weight,color,same,kind", *rows]) + "\n", encoding="utf-8")


def files_in(folder):
    """{path: content} of everything below a folder."""
    return {path: path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file()}
