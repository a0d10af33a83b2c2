"""Initialisers: their distributions, in place, from a given generator."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad.errors import ArgumentError, ArgumentTypeError, DTypeError, GradientError, ShapeError
from gpugrad.nn import init

OUT, IN = 300, 200
STD = {
    "xavier_uniform_": (2 / (IN + OUT)) ** 0.5,
    "xavier_normal_": (2 / (IN + OUT)) ** 0.5,
    "kaiming_uniform_": (2 / IN) ** 0.5,
    "kaiming_normal_": (2 / IN) ** 0.5,
}


def weight(*shape, dtype="float32"):
    return gg.Tensor(np.zeros(shape), requires_grad=True, dtype=dtype)


@pytest.mark.parametrize("name", STD)
def test_standard_deviations(name):
    t = weight(OUT, IN)
    assert getattr(init, name)(t, rng=0) is t
    values = t.detach().numpy()
    assert values.std() == pytest.approx(STD[name], rel=0.02)
    assert abs(values.mean()) < 4 * STD[name] / values.size**0.5
    limit = 3**0.5 * STD[name]
    assert (np.abs(values).max() <= limit * 1.000001) == name.endswith("uniform_")
    assert t.requires_grad
    assert t.is_leaf


def test_mode_gain_and_slope():
    fan_out = init.kaiming_normal_(weight(OUT, IN), mode="fan_out", nonlinearity="linear", rng=0).detach().numpy()
    assert fan_out.std() == pytest.approx(OUT**-0.5, rel=0.02)
    as_linear = init.kaiming_uniform_(weight(OUT, IN), a=5**0.5, rng=0).detach().numpy()
    assert np.abs(as_linear).max() == pytest.approx(IN**-0.5, rel=1e-3)  # the bound that Linear starts with
    doubled = init.xavier_normal_(weight(OUT, IN), gain=2.0, rng=0).detach().numpy()
    np.testing.assert_allclose(doubled, 2 * init.xavier_normal_(weight(OUT, IN), rng=0).detach().numpy(), rtol=1e-6)
    assert init.fans(weight(4, 3, 5)) == (15, 20)


@pytest.mark.parametrize("nonlinearity", ["linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"])
def test_gains_are_pytorchs(nonlinearity):
    torch = pytest.importorskip("torch")
    a = 0.3 if nonlinearity == "leaky_relu" else 0.0
    expected = torch.nn.init.calculate_gain(nonlinearity, a)
    assert init.gain_of(nonlinearity, a) == pytest.approx(expected, rel=1e-12)


def test_plain_fills():
    t = weight(3, 2)
    assert (init.ones_(t).data == 1).all()
    assert (init.zeros_(t).data == 0).all()
    assert (init.constant_(t, 0.5).data == 0.5).all()
    low, high = init.uniform_(weight(50, 50), 2.0, 3.0, rng=0).data.min(), t.data.max()
    assert low >= 2.0
    assert high == 0.5
    normal = init.normal_(weight(100, 100), 5.0, 0.1, rng=0).data
    assert normal.mean() == pytest.approx(5.0, abs=0.01)
    assert normal.std() == pytest.approx(0.1, rel=0.05)


def test_a_generator_moves_on_and_a_seed_repeats():
    rng = np.random.default_rng(3)
    first, second = (init.normal_(weight(4, 4), rng=rng).data for _ in range(2))
    assert (first != second).any()
    assert (init.normal_(weight(4, 4), rng=3).data == first).all()


@pytest.mark.parametrize("dtype", ["float16", "float64", "bfloat16"])
def test_dtype_is_kept(dtype):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    t = weight(3, 3, dtype=dtype)
    assert init.normal_(t, rng=0).dtype.name == dtype


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: init.xavier_uniform_(weight(3)), ShapeError, r"a tensor of shape \(3,\) has no fan"),
        (lambda: init.kaiming_normal_(weight(3, 3), mode="fan_avg"), ArgumentError, "mode is 'fan_avg'"),
        (lambda: init.kaiming_normal_(weight(3, 3), nonlinearity="gelu"), ArgumentError, "nonlinearity is 'gelu'"),
        (lambda: init.zeros_(np.zeros(3)), ArgumentTypeError, "zeros_: got a ndarray; expected a Tensor"),
        (lambda: init.ones_(gg.Tensor([1, 2])), DTypeError, "ones_: the tensor has dtype int64"),
        (lambda: init.zeros_(weight(2, 2) * 1.0), GradientError, "zeros_: the tensor is part of a recording"),
        (lambda: init.normal_(weight(2, 2), rng=True), ArgumentTypeError, "rng: got True"),
    ],
)
def test_wrong_inputs(call, error, message):
    with pytest.raises(error, match=message):
        call()
