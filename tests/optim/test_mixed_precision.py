"""float32 master weights of 2-byte parameters, and loss scaling."""

import json

import numpy as np
import pytest

from gpugrad import Tensor, optim
from gpugrad.errors import ArgumentError, CheckpointError, GradientError
from gpugrad.optim import GradScaler

ml_dtypes = pytest.importorskip("ml_dtypes")
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
NARROW = pytest.mark.parametrize("dtype", ["float16", "bfloat16"])


def least_squares(dtype):
    rng = np.random.default_rng(6)
    x = rng.standard_normal((64, 4)).astype("float32")
    y = x @ np.array([1.0, -2.0, 3.0, -4.0], "float32")
    w = Tensor(np.array([1.5, -1.5, 2.5, -4.5], "float32").astype(dtype), requires_grad=True)
    return w, x, y


def gradient(w, x, y):
    wide = w.data.astype("float32")
    return (x.T @ (x @ wide - y) / len(x)).astype(w.dtype)


def test_bfloat16_does_not_stall_where_a_plain_update_does(give):
    """Near the solution the steps are below half a unit in bfloat16's 8 bits; the master weights add them up."""
    w, x, y = least_squares(BFLOAT16)
    optimizer = optim.SGD([w], lr=1e-3)
    for _ in range(6000):
        give([w], [gradient(w, x, y)])
        optimizer.step()
    plain, _, _ = least_squares(BFLOAT16)
    for _ in range(6000):
        step = np.float32(1e-3) * gradient(plain, x, y).astype("float32")
        plain.data = (plain.data.astype("float32") - step).astype(BFLOAT16)
    target = np.array([1.0, -2.0, 3.0, -4.0])
    errors = [np.abs(t.data.astype("float64") - target).max() for t in (w, plain)]
    assert errors[0] <= 2**-6  # one unit of bfloat16 at 4 is 2^-5
    assert errors[1] > 0.2


@NARROW
def test_parameters_are_the_rounded_master(dtype, parameters, give):
    params = parameters((300, 50), (7,), dtype=dtype)
    exact = [Tensor(p.data.astype("float32"), requires_grad=True) for p in params]
    narrow, wide = (optim.AdamW(ps, lr=1e-3) for ps in (params, exact))
    rng = np.random.default_rng(7)
    for _ in range(20):
        grads = [rng.standard_normal(p.shape).astype(p.dtype) for p in params]
        give(params, grads)
        give(exact, grads)
        narrow.step()
        wide.step()
    for p, q, entry in zip(params, exact, narrow.state_dict()["state"], strict=True):
        np.testing.assert_array_equal(entry["master"], q.data)
        np.testing.assert_array_equal(p.data, q.data.astype(p.dtype))
        assert entry["exp_avg"].dtype == np.float32


@NARROW
def test_values_written_by_others_are_taken_over(dtype, parameters, give):
    (p,) = params = parameters((4,), dtype=dtype)
    optimizer = optim.SGD(params, lr=2.0**-14)
    give(params, [np.ones(4)])
    optimizer.step()
    p.data[1] = 8.0
    master = optimizer.state_dict()["state"][0]["master"]
    optimizer.step()
    expected = master - np.float32(2.0**-14)
    expected[1] = 8.0 - 2.0**-14
    np.testing.assert_array_equal(optimizer.state_dict()["state"][0]["master"], expected)


def test_scaler_by_hand(give):
    w = Tensor([1.0, 2.0], requires_grad=True)
    optimizer = optim.SGD([w], lr=0.5)
    scaler = GradScaler(init_scale=8.0, growth_interval=2)
    loss = scaler.scale((w * w).sum())
    assert float(loss) == 40.0
    loss.backward()
    assert w.grad.tolist() == [16.0, 32.0]
    assert scaler.step(optimizer) is True
    assert w.grad.tolist() == [2.0, 4.0]
    assert w.tolist() == [0.0, 0.0]
    scaler.update()
    assert scaler.get_scale() == 8.0
    scaler.step(optimizer)
    scaler.update()
    assert scaler.get_scale() == 16.0  # two good steps


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_overflow_skips_the_step_and_lowers_the_scale(bad, parameters, give):
    params = parameters((3,), (2, 2))
    optimizer, scaler = optim.Adam(params), GradScaler(init_scale=1024.0, growth_interval=2)
    give(params, [np.ones(3), np.ones((2, 2))])
    scaler.step(optimizer)
    scaler.update()
    before = [p.data.copy() for p in params]
    give(params, [np.ones(3), [[1, 2], [bad, 4]]])
    assert scaler.step(optimizer) is False
    scaler.update()
    for p, old in zip(params, before, strict=True):
        np.testing.assert_array_equal(p.data, old)
    assert [entry["step"] for entry in optimizer.state_dict()["state"]] == [1, 1]
    assert scaler.get_scale() == 512.0
    assert scaler.state_dict() == {"scale": 512.0, "growth_tracker": 0}


