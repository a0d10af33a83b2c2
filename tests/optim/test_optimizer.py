"""Groups, skipped parameters, where the writes go, and what is refused."""

import copy
import tracemalloc

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import Tensor, optim
from gpugrad.errors import ArgumentError, ArgumentTypeError, DTypeError, GradientError, ShapeError
from tests.optim.rules import adam


def test_groups_have_their_own_options(parameters, give):
    a, b = parameters((2,), (3,))
    before = [a.data.copy(), b.data.copy()]
    optimizer = optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.1)
    give([a, b], [np.ones(2), np.ones(3)])
    optimizer.step()
    np.testing.assert_allclose(a.data, before[0] - 0.1)
    np.testing.assert_allclose(b.data, before[1] - 0.5)
    optimizer.param_groups[1]["lr"] = 0.0
    optimizer.step()
    np.testing.assert_allclose(b.data, before[1] - 0.5)


def test_mixed_dtypes_and_layouts_in_one_group(parameters, give):
    a, b = parameters((3, 4), dtype="float32") + parameters((5,))
    c = Tensor(np.arange(12.0).reshape(3, 4).T, requires_grad=True)
    d = Tensor(np.float32(2.0), requires_grad=True)
    big, turned = Tensor(np.ones((100, 300)), requires_grad=True), Tensor(np.ones((100, 300)).T, requires_grad=True)
    params = [a, b, c, d, big, turned]
    before, arrays = [p.data.copy() for p in params], [p.data for p in params]
    optimizer = optim.SGD(params, lr=0.5)
    give(params, [np.ones(p.shape) for p in params])
    optimizer.step()
    for p, old in zip(params, before, strict=True):
        np.testing.assert_array_equal(p.data, old - np.asarray(0.5, old.dtype))
        assert p.dtype == old.dtype
    kept = [p.data is array for p, array in zip(params, arrays, strict=True)]
    assert kept == [True, True, True, False, True, True]  # a NumPy scalar cannot be written, so it became a 0-d array


def test_a_parameter_without_gradient_is_skipped_and_keeps_its_count(parameters, give):
    params = parameters((3,), (4,), (5, 2))
    rng = np.random.default_rng(3)
    optimizer = optim.Adam(params, lr=0.1)
    given = [[], [], []]
    starts = [p.data.copy() for p in params]
    for present in [(1, 1, 0), (0, 1, 1), (1, 1, 1), (0, 0, 0), (1, 0, 1), (1, 1, 1)]:
        grads = [rng.standard_normal(p.shape) if here else None for p, here in zip(params, present, strict=True)]
        for kept, g in zip(given, grads, strict=True):
            kept += [] if g is None else [g]
        give(params, grads)
        optimizer.step()
    for p, start, grads in zip(params, starts, given, strict=True):
        np.testing.assert_allclose(p.data, adam(start, grads, lr=0.1)[-1], rtol=1e-10)
    assert [entry["step"] for entry in optimizer.state_dict()["state"]] == [4, 4, 4]


def test_frozen_parameters_are_left_alone(parameters, give):
    a, b = parameters((2,), (2,))
    give([a, b], [np.ones(2), np.ones(2)])
    b.requires_grad_(False)
    before = b.data.copy()
    optimizer = optim.AdamW([a, b])
    optimizer.step()
    optimizer.zero_grad()
    assert a.grad is None and b.grad is None
    np.testing.assert_array_equal(b.data, before)


def test_a_parameter_given_another_array_is_followed(parameters, give):
    params = parameters((3,), (200, 100))
    give(params, [np.ones(3), np.ones((200, 100))])
    optimizer = optim.SGD(params, lr=0.5, momentum=0.9)
    optimizer.step()
    for p in params:
        p.data = np.zeros_like(p.data)
    optimizer.step()
    for p in params:
        np.testing.assert_allclose(p.data, -0.5 * 1.9)  # the buffer stayed: 0.9 + 1
    params[0].data = np.zeros(4)
    with pytest.raises(ArgumentError, match=r"group 0, parameter 0 is now .*\(4,\).*make the optimizer"):
        optimizer.step()


def test_zero_grad(parameters, give):
    (p,) = params = parameters((2,))
    optimizer = optim.SGD(params, lr=0.1)
    give(params, [np.ones(2)])
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.tolist() == [0.0, 0.0]
    optimizer.zero_grad()
    assert p.grad is None
    optimizer.step()


def test_momentum_may_be_switched_on_later(parameters, give):
    params = parameters((2,))
    start = params[0].data.copy()
    give(params, [np.ones(2)])
    optimizer = optim.SGD(params, lr=0.1)
    optimizer.step()
    optimizer.param_groups[0]["momentum"] = 0.5
    optimizer.step()
    optimizer.step()
    np.testing.assert_allclose(params[0].data, start - 0.1 * (1 + 1 + 1.5))


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop"])
def test_a_step_allocates_nothing(name, parameters, give):
    params = parameters((300, 200), (300,), (10, 300), (10,), dtype="float32")
    give(params, [np.ones(p.shape) for p in params])
    optimizer = getattr(optim, name)(params, lr=1e-3, weight_decay=1e-2)
    optimizer.step()
    tracemalloc.start()
    try:
        optimizer.step()
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        optimizer.step()
        assert tracemalloc.get_traced_memory()[1] - before < 4096
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("shape", [(4, 3), (200, 300)])
def test_a_step_between_forward_and_backward_is_caught(shape, parameters, give):
    (w,) = params = parameters(shape)
    give(params, [np.ones(shape)])
    y = (w * w).sum()
    optim.SGD(params, lr=0.1).step()
    with pytest.raises(GradientError, match="overwritten"):
        y.backward()
    (w * w).sum().backward()


