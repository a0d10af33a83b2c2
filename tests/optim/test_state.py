"""Saved states: exact resuming, also through JSON, and refusals that change nothing."""

import copy
import json

import numpy as np
import pytest

from gpugrad import optim
from gpugrad.errors import CheckpointError
from tests.optim.rules import CASES, IDS

SHAPES = [(4, 3), (), (150, 120), (6,)]


def run(optimizer, params, grads, give):
    for g in grads:
        give(params, g)
        optimizer.step()


def through_json(state):
    """The numbers through JSON, the arrays beside it by number, as a checkpoint does."""
    arrays = []

    def out(value):
        if isinstance(value, np.ndarray):
            arrays.append(value.copy())
            return {"array": len(arrays) - 1}
        if isinstance(value, dict):
            return {k: out(v) for k, v in value.items()}
        return [out(v) for v in value] if isinstance(value, list) else value

    def back(value):
        if isinstance(value, dict):
            return arrays[value["array"]] if "array" in value else {k: back(v) for k, v in value.items()}
        return [back(v) for v in value] if isinstance(value, list) else value

    return back(json.loads(json.dumps(out(state), allow_nan=False)))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("name", "rule", "options"), CASES, ids=IDS)
def test_resuming_is_bit_exact(name, rule, options, dtype, parameters, give):
    rng = np.random.default_rng(5)
    grads = [[rng.standard_normal(shape).astype("float32") for shape in SHAPES] for _ in range(12)]
    for g in grads[2:9:3]:
        g[0] = g[2] = None
    undisturbed = parameters(*SHAPES, dtype=dtype)
    run(getattr(optim, name)(undisturbed, **options), undisturbed, grads, give)

    params = parameters(*SHAPES, dtype=dtype)
    first = getattr(optim, name)(params, **options)
    run(first, params, grads[:5], give)
    state = through_json(first.state_dict())
    saved = [p.data.copy() for p in params]
    run(first, params, grads[5:7], give)  # what is saved must not follow

    again = parameters(*SHAPES, dtype=dtype, seed=99)
    second = getattr(optim, name)(again, lr=123.0)
    for p, data in zip(again, saved, strict=True):
        p.data[...] = data
    second.load_state_dict(state)
    assert second.param_groups[0]["lr"] == options["lr"]
    run(second, again, grads[5:], give)
    for p, q in zip(undisturbed, again, strict=True):
        np.testing.assert_array_equal(p.data, q.data)


