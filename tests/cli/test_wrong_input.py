"""Wrong input of every kind: one line that says what to do, exit code 1 or 2, no traceback, nothing overwritten."""

import gzip
import os
import re
import struct
import subprocess
import sys

import numpy as np
import pytest

from .conftest import QUICK, files_in, write_rows, write_table

ROWS = [f"{i % 7},{i * i % 11},{'red' if i % 3 else 'green'},1,{'a' if i % 2 else 'b'}" for i in range(40)]
TRAIN = ("train", "data.csv", "--target", "kind", *QUICK)


def rows(i, text):
    write_rows("data.csv", [*ROWS[:i], text, *ROWS[i:]])


def target(values):
    write_rows("data.csv", [row.rpartition(",")[0] + "," + value for row, value in zip(ROWS, values, strict=True)])


def truncated_gzip():
    with open("data.csv", "wb") as file:
        file.write(gzip.compress("\n".join(["a,kind", *["1,x", "2,y"] * 4000]).encode())[:-40])


def npz(**arrays):
    np.savez("data.npz", **arrays)


def truncated_npz():
    npz(X=np.ones((100, 3)), y=np.arange(100) % 2)
    content = open_bytes("data.npz")
    with open("data.npz", "wb") as file:
        file.write(content[:-500])


def open_bytes(path):
    with open(path, "rb") as file:
        return file.read()


def content(path, value):
    with open(path, "wb") as file:
        file.write(value)


def truncated_idx():
    content("train-images-idx3-ubyte", struct.pack(">IIII", 0x803, 10, 4, 4) + bytes(100))
    content("train-labels-idx1-ubyte", struct.pack(">II", 0x801, 10) + bytes(10))


def good():
    write_rows("data.csv", ROWS)


def a_file_where_the_folder_goes():
    good()
    content("taken", b"precious")


def a_run():
    """Saved once, and made anew by copying."""
    good()
    assert_done(*TRAIN, "--out", "run")


def a_run_of(name, damage):
    def make():
        a_run()
        value = bytearray(open_bytes(f"run/{name}"))
        content(f"run/{name}", damage(value))

    return make


def flipped(value):
    value[-9] ^= 4
    return value


def of_another_program():
    from safetensors.numpy import save_file

    os.mkdir("run")
    save_file({"w": np.zeros(2)}, "run/best.safetensors")


def with_new(text):
    def make():
        a_run()
        content("new.csv", text)

    return make


def assert_done(*arguments):
    from gpugrad.cli import main

    assert main(list(arguments)) == 0


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
    # runs and checkpoints
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


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="there is no /proc, where not even root makes a folder")
def test_a_folder_that_nobody_can_make(call):
    done = call("train", "iris", *QUICK, "--out", "/proc/run")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "/proc/run: cannot be created" in done.err and "with --out" in done.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(call, tmp_path):
    good_folder = tmp_path / "locked"
    good_folder.mkdir(mode=0o500)
    done = call("train", "iris", *QUICK, "--out", good_folder / "run")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "cannot be created (Permission denied); name a folder that can be written with --out" in done.err


def test_a_full_disk_is_one_line(call, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gpugrad.train.files.os.fsync", full)
    done = call("train", "iris", *QUICK, "--out", "run")
    assert done.code == 1
    assert done.err.splitlines()[-1] == (
        "error: run/config.json: cannot be written (No space left on device); free some space or choose another folder"
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("command", ["datasets", "info", "--help"])
def test_an_output_that_is_full_is_no_fault_of_ours(command, tmp_path, root):
    env = {**os.environ, "PYTHONPATH": str(root)}
    with open("/dev/full", "w") as full:
        arguments = [sys.executable, "-m", "gpugrad", command]
        done = subprocess.run(arguments, cwd=tmp_path, env=env, stdout=full, stderr=subprocess.PIPE, text=True)
    expected = "error: output: cannot be written (No space left on device); free some space, or send the output to "
    assert (done.returncode, done.stderr) == (1, f"{expected}another file\n")


def test_info_and_version_do_without_the_extra(call, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("gpugrad.cli.") and not name.endswith(".main")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "typer", None)
    assert re.fullmatch(r"gpugrad \d+\.\d+.*\n", call("--version").out)
    done = call("info")
    assert (done.code, done.err) == (0, "") and "NumPy" in done.out and "typer" in done.out
    expected = "error: gpugrad: typer is not installed; run: pip install 'gpugrad[train]'\n"
    for command in (("train", "digits"), ("datasets",), ()):
        assert call(*command) == (1, "", expected)


def test_messages_name_the_options_of_the_command(call, monkeypatch):
    monkeypatch.setattr("gpugrad.backend.cupy.unavailable_reason", lambda: "no driver; install one")
    done = call("train", "iris", *QUICK[:-1], "cuda")
    assert done.err == "error: device: cuda is not usable: no driver; install one; or pass --device cpu\n"
    target([f"{i % 5}" for i in range(40)])
    with open("few.csv", "w") as file:
        file.write("x,y\n" + "".join(f"{i},{i}\n" for i in range(18)))
    done = call("train", "few.csv", "--target", "y", *QUICK, "--epochs", "1")
    assert "taken as regression; pass --task classification if they are classes" in done.err
    assert "1 epoch, best epoch 1; kept in" in done.err


def test_the_line_of_a_library_is_not_the_users(tmp_path, root):
    """Below the command there is no user's line, in whichever folder typer lies."""
    env = {**os.environ, "PYTHONPATH": str(root)}
    options = ("--lr", "1e30", "--clip-norm", "0", "--epochs", "2", "--device", "cpu")
    command = [sys.executable, "-m", "gpugrad", "train", "iris", *options]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    error = done.stderr.splitlines()[-1]
    assert done.returncode == 1 and error.startswith("error: fit: the loss is ")
    assert "first made by" in error and "called at" not in error, error


def test_a_package_that_is_missing_is_named_before_training(call, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = call("train", "iris", *QUICK)
    assert (done.code, done.err) == (
        1,
        "error: train: matplotlib is not installed; run: pip install 'gpugrad[train]'\n",
    )


def test_the_traceback_is_shown_when_asked_for(call, monkeypatch):
    done = call("train", "nothing", "--traceback")
    assert done.err.startswith("Traceback") and done.err.splitlines()[-1].startswith("error: nothing: no data set")
    monkeypatch.setenv("GPUGRAD_DEBUG", "1")
    assert call("train", "nothing").err.startswith("Traceback")


def test_a_fault_of_our_own_is_one_line_too(call, monkeypatch):
    monkeypatch.setattr("gpugrad.cli.datasets.list_datasets", lambda: [][1])
    done = call("datasets")
    assert done.code == 1
    assert done.err == (
        "error: IndexError: list index out of range; this is a fault of gpugrad: please report it with --traceback\n"
    )


@pytest.mark.parametrize(("arguments", "code"), [(("train", "data.csv"), 1), (("train", "digits", "--epochs", "x"), 2)])
def test_as_real_processes(arguments, code, tmp_path, root):
    env = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-m", "gpugrad", *arguments]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)
    assert done.stderr.startswith("error: ")


def test_a_reader_that_stops_is_no_error(call, tmp_path, root):
    write_table("animals.csv")
    assert call("train", "animals.csv", "--target", "kind", *QUICK, "--out", "run").code == 0
    env = {**os.environ, "PYTHONPATH": str(root)}
    script = f"{sys.executable} -m gpugrad predict run animals.csv | true"
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert "Traceback" not in done.stderr and "error" not in done.stderr
