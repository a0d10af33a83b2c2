"""bench/peers: which take part, and that each trains and multiplies as NumPy in float64 does."""

import json
import sys

import numpy as np
import pytest

from bench.overhead import operands
from bench.peers import by_hand, cold, ours, registry
from bench.peers.nets import Net, batches_of, bytes_of, flop_of, forward, n_params, parameters_of
from bench.suites import products
from bench.suites import train as train_suite
from bench.suites.overhead import as_array, expected, parts
from bench.suites.row import BenchError

# Those that import in well under a second; bench/bench_suites.py runs all that are installed.
LIGHT = ("numpy", "autograd", "mygrad")


@pytest.fixture(scope="module")
def peers():
    working, _ = registry.find(list(LIGHT), threads=1, scale="tiny")
    return {"gpugrad": ours, **working}


def test_a_missing_peer_is_named_with_the_command_that_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "autograd", None)
    monkeypatch.delitem(sys.modules, "bench.peers.with_autograd", raising=False)
    working, missing = registry.find(["autograd", "numpy"], threads=1, scale="quick")
    assert list(working) == ["numpy"]
    assert missing == {"autograd": "not installed (autograd): pip install 'gpugrad[bench]'"}


def test_a_peer_that_is_broken_says_why(monkeypatch):
    def broken(threads):
        raise RuntimeError("no usable devices\nsecond line")

    monkeypatch.setattr(by_hand, "set_threads", broken)
    assert registry.find(["numpy"], 1, "quick") == (
        {},
        {"numpy": "does not work here: RuntimeError: no usable devices"},
    )


def test_torch_compile_is_left_to_the_full_suite(monkeypatch):
    monkeypatch.setattr(registry, "PEERS", {"torch.compile": registry.PEERS["torch.compile"]})
    assert "full suite" in registry.find(None, 1, "quick")[1]["torch.compile"]


def test_an_unknown_peer_is_refused():
    with pytest.raises(BenchError, match="--peers: pytorch not known; expected some of torch"):
        registry.find(["pytorch"], 1, "quick")


@pytest.mark.filterwarnings("ignore")
def test_overhead_cases_give_the_same_values(peers):
    for who, peer in peers.items():
        for case, run in peer.overhead_cases(8).items():
            np.testing.assert_allclose(as_array(run()), expected(case, 8), rtol=2e-3, err_msg=f"{who}: {case}")


@pytest.mark.parametrize("kind", ["matmul", "matmul_vjp", "linear_vjp"])
def test_products_agree(peers, kind):
    arrays = products.Product(kind, (0, 4, 3, 2)).arrays(np.random.default_rng(0))
    wanted = parts(by_hand.product(kind, tuple(a.astype(float) for a in arrays))())
    for who, peer in peers.items():
        if hasattr(peer, "product"):
            for found, right in zip(parts(peer.product(kind, arrays)()), wanted, strict=True):
                np.testing.assert_allclose(as_array(found), right, rtol=1e-5, atol=1e-6, err_msg=who)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["matmul", "matmul_vjp", "linear_vjp"])
def test_jax_multiplies_in_the_dtype_of_its_arrays(kind, dtype):
    pytest.importorskip("jax")
    jax = pytest.importorskip("bench.peers.with_jax", exc_type=ImportError)
    arrays = products.Product(kind, (0, 4, 3, 2), dtype).arrays(np.random.default_rng(0))
    wanted = parts(by_hand.product(kind, tuple(a.astype(float) for a in arrays))())
    tolerance = products.TOLERANCE[dtype]
    for found, right in zip(parts(jax.product(kind, arrays)()), wanted, strict=True):
        assert as_array(found).dtype == dtype
        np.testing.assert_allclose(as_array(found), right, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("net", [Net((5, 4, 3), 6), Net((5, 4, 1), 6)], ids=str)
def test_trainers_go_the_same_way(peers, net, optimizer):
    batches = batches_of(net, np.random.default_rng(0), 3)
    right = train_suite.course(by_hand.trainer(net, optimizer, np.float64), batches)
    makers = {**ours.TRAINERS, **{who: peer.trainer for who, peer in peers.items() if hasattr(peer, "trainer")}}
    assert len(makers) >= 3
    for who, make in makers.items():
        train_suite.require_same_course(str(net), who, train_suite.course(make(net, optimizer), batches), right)


def test_the_float64_step_is_right_by_differences():
    """The reference of all others: its first SGD step is -lr times the loss's slope."""
    net = Net((3, 4, 2), 5)
    (batch,) = batches_of(net, np.random.default_rng(1), 1)
    losses, _ = train_suite.course(by_hand.trainer(net, "sgd", np.float64), [batch])
    assert len(losses) == train_suite.N_CHECKED
    start = [p.astype(float) for p in parameters_of(net)]

    def loss(w0):
        z = forward([w0, *start[1:]], batch[0].astype(float))
        return np.mean(np.log(np.exp(z).sum(1)) - z[np.arange(5), batch[1]])

    trainer = by_hand.trainer(net, "sgd", np.float64)
    assert trainer.step(*trainer.put(*batch)) == pytest.approx(loss(start[0]))
    moved = (trainer.weights()[0] - start[0])[1, 2]
    up, down = start[0].copy(), start[0].copy()
    up[1, 2] += 1e-6
    down[1, 2] -= 1e-6
    assert moved == pytest.approx(-1e-3 * (loss(up) - loss(down)) / 2e-6, rel=1e-4)


def test_work_of_a_net():
    net = Net((3, 4, 2), 5)
    assert n_params(net) == 3 * 4 + 4 + 4 * 2 + 2
    assert flop_of(net) == 2 * 5 * (2 * 3 * 4 + 3 * 4 * 2)
    assert bytes_of(net, "sgd") == 4 * (5 * 3 + 2 * 26)


def test_a_cold_process_trains_to_its_target(tmp_path, capsys):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 3)).astype(np.float32)
    y = (x.sum(1) > 0).astype(int)
    data = {"x": x, "y": y, "x_test": x, "y_test": y, "sizes": [3, 8, 2], "batch": 8, "accuracy": 0.9}
    np.savez(tmp_path / "data.npz", **data)
    cold.main("numpy", str(tmp_path / "data.npz"), 0.0)
    found = json.loads(capsys.readouterr().out)
    assert found["reached"] >= 0.9 and found["steps"] % 8 == 0 and found["peak"] > 10_000_000


def test_operands_are_the_same_for_all():
    np.testing.assert_array_equal(operands(8)[0], operands(8)[0])
