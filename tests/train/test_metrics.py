"""Accuracy and R^2, added up by batch, beside their definitions."""

import numpy as np
import pytest

from gpugrad.train import R2, Accuracy


def test_accuracy_by_hand():
    metric = Accuracy()
    assert np.isnan(metric.value)
    metric.update(np.array([[3.0, 1.0], [0.0, 2.0]]), np.array([0, 0]))
    metric.update(np.array([[0.0, 1.0]]), np.array([1]))
    assert metric.value == 2 / 3


def test_r2_is_the_definition_however_it_is_cut():
    rng = np.random.default_rng(0)
    y = rng.normal(5, 2, (100, 3)).astype(np.float32)
    y_hat = y + rng.normal(0, 1, (100, 3)).astype(np.float32)
    error, spread = ((y - y_hat) ** 2).sum(0), ((y - y.mean(0)) ** 2).sum(0)
    metric = R2()
    for part in np.split(np.arange(100), [1, 40, 97]):
        metric.update(y_hat[part], y[part])
    assert metric.value == pytest.approx(float((1 - error / spread).mean()), rel=1e-5)


def test_r2_of_a_constant_target_is_nan():
    metric = R2()
    assert np.isnan(metric.value)
    metric.update(np.zeros((3, 1)), np.full((3, 1), 0.1))
    assert np.isnan(metric.value)


@pytest.mark.parametrize(("kind", "targets"), [(Accuracy, np.arange(6) % 2), (R2, np.arange(12.0).reshape(6, 2))])
def test_counts_go_on_from_their_state(kind, targets):
    outputs = np.random.default_rng(1).normal(size=(6, 2))
    whole, first, second = kind(), kind(), kind()
    for rows in (slice(0, 4), slice(4, 6)):
        whole.update(outputs[rows], targets[rows])
    second.load_state_dict(first.state_dict())
    first.update(outputs[:4], targets[:4])
    second.load_state_dict(first.state_dict())
    second.update(outputs[4:], targets[4:])
    assert second.value == whole.value
