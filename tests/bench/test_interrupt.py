"""`gpugrad bench` ends what it has started, and says nothing of Python's about it."""

import os
import signal
import subprocess
import sys

import pytest

from bench import __main__ as program
from bench import command

PARENT = "import sys; from gpugrad.cli.bench import run; sys.exit(run([sys.executable, '-c', sys.argv[1]]))"
CHILD = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_child_ends_with_its_parent(number, code):
    words = [sys.executable, "-c", PARENT, CHILD]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        os.kill(child, 0)
        parent.send_signal(number)
        _, errors = parent.communicate(timeout=30)
    assert (parent.returncode, errors) == (code, "")
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_the_child_s_exit_code_is_the_command_s():
    from gpugrad.cli import bench

    before = signal.getsignal(signal.SIGTERM)
    assert bench.run([sys.executable, "-c", "raise SystemExit(3)"]) == 3
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_interrupted_suite_is_one_word_and_exit_code_130(monkeypatch, capsys):
    def interrupted(given):
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "pin", lambda threads: None)
    monkeypatch.setattr(command, "run", interrupted)
    assert program.main(["--suite", "tiny"]) == 130
    assert capsys.readouterr().err == "interrupted\n"