def test_a_step_on_others_leaves_a_graph_sweepable(parameters, give):
    a, b = parameters((3,), (3,))
    give([a, b], [np.ones(3), None])
    y = (b * b).sum()
    optim.SGD([a, b], lr=0.1).step()
    y.backward()
    np.testing.assert_allclose(b.grad.data, 2 * b.data)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": -0.1}, r"group 0: lr is -0.1; expected a number of 0 or more"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"lr": float("inf")}, "lr is inf"),
        ({"lr": "fast"}, "lr is 'fast'"),
        ({"weight_decay": -1}, "weight_decay is -1"),
    ],
)
def test_options_out_of_range(name, options, message, parameters):
    with pytest.raises(ArgumentError, match=message):
        getattr(optim, name)(parameters((2,)), **options)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: optim.SGD(p, momentum=-0.5), "momentum is -0.5"),
        (lambda p: optim.SGD(p, nesterov=True), "expected momentum above 0"),
        (lambda p: optim.SGD(p, momentum=0.9, dampening=0.1, nesterov=True), "no dampening"),
        (lambda p: optim.Adam(p, betas=(0.9, 1.0)), r"betas is \(0.9, 1.0\)"),
        (lambda p: optim.Adam(p, betas=0.9), r"betas is 0.9; expected two numbers"),
        (lambda p: optim.Adam(p, eps=-1e-8), "eps is -1e-08"),
        (lambda p: optim.RMSprop(p, alpha=1.5), r"alpha is 1.5; expected 0 <= alpha < 1"),
        (lambda p: optim.Adam([]), r"Adam: params is empty; expected .*model.parameters\(\)"),
        (lambda p: optim.Adam([{"params": []}]), "group 0 has no params"),
        (lambda p: optim.Adam([{"lr": 0.1}]), "group 0 has no params"),
        (lambda p: optim.Adam([*p, *p]), "group 0, parameter 1 came before"),
        (lambda p: optim.Adam([{"params": p}, {"params": p}]), "group 1, parameter 0 came before"),
        (lambda p: optim.Adam([{"params": p, "learning_rate": 1}]), "unknown option 'learning_rate'"),
        (lambda p: optim.Adam([{"params": p, "lr": -1}]), "lr is -1"),
        (lambda p: optim.Adam([p[0] * 2]), r"is computed from other tensors; expected a leaf"),
    ],
)
def test_refused(make, message, parameters):
    with pytest.raises(ArgumentError, match=message):
        make(parameters((2,)))


def test_refused_types(parameters):
    (p,) = parameters((2,))
    for params in (p, p.data, {"params": [p]}):
        with pytest.raises(ArgumentTypeError, match="expected a list"):
            optim.SGD(params)
    with pytest.raises(ArgumentTypeError, match="parameter 0 is a ndarray; expected a Tensor"):
        optim.SGD([p.data])
    with pytest.raises(ArgumentTypeError, match="parameter 1 is a tuple"):
        optim.SGD([p, ("w", p)])
    with pytest.raises(DTypeError, match="dtype int64"):
        optim.SGD([Tensor([1, 2])])
    with pytest.raises(ArgumentError, match="read-only"):
        optim.SGD([Tensor(np.broadcast_to(1.0, (3,)), requires_grad=True)])
    optimizer = optim.SGD([p])
    with pytest.raises(ArgumentTypeError, match="cannot be copied or pickled"):
        copy.deepcopy(optimizer)


def test_a_gradient_of_another_shape_is_refused_before_anything_is_written(parameters, give):
    params = parameters((2,), (3,))
    before = [p.data.copy() for p in params]
    give(params, [np.ones(2), np.ones(3)])
    params[1].grad.data = np.ones(1)
    with pytest.raises(ShapeError, match=r"parameter 1 has shape \(3,\) and its gradient \(1,\)"):
        optim.SGD(params).step()
    for p, old in zip(params, before, strict=True):
        np.testing.assert_array_equal(p.data, old)


def test_a_refused_group_is_not_added(parameters):
    a, b = parameters((2,), (3,))
    optimizer = optim.SGD([a])
    with pytest.raises(ArgumentError):
        optimizer.add_param_group({"params": [b, a]})
    assert len(optimizer.param_groups) == 1
    optimizer.add_param_group({"params": [b], "lr": 1.0})
    assert optimizer.param_groups[1]["lr"] == 1.0


def test_training_a_small_net_lowers_the_loss(parameters):
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((64, 5)), rng.standard_normal((64, 1))
    for kind in (optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop):
        w1, b1, w2 = params = parameters((8, 5), (8,), (1, 8))
        optimizer = kind(params, lr=0.01)
        losses = []
        for _ in range(60):
            error = gg.ops.tanh(x @ w1.T + b1) @ w2.T - y
            loss = (error * error).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss))
        assert losses[-1] < 0.9 * losses[0], kind


def test_parameters_of_which_none_can_learn_are_refused(parameters):
    with pytest.raises(ArgumentError, match=r"SGD: no parameter requires a gradient.*requires_grad_\(\)"):
        optim.SGD([Tensor(np.ones(3))])
    frozen = Tensor(np.ones(3))
    assert len(optim.SGD([*parameters((2,)), frozen]).param_groups[0]["params"]) == 2
