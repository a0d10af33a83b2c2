"""gradient_flow(): sizes by hand, and its picture."""

import math
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import gpugrad as gg
from gpugrad.errors import ArgumentError, ArgumentTypeError, MissingDependencyError, StorageError
from gpugrad.inspection import GradientSize, gradient_flow
from tests.inspection.models import Model


def parameter(*gradient, dtype="float64"):
    t = gg.Tensor(np.zeros(len(gradient), dtype), requires_grad=True)
    t.grad = gg.Tensor(np.array(gradient, dtype))
    return t


def test_norm_mean_and_largest():
    sizes = gradient_flow(Model(w=parameter(3.0, -4.0), b=parameter(0.5)))
    assert list(sizes) == ["w", "b"]
    assert sizes["w"] == GradientSize(norm=5.0, mean=3.5, largest=4.0)
    assert sizes["b"] == GradientSize(norm=0.5, mean=0.5, largest=0.5)


def test_no_gradient_is_missing_and_not_zero():
    w = gg.Tensor([1.0], requires_grad=True)
    sizes = gradient_flow({"w": w, "frozen": gg.Tensor([1.0]), "zero": parameter(0.0)})
    assert sizes == {"w": None, "frozen": None, "zero": GradientSize(0.0, 0.0, 0.0)}


def test_neither_overflow_nor_underflow():
    big, small = gradient_flow([parameter(3e200, 4e200), parameter(3e-200, 4e-200)]).values()
    assert big.norm == pytest.approx(5e200) and small.norm == pytest.approx(5e-200)
    (half,) = gradient_flow([parameter(*[300.0] * 100, dtype="float16")]).values()  # squares pass float16's range
    assert half.norm == pytest.approx(3000.0) and half.mean == pytest.approx(300.0)


def test_nan_and_infinity_are_passed_on():
    nan, infinite = gradient_flow([parameter(1.0, math.nan), parameter(1.0, math.inf)]).values()
    assert math.isnan(nan.norm) and math.isnan(nan.largest)
    assert infinite.norm == infinite.largest == math.inf


def test_an_empty_parameter():
    assert gradient_flow([parameter()]) == {"0": GradientSize(0.0, 0.0, 0.0)}


def test_after_a_backward_pass():
    w = gg.Tensor([3.0, 4.0], requires_grad=True)
    (w * w * 0.5).sum().backward()
    assert gradient_flow({"w": w})["w"].norm == 5.0


MIXED = {
    "layers.0.weight": parameter(1e-6, 2e-6),
    "layers.0.bias": parameter(0.0),
    "layers.1.weight": parameter(1.0, math.nan),
    "layers.1.bias": gg.Tensor([1.0], requires_grad=True),
    "layers.2.weight": parameter(0.1, 0.0),
    "layers.2.bias": parameter(math.inf),
}


def test_the_picture_names_every_parameter(tmp_path):
    path = tmp_path / "flow.svg"
    gradient_flow(MIXED, path)
    text = path.read_text(encoding="utf-8")
    ElementTree.fromstring(text)
    comments = [line for line in text.splitlines() if line.strip().startswith("<!--")]  # matplotlib's text as outlines
    for word in (*MIXED, "no gradient", "NaN", "infinite", "0.1", "L2 norm"):
        assert any(f"<!-- {word} -->" in line for line in comments), word


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".pdf", b"%PDF"), (".SVG", b"<?xml")])
def test_the_suffix_says_how(tmp_path, suffix, start):
    path = tmp_path / f"flow{suffix}"
    gradient_flow({"w": parameter(1.0)}, path)
    assert path.read_bytes().startswith(start)


@pytest.mark.parametrize(
    "gradients", [[()], [(0.0,)], [(1.0,)], [(1e-300,), (1e300,)], [(5e-324,)], [(1.7e308,)], [(1.0,)] * 60]
)
def test_any_range_can_be_drawn(tmp_path, gradients):
    gradient_flow([parameter(*g) for g in gradients], tmp_path / "flow.svg")
    assert (tmp_path / "flow.svg").stat().st_size > 1000


def test_errors(tmp_path):
    with pytest.raises(
        ArgumentTypeError, match="gradient_flow: model is a int; expected a model with named_parameters"
    ):
        gradient_flow(3)
    with pytest.raises(ArgumentError, match=r"gradient_flow: the path is '.*flow\.txt'; expected a name that ends in"):
        gradient_flow({"w": parameter(1.0)}, tmp_path / "flow.txt")
    with pytest.raises(ArgumentError, match="gradient_flow: there are no parameters"):
        gradient_flow({}, tmp_path / "flow.png")
    with pytest.raises(StorageError, match="cannot be written"):
        gradient_flow({"w": parameter(1.0)}, tmp_path / "nowhere" / "flow.png")


def test_without_matplotlib(monkeypatch, tmp_path):
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert gradient_flow({"w": parameter(1.0)})["w"].norm == 1.0
    with pytest.raises(
        MissingDependencyError, match=r"matplotlib is not installed; run: pip install 'gpugrad\[train\]'"
    ):
        gradient_flow({"w": parameter(1.0)}, tmp_path / "flow.png")


def test_importing_is_light(root):
    program = "import sys, gpugrad.inspection; print(sorted({'matplotlib', 'subprocess', 'shutil'} & set(sys.modules)))"
    plain = "import sys, numpy; print(sorted({'matplotlib', 'subprocess', 'shutil'} & set(sys.modules)))"
    found = [
        subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True).stdout
        for code in (program, plain)
    ]
    assert found[0] == found[1]
