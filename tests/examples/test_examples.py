"""The scripts of examples/ run, at tiny size, and do what they say."""

import importlib.util
import shutil

import numpy as np
import pytest

GRAPHS = ("graph-seven-nodes", "graph-two-towers", "graph-two-layers", "graph-of-a-gradient")


def script(root, name):
    """A script of examples/ as a module."""
    spec = importlib.util.spec_from_file_location(name, root / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_script_has_a_test(root):
    assert {p.stem for p in (root / "examples").glob("*.py")} == {"excite_a_unit", "jacobian_modes", "see_the_graph"}


def test_c14_excite_a_unit(root, tmp_path, capsys):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    rows = script(root, "excite_a_unit").main(tmp_path, epochs=5, steps=60)
    assert len(capsys.readouterr().out.splitlines()) == 20
    for _, images, values in rows:
        assert images.shape == (10, 64) and images.min() >= 0.0 and images.max() <= 1.0
        assert (values[:, 1] > values[:, 0]).all()  # each unit stands out more than before
    assert (tmp_path / "excite-a-unit.png").read_bytes().startswith(b"\x89PNG")


def test_jacobian_modes(root, capsys):
    worst = script(root, "jacobian_modes").main(sizes=((2, 5), (5, 2)), repeats=1)
    assert worst < 1e-12
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[1:3]] == [["2", "5"], ["5", "2"]]
    assert all(np.isfinite(float(t)) for line in lines[1:3] for t in line.split()[2:])


def test_see_the_graph(root, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    script(root, "see_the_graph").main(tmp_path)
    assert "exp^T" in capsys.readouterr().out
    assert (tmp_path / "gradient-flow.png").is_file()
    assert all((tmp_path / f"{name}.svg").is_file() == bool(shutil.which("dot")) for name in GRAPHS)
