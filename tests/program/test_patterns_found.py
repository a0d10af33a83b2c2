"""Random nets give what they give without the patterns; on the stand-in for a device a step takes fewer launches."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gpugrad as gg
from gpugrad import nn, ops, optim
from tests.host_cuda.fixture import host

from .pattern_steps import BOTH, NARROW, PATTERNS, WIDE, changed, data, training

__all__ = ["host"]

ACTIVATIONS = ["relu", "tanh", "gelu", "silu", "softplus", "sin"]
LAYERS = st.lists(
    st.tuples(st.sampled_from(ACTIVATIONS), st.sampled_from(["", "skip", "show", "dropout", "share", "no bias"])),
    min_size=1,
    max_size=4,
)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(LAYERS, st.sampled_from(["mean", "sum", "twice", "mse"]), st.sampled_from([PATTERNS, ("patterns",), BOTH]))
def test_random_nets_give_what_they_give_without(layers, loss, passes):
    rng = np.random.default_rng(len(layers))
    params = [rng.normal(size=s).astype("f4") / 2 for _ in layers for s in ((6, 6), (6,))]
    x, y = rng.normal(size=(5, 6)).astype("f4"), rng.integers(0, 6, 5)

    def net(x, y, *params):
        h, shown = x, []
        for i, (activation, extra) in enumerate(layers):
            w = params[0] if extra == "share" else params[2 * i]
            z = ops.linear(h, w, None if extra == "no bias" else params[2 * i + 1])
            bent = getattr(ops, activation)(z)
            shown += [z.sum(), bent.mean()] if extra == "show" else []
            h = bent + h if extra == "skip" else ops.where(h > 0, bent, 0.0) if extra == "dropout" else bent
        if loss == "mse":
            return nn.mse_loss(h, x) + sum(shown)
        value = nn.cross_entropy(h, y, reduction="sum" if loss == "sum" else "mean")
        return value + (nn.cross_entropy(2 * h, y) if loss == "twice" else 0) + sum(shown)

    step = gg.value_and_grad(net, argnums=tuple(range(2, 2 + len(params))))
    changed(step, (x, y, *params), passes, exact=1e-4)


# On the stand-in for a device.


def launches(host, sizes, passes, act="relu", loss="cross_entropy"):
    """(kernels of ours in a step with Adam, its loss)."""
    model = nn.MLP(list(sizes), activation=act, rng=0).to("cuda")
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    x, y = (host.array(a) for a in data(sizes, loss))

    def step(x, y):
        optimizer.zero_grad()
        value = getattr(nn, loss)(model(x), y)
        value.backward()
        optimizer.step()
        return value

    compiled = gg.compile(step, executor="list", passes=passes)
    losses, n_before = [], 0
    for _ in range(3):
        n_before = len(host.launches)
        losses.append(float(host.numpy(compiled(x, y).data)))
    return len(host.launches) - n_before, losses


@pytest.mark.parametrize(("sizes", "before", "after"), [((64, 64, 64, 10), 16, 3), ((20, 300, 300, 10), 16, 12)])
def test_fewer_launches_make_the_same_step(host, sizes, before, after):
    n_before, want = launches(host, sizes, ())
    n_after, got = launches(host, sizes, BOTH)
    assert (n_before, n_after) == (before, after)
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_what_no_kernel_covers_becomes_one_launch(host):
    n_before, want = launches(host, WIDE, (), "gelu", "mse_loss")
    n_patterns, _ = launches(host, WIDE, ("patterns",), "gelu", "mse_loss")
    n_after, got = launches(host, WIDE, BOTH, "gelu", "mse_loss")
    assert host.launched("pointwise") == 3 and n_after == n_patterns + 1 < n_before  # it was CuPy's four before
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_the_printed_program_names_what_was_found(host):
    model = nn.MLP(list(NARROW), rng=0)
    step = gg.compile(training(model), executor="list", passes=["patterns"])
    step(*data(NARROW))
    text = step.explain()
    assert "passes: patterns; 1 calls" in text and "= mlp_step(x0, x1, None, s0" in text
    default = gg.compile(training(model), executor="list")
    default(*data(NARROW))
    assert "mlp_step" not in default.explain()  # on the CPU only where it is asked for
