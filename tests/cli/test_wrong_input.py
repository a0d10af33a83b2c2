"""Wrong input of every kind: one line that says what to do, exit code 1 or 2, no traceback, nothing overwritten."""

import os
import re

import numpy as np
import pytest

from .broken import (
    ROWS,
    TRAIN,
    a_file_where_the_folder_goes,
    a_run,
    a_run_of,
    content,
    flipped,
    good,
    npz,
    of_another_program,
    rows,
    target,
    truncated_gzip,
    truncated_idx,
    truncated_npz,
    with_new,
)
from .conftest import files_in, write_rows

# what is wrong: (how to make it, the command, exit code, what the line must say)
WRONG = {
    # the data is not there, or not what it says
    "data set unknown": (None, ("train", "digit"), 1, r"digit: no data set .*did you mean 'digits'\?"),
    "file missing": (None, TRAIN, 1, r"data\.csv: there is no such file; check the path"),
    "format unknown": (lambda: content("data.xls", b"x"), ("train", "data.xls"), 1, r"format.*expected \.csv"),
    "file empty": (lambda: content("data.csv", b""), TRAIN, 1, r"there is no header; expected a first line"),
    "picture named csv": (
        lambda: content("data.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
        TRAIN,
        1,
        r"data\.csv: .*; expected a CSV text file",
    ),
    "gzip truncated": (truncated_gzip, TRAIN, 1, r"damaged gzip file .*; download or copy it again"),
    "row too short": (lambda: rows(6, "1,2,red"), TRAIN, 1, r"row 7 \(line 8\) has 3 cells; expected 5"),
    "typing error": (lambda: rows(6, "1O,2,red,1,a"), TRAIN, 1, r"row 7, column 'size': '1O' is no number.*correct it"),
    "infinity": (lambda: rows(6, "inf,2,red,1,a"), TRAIN, 1, r"row 7, column 'size': inf; expected a finite number"),
    "npz truncated": (truncated_npz, ("train", "data.npz"), 1, r"damaged or truncated NPZ archive .*copy it again"),
    "npz with objects": (
        lambda: npz(X=np.array([[1, None]] * 9), y=np.arange(9)),
        ("train", "data.npz"),
        1,
        r"objects, which are never loaded; expected plain arrays",
    ),
    "npz of complex numbers": (
        lambda: npz(X=np.ones((9, 2)) * 1j, y=np.arange(9)),
        ("train", "data.npz"),
        1,
        r"complex",
    ),
    "npz of unequal lengths": (
        lambda: npz(X=np.ones((9, 2)), y=np.arange(8)),
        ("train", "data.npz"),
        1,
        r"9 samples but 8 targets; expected one for each",
    ),
    "npz without samples": (
        lambda: npz(X=np.ones(9), y=np.arange(9)),
        ("train", "data.npz"),
        1,
        r"X has shape \(9,\); expected \(samples, features\)",
    ),
    "idx truncated": (
        truncated_idx,
        ("train", "train-images-idx3-ubyte"),
        1,
        r"100 bytes .*; expected 160: .*truncated",
    ),
    "parquet that is none": (
        lambda: content("data.parquet", b"PAR1no"),
        ("train", "data.parquet"),
        1,
        r"data\.parquet",
    ),
    # the target
    "target not named": (good, ("train", "data.csv"), 2, r"no target; name it with --target, one of 'size'"),
    "target unknown": (
        good,
        ("train", "data.csv", "--target", "price"),
        2,
        r"no column 'price'; the columns are 'size'",
    ),
    "target of one class": (lambda: target(["a"] * 40), TRAIN, 1, r"target 'kind' has one class only, a; expected two"),
    "target missing in a row": (
        lambda: target([*["a", "b"] * 10, "", *["a"] * 19]),
        TRAIN,
        1,
        r"row 21, target 'kind': missing; expected a class in every row: fill it in or remove the row",
    ),
    "class of one row": (lambda: target(["a", "b", "c"] + ["a", "b"] * 18 + ["a"]), TRAIN, 1, r"class 'c' has 1 row"),
    "text for regression": (
        good,
        (*TRAIN, "--task", "regression"),
        1,
        r"is text; regression expects numbers: pass --task classification or",
    ),
    "decimal commas": (
        lambda: content("data.csv", b"size;kind\n" + b"".join(b"%d;0,%03d\n" % (i, i * i) for i in range(30))),
        TRAIN,
        1,
        r"data\.csv: row 1, column 'kind': '0,000' is no number; expected a decimal point: .* or .* with --text kind$",
    ),
    "classes of amounts": (
        lambda: target([f"{i * i / 7:.4f}" for i in range(40)]),
        (*TRAIN, "--task", "classification"),
        1,
        r"data\.csv: target 'kind': class '0' has 1 row, and 39 more .*: if .* an amount, pass --task regression",
    ),
    "rows too few": (
        lambda: write_rows("data.csv", ROWS[:3]),
        TRAIN,
        1,
        r"data\.csv: target 'kind': class 'a' has 1 row, .*; expected at least 3, .*the data has 3 rows",
    ),
    "smoothing without labels": (
        good,
        ("train", "diabetes", "--label-smoothing", "0.1"),
        2,
        r"--label-smoothing: got 0\.1, but the task is regression, .*leave it out",
    ),
    # the settings
    "batch size 0": (
        good,
        (*TRAIN, "--batch-size", "0"),
        2,
        r"--batch-size: got 0; expected a whole number, 1 or more",
    ),
    "epochs -1": (good, (*TRAIN, "--epochs", "-1"), 2, r"--epochs: got -1; expected a whole number, 1 or more"),
    "hidden of width 0": (good, (*TRAIN, "--hidden", "0"), 2, r"--hidden: got 0; expected layer widths of 1"),
    "hidden of words": (good, (*TRAIN, "--hidden", "256,big"), 2, r"--hidden: got '256,big'; expected widths such as"),
    "dropout 1.5": (good, (*TRAIN, "--dropout", "1.5"), 2, r"--dropout: got 1\.5; expected a probability"),
    "lr of words": (good, (*TRAIN, "--lr", "fast"), 2, r"'--lr': .*valid (number|float).*gpugrad train --help"),
    "dtype of integers": (good, (*TRAIN, "--dtype", "int8"), 2, r"--dtype: got 'int8'; expected one of float32"),
    "option unknown": (good, (*TRAIN, "--layers", "3"), 2, r"[Nn]o such option.*--layers.*see gpugrad train --help"),
    "command unknown": (None, ("trian", "digits"), 2, r"[Nn]o such command 'trian'"),
    "no data named": (None, ("train",), 2, r"no data; name a data set"),
    "learning diverges": (
        good,
        (*TRAIN, "--lr", "1e30", "--clip-norm", "0"),
        1,
        r"fit: the loss is .* at step \d+ .*lower",
    ),
    "norm of no name": (good, (*TRAIN, "--norm", "None"), 2, r"--norm: .*one of layer, batch; or leave it out$"),
    "target twice": (good, (*TRAIN, "--target", "kind"), 2, r"--target: 'kind' is given more than once"),
    "data without a name": (
        good,
        ("train", ""),
        2,
        r"(?i)'\[?source\]?': got ''; expected a name; see gpugrad train --help",
    ),
    # the device
    "no such CUDA device": (good, (*TRAIN[:-1], "cuda:99"), 1, r"device: cuda:99 .*(cpu|expected cuda:0)"),
    "device of another kind": (good, (*TRAIN[:-1], "gpu"), 2, r"device: got 'gpu'; expected 'auto', 'cpu', 'cuda'"),
    # the folder
    "out below a file": (a_file_where_the_folder_goes, (*TRAIN, "--out", "taken/run"), 1, r"taken/run: .*with --out"),
    "out is a file": (a_file_where_the_folder_goes, (*TRAIN, "--out", "taken"), 1, r"taken: is a file.*with --out"),
    "out holds a run": (
        a_run,
        (*TRAIN, "--out", "run"),
        1,
        r"run: holds a run already .*--resume run, or name another",
    ),
    "out without a name": (good, (*TRAIN, "--out", ""), 2, r"--out: got ''; expected the name of a folder"),
    # runs and checkpoints
    "run without a name": (None, ("evaluate", ""), 2, r"(?i)'run': got ''; expected a name"),
    "resume without a name": (None, ("train", "--resume", ""), 2, r"'--resume': got ''; expected a name"),
    "run missing": (None, ("evaluate", "runs/x"), 1, r"runs/x: there is no such run; name a folder"),
    "folder of no run": (lambda: os.mkdir("empty"), ("predict", "empty", "digits"), 1, r"holds no best\.safetensors"),
    "resume without a run": (None, ("train", "--resume", "runs/x"), 1, r"runs/x: there is no such run"),
    "checkpoint truncated": (
        a_run_of("best.safetensors", lambda value: value[:-100]),
        ("evaluate", "run"),
        1,
        r"run/best\.safetensors: truncated, corrupt, or no checkpoint .*; use another one",
    ),
    "checkpoint corrupt": (
        a_run_of("last.safetensors", flipped),
        ("train", "--resume", "run"),
        1,
        r"run/last\.safetensors: corrupt, its content does not match its digest",
    ),
    "checkpoint of another program": (
        of_another_program,
        ("evaluate", "run"),
        1,
        r"safetensors file of another program",
    ),
    "predict without a column": (
        with_new(b"size,weight,same\n1,2,3\n"),
        ("predict", "run", "new.csv"),
        1,
        r"new\.csv: .*no column 'color'",
    ),
    "predict text for a number": (
        with_new(b"size,weight,color,same\nbig,2,red,1\n"),
        ("predict", "run", "new.csv", "-o", "out.csv"),
        1,
        r"new\.csv: row 1, column 'size': 'big'; expected a number as in training",
    ),
    "predict a typing error": (
        with_new(b"size,weight,color,same\n" + b"1,2,red,1\n" * 9 + b"1O,2,red,1\n"),
        ("predict", "run", "new.csv"),
        1,
        r"row 10, column 'size': '1O' is no number, .*; correct it, leave it empty$",
    ),
    "predict onto the data": (
        with_new(b"size,weight,color,same\n1,2,red,1\n"),
        ("predict", "run", "new.csv", "-o", "new.csv"),
        2,
        r"new\.csv is the data itself; name another file",
    ),
    "predict onto a folder": (
        a_run,
        ("predict", "run", "data.csv", "-o", "."),
        2,
        r"--out: '\.' is a folder; name a CSV",
    ),
    "predict onto no name": (
        a_run,
        ("predict", "run", "data.csv", "-o", ""),
        2,
        r"--out: '\.' is a folder; name a CSV",
    ),
    "predict into no folder": (
        a_run,
        ("predict", "run", "data.csv", "-o", "no/out.csv"),
        2,
        r"--out: there is no folder 'no'; make it, or name a file in another one$",
    ),
    "predict data without a name": (a_run, ("predict", "run", ""), 2, r"(?i)'data': got ''; expected a name"),
    "evaluate an unknown class": (
        with_new(b"size,weight,color,same,kind\n1,2,red,1,c\n"),
        ("evaluate", "run", "new.csv"),
        1,
        r"class 'c' was not in the training data; expected one of 'a', 'b'",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input(name, call, tmp_path):
    make, command, code, says = WRONG[name]
    os.chdir(tmp_path)
    if make is not None:
        make()
    before = files_in(tmp_path)
    done = call(*command)
    assert done.code == code, done
    assert done.out == ""
    *notes, error = done.err.splitlines()
    assert error.startswith("error: ") and re.search(says, error), error
    assert len(error) < 400 and "Traceback" not in done.err
    after = files_in(tmp_path)
    assert {path: after.get(path) for path in before} == before
    if name != "learning diverges":  # the only one that had begun
        assert after == before
        assert notes == []


def test_there_are_twenty_and_more():
    assert len(WRONG) >= 20
