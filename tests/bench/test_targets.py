"""bench/targets.py: which ratios count, and when a target is missed."""

import pytest

from bench import targets
from bench.peers.nets import NETS, OPTIMIZERS
from bench.suites.row import Stat, row_of
from bench.targets import BY_HAND, FAST, ON_NUMPY


def stat(seconds, spread=0.0):
    return Stat(seconds, seconds * (1 - spread), seconds * (1 + spread), 7)


def some_cells(**times):
    given = {FAST: stat(1.0), ON_NUMPY: stat(2.0), BY_HAND: stat(4.0), "torch": stat(20.0), "scikit-learn": stat(30.0)}
    return {f"{net}, {optimizer}": {**given, **times} for net in NETS for optimizer in OPTIMIZERS}


def by_name(found):
    return {target.what: target for target in found}


def test_the_rivals_are_torch_compile_and_jax_alone():
    times = some_cells(jax=stat(3.0), autograd=stat(0.1))[f"{NETS[0]}, sgd"]
    assert targets.best(times) == "jax"
    assert targets.ratio(times, FAST) == 3.0 and targets.ratio(times, ON_NUMPY) == 1.5
    assert targets.ratio(times, FAST, BY_HAND) == 4.0 and targets.ratio(times, FAST, "mygrad") is None


def test_a_run_that_reaches_everything():
    found = targets.targets(some_cells(jax=stat(3.0)))
    assert len(found) == 2 + 2 + 4 + 10 and not any(target.missed for target in found)
    assert str(found[0]).startswith("met       3.00  geometric mean")


@pytest.mark.parametrize(
    ("times", "missed"),
    [
        ({"jax": stat(1.2)}, "over gpugrad compiled >= 1.3"),
        ({"jax": stat(1.5)}, "over gpugrad NumPy executor >= 0.85"),
        ({"torch": stat(9.0)}, "64-32-10, 32, adam: torch over gpugrad compiled >= 10"),
        ({"scikit-learn": stat(4.0)}, "784-128-10, 64, sgd: scikit-learn over gpugrad compiled >= 5"),
        ({"jax": stat(0.9)}, "16-64-64-1, 8192, sgd: the best of"),
    ],
)
def test_each_target_can_be_missed(times, missed):
    found = [str(target) for target in targets.targets(some_cells(**times)) if target.missed]
    assert any(missed in text and text.startswith("MISSED") for text in found)


def test_a_loss_within_the_spread_is_none():
    assert targets.beyond_spread({FAST: stat(1.0, 0.1), "jax": stat(0.95, 0.1)}) > 1
    assert targets.beyond_spread({FAST: stat(1.0, 0.01), "jax": stat(0.95, 0.01)}) < 1


def test_who_did_not_take_part_misses_nothing():
    found = targets.targets({"net, sgd": {FAST: stat(1.0)}})
    assert not any(target.missed for target in found) and str(found[0]).startswith("not measured  geometric mean")


def test_the_ways_of_a_cell_are_one_cell():
    times = {"gpugrad": [2.0, 2.0], FAST: [1.0, 1.0], "jax": [3.0, 3.0]}
    rows = [
        row_of("train", "4-2", times, params={"batch": 3, "optimizer": "sgd", "way": w}, ours=o)
        for w, o in (("eager", "gpugrad"), ("compiled", FAST))
    ]
    assert list(targets.cells(rows)) == ["4-2, 3, sgd"]


def test_the_first_net_s_targets_are_not_those_of_others():
    found = {name: times for name, times in some_cells().items() if name.startswith(str(NETS[4]))}
    assert len(targets.targets(found)) == 2 + 2