def test_layout(parameters, give):
    params = parameters((2, 3), (4,), (5,), dtype="float32")
    optimizer = optim.Adam([{"params": params[:2]}, {"params": params[2:], "lr": 0.5}])
    give(params, [np.ones((2, 3)), None, np.ones(5)])
    optimizer.step()
    state = optimizer.state_dict()
    shared = {"betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False}
    assert state["algorithm"] == "Adam"
    assert state["param_groups"] == [{"lr": 1e-3, **shared, "params": [0, 1]}, {"lr": 0.5, **shared, "params": [2]}]
    names = {"step", "exp_avg", "exp_avg_sq"}
    assert [set(entry) for entry in state["state"]] == [names, set(), names]
    np.testing.assert_allclose(state["state"][0]["exp_avg"], np.full((2, 3), 0.1), rtol=1e-6)
    np.testing.assert_allclose(state["state"][2]["exp_avg_sq"], np.full(5, 0.001), rtol=1e-5)


def broken(change):
    def apply(state):
        change(state)
        return state

    return apply


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (broken(lambda s: s.pop("state")), "lacks algorithm, param_groups or state"),
        (broken(lambda s: s.update(algorithm="SGD")), "the state is of 'SGD'; expected one of Adam"),
        (broken(lambda s: s["param_groups"].append(s["param_groups"][0])), r"groups of \[1, 1, 1\]"),
        (
            broken(lambda s: s["param_groups"][0].update(params=[0, 1])),
            r"groups of \[2, 1\] parameters; expected \[1, 1\]",
        ),
        (broken(lambda s: s["state"].pop()), "describes 1 parameters; expected 2"),
        (broken(lambda s: s["param_groups"][1].pop("eps")), "group 1 of the state lacks the option 'eps'"),
        (broken(lambda s: s["param_groups"][1].update(lr=-1.0)), "group 1 of the state: lr is -1.0"),
        (broken(lambda s: s["param_groups"][1].update(betas=[0.9])), "betas"),
        (broken(lambda s: s["state"][1].update(step=1.5)), "group 1, parameter 0 of the state: step is 1.5"),
        (broken(lambda s: s["state"][1].pop("exp_avg")), r"has the arrays \['exp_avg_sq'\]; expected"),
        (broken(lambda s: s["state"][1].update(master=np.zeros((4, 5)))), "'master'"),
        (broken(lambda s: s["state"][1].update(exp_avg=np.zeros((5, 4)))), r"exp_avg has shape \(5, 4\)"),
        (broken(lambda s: s["state"][1].update(exp_avg=np.zeros((4, 5), int))), "dtype int64"),
        (broken(lambda s: s["state"][1].update(exp_avg=[0.0])), "exp_avg has shape None"),
        (lambda s: None, "expected a state_dict"),
    ],
)
def test_refused_states_change_nothing(change, message, parameters, give):
    params = parameters((3,), (4, 5))
    optimizer = optim.Adam([{"params": params[:1]}, {"params": params[1:], "lr": 0.5}])
    give(params, [np.ones(3), np.ones((4, 5))])
    optimizer.step()
    before = optimizer.state_dict()
    other = optim.Adam([{"params": params[:1], "lr": 0.7}, {"params": params[1:], "lr": 0.9}])
    other.step()
    other.step()
    with pytest.raises(CheckpointError, match=message):
        optimizer.load_state_dict(change(copy.deepcopy(other.state_dict())))
    after = optimizer.state_dict()
    assert before["param_groups"] == after["param_groups"]
    for was, now in zip(before["state"], after["state"], strict=True):
        assert set(was) == set(now)
        for key in was:
            np.testing.assert_array_equal(was[key], now[key])


def test_loading_a_fresh_state_forgets_the_master_weights(parameters, give):
    params = parameters((3,), dtype="float16")
    fresh = optim.SGD(params, lr=1e-5).state_dict()
    optimizer = optim.SGD(params, lr=1e-5)
    for _ in range(2):
        before = params[0].data.astype("float32")
        give(params, [np.ones(3)])
        optimizer.step()  # too small a step to show in float16
        np.testing.assert_array_equal(optimizer.state_dict()["state"][0]["master"], before - np.float32(1e-5))
        optimizer.load_state_dict(fresh)


def test_loading_a_fresh_state_resets(parameters, give):
    params = parameters((3,))
    fresh = optim.Adam(params).state_dict()
    optimizer = optim.Adam(params)
    give(params, [np.ones(3)])
    optimizer.step()
    optimizer.load_state_dict(fresh)
    assert optimizer.state_dict()["state"] == [{}]
    start = params[0].data.copy()
    optimizer.step()
    np.testing.assert_allclose(params[0].data, start - 1e-3, rtol=1e-6)


STATE = {"algorithm": "SGD", "param_groups": [], "state": []}


@pytest.mark.parametrize(
    "state",
    [
        None,
        [],
        {**STATE, "param_groups": None},
        {**STATE, "param_groups": {"lr": 1}},
        {**STATE, "param_groups": [3]},
        {**STATE, "param_groups": [{"lr": 1}]},
        {**STATE, "param_groups": [{"params": 3}]},
        {**STATE, "param_groups": [{"params": [0]}], "state": None},
        {**STATE, "param_groups": [{"params": [0]}], "state": [None]},
        {**STATE, "param_groups": [{"params": [0]}], "state": {0: {}}},
    ],
    ids=str,
)
def test_states_of_a_wrong_kind(state, parameters):
    optimizer = optim.SGD(parameters((2,)))
    with pytest.raises(CheckpointError, match=r"SGD: .*state"):
        optimizer.load_state_dict(state)


def test_states_of_schedule_and_scaler_of_a_wrong_kind(parameters):
    schedule = optim.lr_scheduler.StepLR(optim.SGD(parameters((2,))), step_size=1)
    for part in (schedule, optim.GradScaler()):
        with pytest.raises(CheckpointError, match="the state is a NoneType"):
            part.load_state_dict(None)
