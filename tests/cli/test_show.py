"""How results look in a terminal, narrow or wide, and in a pipe."""

import os
import subprocess
import sys

import pytest

import gpugrad.cli
from gpugrad.cli.app import app
from gpugrad.cli.show import columns

ROWS = [("device", "cpu; no driver is found, so install one"), ("threadpoolctl", "3.8.0"), ("BLAS", "")]


def test_a_pipe_gets_a_line_a_row():
    assert columns(ROWS).splitlines() == [
        "device         cpu; no driver is found, so install one",
        "threadpoolctl  3.8.0",
        "BLAS",
    ]


def test_a_narrow_terminal_gets_the_last_column_in_lines(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    assert columns(ROWS).splitlines() == [
        "device         cpu; no driver is found,",
        "               so install one",
        "threadpoolctl  3.8.0",
        "BLAS",
    ]


def test_a_terminal_too_narrow_for_the_other_columns_breaks_lines_itself(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    assert len(columns(ROWS).splitlines()) == 3


@pytest.mark.parametrize("width", ["40", "80"])
def test_help_cuts_no_name_and_no_word(width, tmp_path, root):
    env = {**os.environ, "PYTHONPATH": str(root), "COLUMNS": width}
    command = [sys.executable, "-m", "gpugrad", "train", "--help"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert "…" not in done.stdout and "..." not in done.stdout
    for word in ("--label-smoothing", "--no-compile", "classification,", "normalisation", "leaky_relu"):
        assert word in done.stdout


def test_the_packages_line_names_every_command():
    names = {command.callback.__name__ for command in app.registered_commands}
    told = gpugrad.cli.__doc__.partition(": ")[2].rstrip(".").split(", ")
    assert set(told) == names