def test_small_float16_gradients_survive_unscaling():
    """2^-26 is below float16's smallest number, 2^-24; scaled by 2^10 it is not, and unscaled it must not come back."""
    w = Tensor(np.array([2.0, 4.0], "float16"), requires_grad=True)
    optimizer, scaler = optim.SGD([w], lr=1.0), GradScaler(init_scale=2.0**10)
    tiny = 2.0**-26
    loss = (w.astype("float32") * tiny).sum()
    scaler.scale(loss).backward()
    assert w.grad.dtype == np.float16
    scaler.step(optimizer)
    assert w.grad.dtype == np.float32 and w.grad.tolist() == [tiny, tiny]
    master = optimizer.state_dict()["state"][0]["master"]
    np.testing.assert_array_equal(master, np.array([2.0 - tiny, 4.0 - tiny], "float32"))


def test_float16_training_with_scaling():
    w, x, y = least_squares("float16")
    optimizer, scaler = optim.SGD([w], lr=0.05), GradScaler()
    skipped = 0
    with np.errstate(over="ignore"):
        for _ in range(400):
            error = (Tensor(x.astype("float16")) @ w).astype("float32") - y
            loss = (error * error).mean()
            optimizer.zero_grad()
            scaler.scale(loss).backward()
            skipped += not scaler.step(optimizer)
            scaler.update()
    np.testing.assert_allclose(w.data, [1, -2, 3, -4], atol=5e-3)
    assert 0 < skipped < 20


def test_disabled_scaler_passes_everything_through(parameters, give):
    params = parameters((2,))
    optimizer, scaler = optim.SGD(params, lr=1.0), GradScaler(enabled=False)
    start = params[0].data.copy()
    loss = params[0].sum()
    assert scaler.scale(loss) is loss and scaler.get_scale() == 1.0
    loss.backward()
    scaler.unscale_(optimizer)
    assert scaler.step(optimizer)
    scaler.update()
    np.testing.assert_array_equal(params[0].data, start - 1)


def test_unscaling_a_recorded_gradient_is_dated(parameters):
    (w,) = params = parameters((3,))
    (w * w * w).sum().backward(create_graph=True)
    y = (w.grad * w.grad).sum()
    GradScaler().unscale_(optim.SGD(params))
    with pytest.raises(GradientError, match="overwritten"):
        y.backward()


def test_two_optimizers_are_skipped_apart(parameters, give):
    a, b = parameters((2,), (2,))
    first, second, scaler = optim.SGD([a]), optim.SGD([b]), GradScaler(init_scale=4.0)
    give([a, b], [np.ones(2), [1, np.inf]])
    assert scaler.step(first) and not scaler.step(second)
    scaler.update()
    assert scaler.get_scale() == 2.0


def test_scaler_state_and_refusals(parameters, give):
    params = parameters((2,))
    optimizer, scaler = optim.SGD(params), GradScaler(init_scale=4.0)
    give(params, [np.ones(2)])
    with pytest.raises(GradientError, match="no step"):
        scaler.update()
    scaler.unscale_(optimizer)
    with pytest.raises(GradientError, match="called twice"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    other = GradScaler()
    other.load_state_dict(json.loads(json.dumps(scaler.state_dict())))
    assert other.state_dict() == scaler.state_dict() == {"scale": 4.0, "growth_tracker": 1}
    with pytest.raises(CheckpointError, match="scale None"):
        other.load_state_dict({})
    for wrong in ({"init_scale": 0}, {"growth_factor": 1}, {"backoff_factor": 1}, {"growth_interval": 0}):
        with pytest.raises(ArgumentError, match=next(iter(wrong))):
            GradScaler(**wrong)
