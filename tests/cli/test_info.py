"""gpugrad info, where a GPU is found and where none is."""

import re

from gpugrad.backend import cupy as backend
from gpugrad.cli.info import info
from tests.host_cuda.fixture import host

__all__ = ["host"]
from gpugrad.cuda import autotune


def lines(capsys):
    info()
    rows = (re.split(r"  +", line, maxsplit=1) for line in capsys.readouterr().out.splitlines())
    return {row[0]: row[1] for row in rows if len(row) == 2}


def test_a_device_and_its_memory(capsys, host):
    found = lines(capsys)
    assert found["device"] == "cuda:0 of 1; host, compute capability 9.0, driver for CUDA 13.0"
    assert found["GPU memory"] == "8.0 of 8.0 GiB free; CuPy's pool holds 0.0, of which 0.0 in use"


def test_what_runs_compiled_programs(capsys):
    assert lines(capsys)["compile"] == "numpy (NumPy alone, into planned buffers)"


def test_a_package_that_is_missing_is_listed_with_what_brings_it(capsys, monkeypatch):
    monkeypatch.setattr("gpugrad.cli.info._version", lambda name: None)
    found = lines(capsys)
    assert found["llvmlite"] == "not installed (native code: gpugrad[fast])"
    assert found["safetensors"] == "not installed (checkpoints: gpugrad[train])"


def test_the_readme_installs_native_code_too(root):
    extras = re.search(r"Without make: `pip install '\.\[(.*?)\]'`", (root / "README.md").read_text())[1]
    assert {"train", "fast"} <= set(extras.split(","))


def test_why_there_is_no_device(capsys, monkeypatch):
    monkeypatch.setattr(backend, "unavailable_reason", lambda: "no driver; install one")
    found = lines(capsys)
    assert found["device"] == "cpu; no driver; install one"
    assert "GPU memory" not in found


def test_what_was_measured_of_the_kernels(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(autotune, "taken", {})
    monkeypatch.setattr(autotune, "told", {})
    table = autotune.Table(tmp_path / "autotune.json", "v1")
    with autotune.use(table):
        info(kernels=True)
        assert capsys.readouterr().out.rstrip().endswith("autotune.measuring():`")
        table.keep("linear 64x64x64 float32 sm_90", autotune.Choice("cuBLASLt", {"cuBLASLt": 2e-6, "other": 3e-6}))
        info(kernels=True)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "linear 64x64x64 float32 sm_90  cuBLASLt (cuBLASLt 2.0 us, other 3.0 us)"
