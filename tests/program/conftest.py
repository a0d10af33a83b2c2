"""These tests ask for eager execution's very bits, which the executor on NumPy gives; test_fast*.py are the other's."""

import pytest


@pytest.fixture(autouse=True)
def executor(request, monkeypatch, tmp_path_factory):
    monkeypatch.setenv("GPUGRAD_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "fast"))
    if not request.path.name.startswith("test_fast"):
        monkeypatch.setenv("GPUGRAD_EXECUTOR", "numpy")
