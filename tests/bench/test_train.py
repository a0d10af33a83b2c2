"""bench/train.py: every run starts from the same parameters and has the same losses."""

import pytest

from bench import train
from bench.train import NETS, Net


@pytest.mark.parametrize("optimizer", train.OPTIMIZERS)
@pytest.mark.parametrize("net", [NETS[0], Net((5, 4, 1), 16)], ids=str)
def test_the_runs_have_the_same_losses(net, optimizer, monkeypatch):
    monkeypatch.delitem(train.STEPS, "torch", raising=False)
    runs = train.runs_of(net, optimizer)
    assert list(runs) == ["compiled", "eager"]
    assert abs(float(runs["compiled"]()) - float(runs["eager"]())) < 1e-5


def test_a_table_is_printed(capsys, monkeypatch):
    monkeypatch.delitem(train.STEPS, "torch", raising=False)
    train.main(["--rounds", "2", "--net", "0"])
    text = capsys.readouterr().out
    assert "64-32-10, 32 sgd" in text and "compiled" in text
