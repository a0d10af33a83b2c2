"""Faults around a command: folders, disks and pipes that refuse, packages that are missing, faults of our own."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec

import pytest

import gpugrad.cli
from gpugrad.cli import main

from .broken import target
from .conftest import QUICK, write_table


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
        monkeypatch.delattr(gpugrad.cli, name.rpartition(".")[2])
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


@pytest.mark.parametrize(
    ("where", "command"),
    [
        ("gpugrad.train.running.prepare", ("train", "iris")),
        ("gpugrad.train.job.fit", ("train", "iris")),
        ("gpugrad.cli.predict.load_run", ("predict", "run", "iris")),
        ("gpugrad.cli.info.resolve_device", ("info",)),
    ],
)
def test_ctrl_c_before_the_first_batch_is_one_line(where, command, call, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(where, interrupted)
    done = call(*command)
    assert (done.code, done.err.splitlines()[-1]) == (1, "error: interrupted")


def test_ctrl_c_within_an_exec_has_the_same_exit_code(tmp_path, root):
    """Run by `python -m`, Python keeps in mind that an exec was interrupted, and would end by the signal."""
    (tmp_path / "stopped.py").write_text(
        "import sys; from gpugrad.cli import main; import gpugrad.cli.datasets as module\n"
        "module.list_datasets = lambda: exec('raise KeyboardInterrupt'); sys.exit(main(['datasets']))"
    )
    env = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-m", "stopped"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "error: interrupted\n")


def test_the_benchmarks_say_themselves_that_they_were_interrupted(call, monkeypatch):
    monkeypatch.setattr("gpugrad.cli.bench.run", lambda *_: 130)
    assert call("bench", "--check") == (130, "", "")


@pytest.mark.parametrize("command", ["datasets >&-", "info >&- 2>&-", "train nothing 2>&-"])
def test_streams_that_are_closed_are_no_fault_of_ours(command, tmp_path, root):
    script = f"{sys.executable} -m gpugrad {command}"
    env = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (1 if "nothing" in command else 0, "", "")


def test_training_without_stderr(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stderr", None)
    code = main(["train", "iris", *QUICK])
    sys.stderr.close()
    assert code == 0 and capsys.readouterr().out.startswith("held-out accuracy")


def test_the_first_line_says_what_native_code_needs(call, monkeypatch):
    hint = "float32 on cpu by NumPy (for native code: pip install 'gpugrad[fast]')"
    without = {"llvmlite": None}
    monkeypatch.setattr("gpugrad.train.versions.find_spec", lambda name: without.get(name, find_spec("numpy")))
    monkeypatch.setattr("gpugrad.program.entry.available", lambda: False)
    assert "[fast]" not in call("train", "iris", *QUICK).err  # NumPy, as GPUGRAD_EXECUTOR asks for
    monkeypatch.delenv("GPUGRAD_EXECUTOR")
    said = call("train", "iris", *QUICK).err
    assert next(line for line in said.splitlines() if "to train" in line).endswith(hint) and "executor: numpy" in said
    assert "[fast]" not in call("train", "iris", *QUICK, "--no-compile").err


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
