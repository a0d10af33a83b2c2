"""bench/ratio.py at tiny size: the two runs, the ratio, and the theory beside it."""

import numpy as np
import pytest

from bench import ratio, timing
from bench.timing import Spread


def test_theory_counts_products():
    assert ratio.theory(with_data=False) == 2 - 1 / ratio.LAYERS
    assert ratio.theory(with_data=True) == 2


def test_backward_is_what_both_take_beyond_forward():
    assert ratio.ratio_of(Spread([2.0, 4.0]), Spread([6.0, 12.0])).rounds == [2.0, 2.0]


@pytest.mark.parametrize("with_data", [False, True])
def test_each_run_starts_afresh(with_data):
    forward, both = ratio.runs_of(8, 4, with_data)
    assert forward().shape == ()
    first, second = both(), both()
    assert len(first) == 2 * ratio.LAYERS + with_data
    for a, b in zip(first, second, strict=True):
        assert np.abs(a.numpy()).max() > 0
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_the_table(monkeypatch, capsys):
    monkeypatch.setattr(timing, "ROUND_S", 1e-6)
    monkeypatch.setattr(ratio, "WIDTHS", (8,))
    monkeypatch.setattr(ratio, "BATCHES", (2, 4))
    assert ratio.main(["--rounds", "2"]) == 0
    head, products, names, *rows = capsys.readouterr().out.splitlines()
    assert "2 rounds" in head and products.startswith("products by theory: 1.75 for the weights")
    assert names.split()[:2] == ["width", "batch"]
    assert [row.split()[:2] for row in rows] == [["8", "2"], ["8", "4"]]
