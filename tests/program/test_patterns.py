"""Groups of calls with a kernel of their own are found in real training steps, and nothing that only looks like one."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import nn, ops, optim
from gpugrad.ops.cross_entropy import cross_entropy_index, cross_entropy_index_grad
from gpugrad.ops.linear import outer_sum
from gpugrad.program.recording import record

from .pattern_steps import NARROW, PATTERNS, WIDE, changed, data, names, training


@pytest.mark.parametrize("passes", [PATTERNS, ("patterns",)])
@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", "silu", "sigmoid", "leaky_relu", "elu", "softplus"])
def test_a_wide_layer_is_one_call_forward_and_one_backward(activation, passes):
    model = nn.MLP(list(WIDE), activation=activation, rng=0)
    found = changed(training(model), data(WIDE), passes)
    assert found == ["linear_act", "linear", "cross_entropy_mean", "linear_vjp", "linear_vjp"]


@pytest.mark.parametrize("loss", ["cross_entropy", "mse_loss"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
def test_a_narrow_net_is_one_call(activation, loss):
    model = nn.MLP(list(NARROW), activation=activation, rng=0)
    assert changed(training(model, loss), data(NARROW, loss)) == ["mlp_step"]
    assert changed(training(model, loss), data(NARROW, loss), ("patterns",)) == ["mlp_step"]


def test_without_biases_too():
    model = nn.Sequential(nn.Linear(8, 16, bias=False, rng=0), nn.ReLU(), nn.Linear(16, 4, bias=False, rng=1))
    assert changed(training(model), data(NARROW)) == ["mlp_step"]
    wide = nn.Sequential(nn.Linear(8, 300, bias=False, rng=0), nn.ReLU(), nn.Linear(300, 4, bias=False, rng=1))
    found = changed(training(wide), data(WIDE))
    assert found == ["linear_act", "linear", "cross_entropy_mean", "linear_vjp", "linear_vjp"]


@pytest.mark.parametrize("loss", ["cross_entropy", "mse_loss"])
def test_dropout_stays_between_the_fused_layers(loss):
    model = nn.MLP(list(NARROW), activation="gelu", dropout=0.25, rng=0)
    found = changed(training(model, loss), data(NARROW, loss))
    assert found.count("linear_act") == 2 and found.count("linear_vjp") == 3 and "mlp_step" not in found
    assert found.count("dropout") == 4 and ("cross_entropy_mean" in found) == (loss == "cross_entropy")


def test_the_optimizer_s_update_stays_as_it_is():
    model = nn.MLP(list(NARROW), rng=0)
    optimizer = optim.Adam(model.parameters(), lr=0.1)

    def step(x, y):
        loss, _ = training(model)(x, y)
        optimizer.step()
        return loss

    before = names(record(step, data(NARROW), {}).program)
    after = changed(step, data(NARROW))
    assert "mlp_step" in after and after.count("sqrt") == before.count("sqrt") > 0


def test_a_square_matrix_as_it_lies_is_not_taken_for_its_transpose():
    delta, x, w = np.random.default_rng(0).standard_normal((3, 4, 4))
    for axes, found in (((1, 0), ["linear_vjp"]), ((0, 1), ["transpose", "linear", "outer_sum"])):

        def f(delta, x, w, axes=axes):
            return ops.linear(delta, ops.transpose(w, axes)), outer_sum(delta, x)

        step = gg.compile(f, passes=("patterns",))
        for got, want in zip(step(delta, x, w), f(delta, x, w), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-12)
        assert names(step._entries[0].plan.program) == found


def test_gradients_are_not_taken_together_before_all_that_they_read_is_there():
    delta, x, w = np.random.default_rng(0).standard_normal((3, 4, 4))

    def step(delta, x, w):
        through = ops.linear(delta, ops.transpose(w))
        return through, outer_sum(delta, ops.tanh(x) + through[0, 0])

    assert "linear_vjp" not in changed(step, (delta, x, w), ("patterns",), 1e-12)


def test_a_slope_of_other_labels_is_not_that_of_the_loss():
    z, target = np.random.default_rng(0).normal(size=(6, 4)), np.arange(6) % 4

    def step(z, target, other):
        losses, p = cross_entropy_index(z, target)
        return losses.mean(), cross_entropy_index_grad(ops.ones_like(losses) / 6, p, other)

    assert "cross_entropy_mean" not in changed(step, (z, target, (target + 1) % 4), PATTERNS, 1e-12)
    assert "cross_entropy_mean" in changed(lambda z, target: step(z, target, target), (z, target), PATTERNS, 1e-12)


def test_a_mean_over_the_samples_of_one_output_keeps_its_shape():
    model = nn.MLP([8, 16, 16, 1], rng=0)

    def step(x, y):
        model.zero_grad()
        d = model(x) - y
        value = (d * d).mean(axis=0)
        value.sum().backward()
        return value, [p.grad for p in model.parameters()]

    assert "mlp_step" not in changed(step, data((8, 1), "mse_loss"))


def test_a_loss_alone_has_the_pattern_too():
    model = nn.MLP(list(WIDE), rng=0)
    found = changed(lambda x, y: nn.cross_entropy(model(x), y), data(WIDE))
    assert found == ["linear_act", "linear", "cross_entropy_mean"]


def test_a_loss_that_is_scaled_keeps_its_factor():
    step = training(nn.MLP(list(WIDE), rng=0), scale=0.25)
    found = changed(step, data(WIDE))
    assert "cross_entropy_mean" in found and found.count("multiply") == 2
    assert "cross_entropy_mean" in changed(step, data(WIDE), ("patterns",))


def test_a_scaled_loss_of_two_bytes_is_left_alone():
    """The slope of the mean, p / N, would underflow before it is scaled."""
    model = nn.MLP(list(NARROW), rng=0).to("float16")
    x, y = data(NARROW)
    found = changed(training(model, scale=1024.0), (x.astype("f2"), y), exact=2e-2)
    assert "cross_entropy_index_grad" in found and "cross_entropy_mean" not in found


def test_logits_that_are_returned_stay():
    model = nn.MLP(list(NARROW), rng=0)

    def step(x, y):
        model.zero_grad()
        z = model(x)
        nn.cross_entropy(z, y).backward()
        return z, [p.grad for p in model.parameters()]

    found = changed(step, data(NARROW))
    assert "mlp_step" not in found and found.count("linear_act") == 2


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_a_value_before_the_activation_that_is_read_elsewhere_stays(activation):
    model, bend = nn.Linear(8, 300, rng=0), getattr(ops, activation)

    def f(x, y):
        z = model(x)
        return bend(z).sum() + z.sum()

    found = changed(f, data(WIDE))
    assert ("linear_act" in found) == (activation == "gelu")  # which keeps it for its derivative


def test_a_delta_that_is_read_elsewhere_stays():
    """z = x w^T + s: the cotangent of z is that of s, which is returned."""
    w = np.random.default_rng(1).normal(size=(300, 8)).astype("f4")

    def f(x, y):
        def loss(w, s):
            return (ops.relu(ops.linear(x, w) + s) ** 2).sum()

        return gg.grad(loss, argnums=(0, 1))(w, ops.linear(x, w))

    found = changed(f, data(WIDE))
    assert "relu_grad" in found and "linear_vjp" not in found and "outer_sum" in found


def test_a_mean_over_another_axis_or_a_sum_is_no_mean_of_losses():
    def step(reduce):
        model = nn.Linear(8, 4, rng=0)

        def f(x, y):
            return gg.grad(lambda z: reduce(nn.cross_entropy(z.reshape(6, 4, 4), y.reshape(6, 4), reduction="none")))(
                model(x)
            )

        return f

    assert "cross_entropy_mean" in changed(step(lambda v: v.mean()), data(WIDE))
    for reduce in (lambda v: v.sum(), lambda v: v.mean(axis=0).sum(), lambda v: (v * v).mean()):
        assert "cross_entropy_mean" not in changed(step(reduce), data(WIDE))
    for axis, keepdims in ((0, False), (1, False), ((0, 1), True)):

        def f(x, y, axis=axis, keepdims=keepdims):
            losses = nn.cross_entropy(x.reshape(6, 4, 8), y.reshape(6, 4), reduction="none")
            return ops.mean(losses, axis=axis, keepdims=keepdims)

        assert "cross_entropy_mean" not in changed(f, data(WIDE))


@pytest.mark.parametrize(
    "options",
    [{"label_smoothing": 0.1}, {"weight": np.arange(1, 5, dtype="f4")}, {"reduction": "sum"}],
    ids=["smoothing", "weights", "sum"],
)
def test_other_cross_entropies_are_not_taken_for_the_mean(options):
    model = nn.MLP(list(NARROW), rng=0)
    found = changed(training(model, **options), data(NARROW))
    assert not {"cross_entropy_mean", "mlp_step"} & set(found) and found.count("linear_vjp") == 3


def test_a_weight_of_two_layers_is_no_narrow_net():
    rng = np.random.default_rng(0)
    params = [rng.normal(size=shape).astype("f4") / 4 for shape in ((16, 16), (16,), (4, 16), (4,))]

    def step(x, y, *params):
        def loss(w, b, w_last, b_last):
            h = ops.relu(ops.linear(ops.relu(ops.linear(x, w, b)), w, b))
            return nn.cross_entropy(ops.linear(h, w_last, b_last), y)

        return gg.value_and_grad(loss, argnums=(0, 1, 2, 3))(*params)

    found = changed(step, (*data((16, 16, 4)), *params))
    assert "mlp_step" not in found and found.count("linear_act") == 2 and found.count("linear_vjp") == 3


def test_a_squared_error_that_is_scaled_is_no_narrow_net():
    step = training(nn.MLP(list(NARROW), rng=0), "mse_loss", scale=3.0)
    assert "mlp_step" not in changed(step, data(NARROW, "mse_loss"))


@pytest.mark.parametrize("which", ["weight", "bias"])
def test_a_frozen_parameter_is_no_narrow_net(which):
    model = nn.MLP(list(NARROW), rng=0)
    getattr(model[2] if hasattr(model, "__getitem__") else list(model.children())[2], which).requires_grad_(False)
    found = changed(training(model), data(NARROW))
    assert "mlp_step" not in found and found.count("linear_vjp") >= 2


def test_a_gradient_by_the_input_is_no_narrow_net():
    model = nn.MLP(list(NARROW), rng=0)
    found = changed(lambda x, y: gg.grad(lambda x: nn.cross_entropy(model(x), y))(x), data(NARROW))
    assert "mlp_step" not in found and "linear_act" in found


def test_second_derivatives_keep_their_values():
    model = nn.MLP([8, 300, 4], activation="tanh", rng=0)

    def f(x, y):
        return gg.hvp(lambda x: nn.cross_entropy(model(x), y), (x,), (ops.ones_like(x),))

    changed(f, data(WIDE))


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_a_dtype_the_narrow_kernel_has_not(dtype):
    model = (
        nn.MLP(list(NARROW), rng=0).astype(dtype)
        if hasattr(nn.MLP, "astype")
        else nn.MLP(list(NARROW), rng=0).to(dtype)
    )
    x, y = data(NARROW)
    found = changed(training(model), (x.astype(dtype), y), exact=2e-2 if dtype == "float16" else 1e-12)
    assert "mlp_step" not in found and found.count("linear_vjp") == 3
