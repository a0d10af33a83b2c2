"""C10, the data-batch identity: the gradient of the mean loss is the mean of the per-sample gradients (FCV 14.11).

It holds for any split into shards weighted by their sums of weights, as long as samples do not know of each other.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gpugrad as gg
from gpugrad import nn, ops

N, N_IN, N_OUT = 12, 4, 3
RNG = np.random.default_rng(5)
X, LABELS, TARGETS = RNG.normal(size=(N, N_IN)), RNG.integers(0, N_OUT, N), RNG.normal(size=(N, N_OUT))
WEIGHTS = np.array([0.5, 2.0, 3.25])  # of the classes


def network(middle=None):
    """Two linear layers with tanh, and `middle` between them."""
    first, second = (nn.Linear(n, m, dtype="float64", rng=n) for n, m in ((N_IN, 5), (5, N_OUT)))
    return nn.Sequential(first, nn.Tanh(), middle or nn.Identity(), second)


def gradient(model, rows, loss):
    """All gradients of the mean loss over these rows, in one vector."""
    model.zero_grad()
    loss(model(X[rows]), rows).backward()
    return np.concatenate([p.grad.numpy().ravel() for p in model.parameters()])


LOSSES = {
    "cross entropy": (lambda z, rows: nn.cross_entropy(z, LABELS[rows]), lambda rows: len(rows)),
    "weighted classes": (
        lambda z, rows: nn.cross_entropy(z, LABELS[rows], weight=WEIGHTS),
        lambda rows: WEIGHTS[LABELS[rows]].sum(),
    ),
    "label smoothing": (
        lambda z, rows: nn.cross_entropy(z, LABELS[rows], label_smoothing=0.1),
        lambda rows: len(rows),
    ),
    "squared L2": (lambda z, rows: nn.squared_l2_loss(z, TARGETS[rows]), lambda rows: len(rows)),
    "half squared L2": (lambda z, rows: nn.half_squared_l2_loss(z, TARGETS[rows]), lambda rows: len(rows)),
    "mean squared error": (lambda z, rows: nn.mse_loss(z, TARGETS[rows]), lambda rows: len(rows)),
    "L1": (lambda z, rows: nn.l1_loss(z, TARGETS[rows]), lambda rows: len(rows)),
    "Huber": (lambda z, rows: nn.huber_loss(z, TARGETS[rows]), lambda rows: len(rows)),
    "binary cross entropy": (
        lambda z, rows: nn.binary_cross_entropy_with_logits(z, (TARGETS[rows] > 0).astype(float)),
        lambda rows: len(rows),
    ),
}


def test_c10_by_hand():
    # y = w x, squared error, w = 1: x = [1, 2, 3], targets 2: residuals [-1, 0, 1];
    # per-sample gradients 2 r x = [-2, 0, 6], their mean 4/3
    x, y = np.array([[1.0], [2.0], [3.0]]), np.full((3, 1), 2.0)
    for rows, expected in (([0], -2.0), ([1], 0.0), ([2], 6.0), ([0, 1, 2], 4 / 3), ([1, 2], 3.0)):
        got = gg.grad(lambda w, r: nn.squared_l2_loss(x[r] * w, y[r]))(1.0, rows)
        np.testing.assert_allclose(got, expected, rtol=1e-15)
    # and by shards {0} and {1, 2}: (1 * -2 + 2 * 3) / 3 = 4 / 3


@pytest.mark.parametrize("name", LOSSES)
def test_c10_the_gradient_of_the_mean_is_the_mean_of_the_gradients(name):
    loss, weight = LOSSES[name]
    model = network()
    whole = gradient(model, np.arange(N), loss)
    each = [np.array([i]) for i in range(N)]
    weighted = sum(weight(rows) * gradient(model, rows, loss) for rows in each) / weight(np.arange(N))
    np.testing.assert_allclose(weighted, whole, rtol=1e-12, atol=1e-14)


def test_c10_the_mean_of_per_sample_grad():
    model = network(nn.LayerNorm(5, dtype="float64"))
    with gg.no_grad():
        each = gg.per_sample_grad(lambda m, x, t: nn.cross_entropy(m(x[None]), t[None]))(model, X, LABELS)
    means = np.concatenate([p.mean(0).numpy().ravel() for p in each.parameters()])
    whole = gradient(model, np.arange(N), LOSSES["cross entropy"][0])
    np.testing.assert_allclose(means, whole, rtol=1e-12, atol=1e-14)


@given(st.data())
@pytest.mark.parametrize("name", LOSSES)
def test_c10_any_split_into_shards(name, data):
    loss, weight = LOSSES[name]
    model = network(nn.LayerNorm(5, dtype="float64"))
    order = np.array(data.draw(st.permutations(range(N))))
    cuts = sorted(data.draw(st.sets(st.integers(1, N - 1), max_size=5)))
    shards = np.split(order, cuts)
    whole = gradient(model, np.arange(N), loss)
    weighted = sum(weight(rows) * gradient(model, rows, loss) for rows in shards) / weight(np.arange(N))
    np.testing.assert_allclose(weighted, whole, rtol=1e-11, atol=1e-13)


def test_c10_shards_that_are_not_weighted_do_not_do():
    loss, _ = LOSSES["cross entropy"]
    model = network()
    whole = gradient(model, np.arange(N), loss)
    plain = (gradient(model, np.arange(2), loss) + gradient(model, np.arange(2, N), loss)) / 2
    assert np.abs(plain - whole).max() > 1e-3


# --- the exceptions: layers that let samples of a batch know of each other


def difference_by_shards(model):
    """How far the weighted gradients of two halves are from the whole batch's."""
    loss, _ = LOSSES["cross entropy"]
    whole = gradient(model, np.arange(N), loss)
    halves = (gradient(model, np.arange(6), loss) + gradient(model, np.arange(6, N), loss)) / 2
    return np.abs(halves - whole).max()


def test_c10_batch_norm_in_training_is_an_exception_and_in_evaluation_is_not():
    model = network(nn.BatchNorm1d(5, dtype="float64"))
    assert difference_by_shards(model) > 1e-3  # mean and variance are those of the shard
    assert difference_by_shards(model.eval()) < 1e-14


def test_c10_dropout_that_is_not_keyed_by_sample_is_an_exception():
    model = network(nn.Dropout(0.5, rng=7))
    assert difference_by_shards(model) > 1e-3  # each pass draws a mask by position
    assert difference_by_shards(model.eval()) < 1e-14


def test_c10_dropout_keyed_by_sample_is_none():
    batch = []  # which samples stand in it

    class Keyed(nn.Module):
        """The mask of a sample is named by the sample, wherever in a batch it stands."""

        def forward(self, h):
            return ops.stack([ops.dropout(h[i], 7, sample, p=0.5) for i, sample in enumerate(batch)])

    model = network(Keyed())
    loss, _ = LOSSES["cross entropy"]

    def of(rows):
        batch[:] = rows.tolist()
        return gradient(model, rows, loss)

    whole, order = of(np.arange(N)), np.arange(N)[::-1]
    np.testing.assert_allclose((of(order[:4]) * 4 + of(order[4:]) * 8) / N, whole, rtol=1e-12, atol=1e-14)
