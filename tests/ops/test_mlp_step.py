"""mlp_loss: what the specs do not cover, the activations, second derivatives, and errors."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import nn, ops
from gpugrad.errors import ArgumentError, ShapeError
from gpugrad.ops.mlp_step import ACTIVATIONS, mlp_loss

rng = np.random.default_rng(0)
X, LABELS = rng.normal(size=(6, 4)), rng.integers(0, 3, 6)
WEIGHTS, BIASES = [rng.normal(size=(5, 4)), rng.normal(size=(3, 5))], [rng.normal(size=5), rng.normal(size=3)]
CLASS_WEIGHT = np.array([0.5, 1.0, 2.0])


def by_layers(activation, weights, biases, x=X, **options):
    h = getattr(ops, activation)(ops.linear(x, weights[0], biases[0]), **options)
    return ops.linear(h, weights[1], biases[1])


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_each_activation_with_its_usual_parameters(activation):
    both = [
        gg.value_and_grad(lambda w: mlp_loss(X, LABELS, w, BIASES, activation=activation))(WEIGHTS),
        gg.value_and_grad(lambda w: nn.losses.cross_entropy(by_layers(activation, w, BIASES), LABELS))(WEIGHTS),
    ]
    np.testing.assert_allclose(*(value for value, _ in both), rtol=1e-13)
    for a, b in zip(both[0][1], both[1][1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weight", [None, CLASS_WEIGHT])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_cross_entropy_is_that_of_nn(smoothing, weight, reduction):
    how = {"reduction": reduction, "label_smoothing": smoothing}
    got = mlp_loss(X, LABELS, WEIGHTS, BIASES, activation="tanh", class_weight=weight, **how)
    want = nn.losses.cross_entropy(by_layers("tanh", WEIGHTS, BIASES), LABELS, weight=weight, **how)
    np.testing.assert_allclose(got, want, rtol=1e-13)


@pytest.mark.parametrize(
    ("loss", "scale"),
    [(nn.losses.squared_l2_loss, 1.0), (nn.losses.half_squared_l2_loss, 0.5), (nn.losses.mse_loss, 1 / 3)],
)
def test_squared_error_with_its_scales(loss, scale):
    target = rng.normal(size=(6, 3))
    got = mlp_loss(X, target, WEIGHTS, BIASES, loss="squared_error", scale=scale)
    np.testing.assert_allclose(got, loss(by_layers("relu", WEIGHTS, BIASES), target), rtol=1e-13)


def test_second_derivatives_take_the_ordinary_graph():
    def fused(w):
        return mlp_loss(X, LABELS, [w, WEIGHTS[1]], BIASES, activation="tanh", label_smoothing=0.1)

    def plain(w):
        z = by_layers("tanh", [w, WEIGHTS[1]], BIASES)
        return nn.losses.cross_entropy(z, LABELS, label_smoothing=0.1)

    np.testing.assert_allclose(gg.hessian(fused)(WEIGHTS[0]), gg.hessian(plain)(WEIGHTS[0]), rtol=1e-10, atol=1e-13)


def test_an_input_that_moves_takes_the_ordinary_graph():
    got = gg.grad(lambda x: mlp_loss(x, LABELS, WEIGHTS, BIASES, activation="gelu"))(X)
    want = gg.grad(lambda x: nn.losses.cross_entropy(by_layers("gelu", WEIGHTS, BIASES, x), LABELS))(X)
    np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"activation": "rely"}, ArgumentError, "rely.*expected one of relu"),
        ({"activation": "relu", "alpha": 2.0}, ArgumentError, "alpha.*expected options among"),
        ({"loss": "hinge"}, ArgumentError, "hinge.*expected a loss"),
        ({"reduction": "none"}, ArgumentError, "none.*'mean' or 'sum'"),
        ({"biases": BIASES[:1]}, ShapeError, "2 weights and 1 biases"),
        ({"biases": [None, BIASES[1]]}, ShapeError, "2 weights and 1 biases"),
        ({"weights": []}, ShapeError, "0 weights"),
        ({"weights": WEIGHTS[::-1]}, ShapeError, "linear"),
    ],
)
def test_errors(change, error, says):
    with pytest.raises(error, match=says):
        mlp_loss(X, LABELS, **{"weights": WEIGHTS, "biases": BIASES, **change})
