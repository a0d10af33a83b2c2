"""python -m bench.train: everybody in one run, the targets, and processes of their own."""

import math
import os
from contextlib import closing

import numpy as np
import pytest

from bench import targets, train, turns
from bench.peers import apart as apart_module
from bench.peers import by_hand
from bench.peers.apart import Apart
from bench.peers.nets import NETS, Net
from bench.suites import train as train_suite
from bench.suites.task import Settings


@pytest.fixture(autouse=True)
def unpinned(monkeypatch):
    monkeypatch.setattr(train, "pin", lambda threads: None)


def test_everybody_s_line_and_the_targets_are_printed(capsys):
    words = ["--scale", "tiny", "--net", "0", "--threads", "1", "--peers", "numpy"]
    assert train.main(words) == 0
    text = capsys.readouterr().out
    for who in ("gpugrad", "gpugrad compiled", "gpugrad NumPy executor", "numpy"):
        assert text.count(f"  {who} ") >= 2
    assert "64-32-10, 32, sgd" in text and "numpy / it" in text and "not measured  geometric mean" in text


def test_check_fails_where_a_target_is_missed(monkeypatch, capsys):
    monkeypatch.setattr(targets, "targets", lambda found: [targets.Target("a ratio", 2.0, 1.0)])
    words = ["--scale", "tiny", "--net", "--peers", "none", "--threads", "1"]
    assert train.main(words) == 0 and train.main([*words, "--check"]) == 1
    assert "MISSED    1.00  a ratio >= 2" in capsys.readouterr().out


def test_the_names_of_our_ways_are_those_of_the_targets():
    from bench.peers import ours

    assert {targets.FAST, targets.ON_NUMPY} <= set(ours.TRAINERS) and set(ours.WAYS) == set(ours.TRAINERS)
    assert len(NETS) == 5


def test_a_process_of_its_own_takes_the_same_course():
    net, settings = Net((5, 4, 3), 6), Settings("full", seed=4)
    expected = train_suite.course(by_hand.trainer(net, "adam", np.float64), train_suite.batches(net, settings))
    with closing(Apart("numpy", net, "adam", 1, settings.seed)) as apart:
        train_suite.require_same_course("net", "numpy", apart.course, expected)
        assert 0 < apart.turn(turns.AT_ONCE) < math.inf
    assert apart.process.returncode == 0


def test_a_process_that_fails_is_an_error(monkeypatch):
    monkeypatch.setattr(apart_module.sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match=r"ended \(nobody\), exit code 1"):
        Apart("nobody", Net((5, 4, 3), 6), "adam", 1, 0)


def test_a_run_is_kept_to_its_processors(monkeypatch):
    from bench import pinning

    chosen = []
    monkeypatch.setattr(os, "sched_setaffinity", lambda who, which: chosen.append(which), raising=False)
    monkeypatch.setattr(pinning, "PROCESSORS", [0, 1, 2, 3])
    for name in pinning.POOLS:
        monkeypatch.setenv(f"{name}_NUM_THREADS", "7")
    monkeypatch.setenv("XLA_FLAGS", "--other")
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    pinning.pin(2)
    assert os.environ["XLA_FLAGS"] == "--other" and os.environ["OMP_NUM_THREADS"] == "2"
    pinning.pin(1)
    assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
    assert os.environ["XLA_FLAGS"] == "--other --xla_cpu_multi_thread_eigen=false"
    assert chosen == [[2, 3], [3]]
