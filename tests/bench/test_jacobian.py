"""bench/jacobian.py at tiny size: what it counts, fits and draws; and bench/timing.py's exponents on made-up times."""

import numpy as np
import pytest

from bench import jacobian, timing
from bench.timing import Spread


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(timing, "ROUND_S", 1e-6)
    for name, value in {"WIDTH": 16, "LAYERS": 2, "SIZES": (4, 8, 16), "OTHER": 6, "CHUNKS": (16, 5)}.items():
        monkeypatch.setattr(jacobian, name, value)


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.5])
def test_exponents_of_exact_powers(exponent):
    sizes = (64, 128, 256, 1024)
    spreads = [Spread([c * n**exponent for c in (1.0, 3.0, 0.2)]) for n in sizes]
    assert timing.exponents(sizes, spreads).rounds == pytest.approx([exponent] * 3)


def test_an_exponent_between_two_powers_is_the_least_squares_one():
    sizes, times = (1, 2, 4), (1.0, 2.0, 16.0)
    line = np.polyfit(np.log(sizes), np.log(times), 1)
    assert timing.exponents(sizes, [Spread([t, t]) for t in times]).median == pytest.approx(line[0])


def test_the_function_costs_the_same_for_every_size(tiny):
    for n, m in ((4, 16), (16, 4)):
        y = jacobian.network(n, m)(np.ones(n))
        assert y.shape == (m,)
        jacobian.require_agreement(n, m)


def test_a_wrong_mode_is_found(tiny, monkeypatch):
    right = jacobian.run_of

    def wrong(n, m, mode):
        return lambda: right(n, m, mode)() * (1.001 if mode == "forward" else 1.0)

    monkeypatch.setattr(jacobian, "run_of", wrong)
    with pytest.raises(AssertionError, match="Not equal"):
        jacobian.require_agreement(4, 8)


def test_the_vectors_are_counted(tiny):
    assert jacobian.vectors(jacobian.run_of(4, 16, "auto")) == "4 forward in 1"
    assert jacobian.vectors(jacobian.run_of(16, 4, "auto")) == "4 reverse in 1"
    assert jacobian.vectors(jacobian.run_of(16, 16, "forward", 5)) == "16 forward in 4"


def test_the_tables_and_the_picture(tiny, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    image = tmp_path / "cost.png"
    assert jacobian.main(["--rounds", "2", "--image", str(image)]) == 0
    out = capsys.readouterr().out
    assert "forward mode: time grows as n to the power" in out and "reverse mode: time grows as m to the power" in out
    assert out.count("; by theory 1\n") == out.count("; by theory 0\n") == 2
    assert "6 reverse in 1\n" in out and "16 forward in 4\n" in out
    assert image.read_bytes().startswith(b"\x89PNG")
