"""Linear, Dropout, the activations as modules, Flatten, Identity; Sequential and MLP."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import nn
from gpugrad.errors import ArgumentError, ArgumentTypeError, IndexingError, ShapeError

X = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
ACTIVATIONS = {
    "ReLU": (),
    "LeakyReLU": (0.2,),
    "ELU": (0.7,),
    "SELU": (),
    "GELU": ("tanh",),
    "SiLU": (),
    "Mish": (),
    "Softplus": (),
    "Sigmoid": (),
    "Tanh": (),
    "Identity": (),
}


def test_linear_by_hand():
    m = nn.Linear(2, 1, rng=0)
    m.load_state_dict({"weight": [[2.0, 3.0]], "bias": [5.0]})
    m(gg.Tensor([[1.0, 10.0]])).sum().backward()
    assert float(m(np.array([1.0, 10.0])).detach()[0]) == 37.0
    assert m.weight.grad.tolist() == [[1, 10]]
    assert m.bias.grad.tolist() == [1]


def test_linear_starts_as_pytorchs():
    m = nn.Linear(100, 500, rng=0)
    for t in (m.weight, m.bias):
        values = t.detach().numpy()
        assert np.abs(values).max() <= 0.1
        assert np.abs(values).max() > 0.099
        assert values.std() == pytest.approx(0.1 / 3**0.5, rel=0.1)
    assert nn.Linear(2, 3, bias=False, rng=0).bias is None


def test_randomness_comes_from_rng_alone():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    a, b, c = nn.Linear(3, 2, rng=7), nn.Linear(3, 2, rng=np.random.default_rng(7)), nn.Linear(3, 2, rng=8)
    assert (a.weight.data == b.weight.data).all()
    assert (a.weight.data != c.weight.data).any()
    assert (nn.Linear(3, 2).weight.data != nn.Linear(3, 2).weight.data).any()
    assert (np.random.get_state()[1] == before).all()


def test_dropout_moves_on_and_is_reproducible():
    a, b = nn.Dropout(0.5, rng=3), nn.Dropout(0.5, rng=3)
    x = np.ones((20, 20), np.float32)
    first, second = a(x), a(x)
    assert (first != second).any()
    assert (b(x) == first).all()
    assert (b(x) == second).all()
    assert a.rng_state.tolist() == [3, 2]
    assert a.eval()(x) is x
    assert a.rng_state.tolist() == [3, 2]
    assert nn.Dropout(0.0, rng=0)(x) is x
    assert nn.Dropout(0.5, rng=np.random.default_rng(1)).rng_state[0] != nn.Dropout(0.5, rng=1).rng_state[0]


def test_dropout_layers_of_an_mlp_differ():
    m = nn.MLP([3, 8, 8, 2], dropout=0.5)
    seeds = [int(layer.rng_state[0]) for layer in m if isinstance(layer, nn.Dropout)]
    assert len(seeds) == len(set(seeds)) == 2


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    settings = {"approximate": "tanh"} if name == "GELU" else {}
    args = () if name == "GELU" else ACTIVATIONS[name]
    expected = getattr(torch.nn, name)(*args, **settings)(torch.from_numpy(X)).numpy()
    ours = getattr(nn, name)(*ACTIVATIONS[name])
    np.testing.assert_allclose(ours(X), expected, rtol=2e-6, atol=1e-6)
    assert repr(ours).startswith(f"{name}(")


def test_flatten():
    assert nn.Flatten()(np.ones((2, 3, 4))).shape == (2, 12)
    assert nn.Flatten(start_axis=0, end_axis=1)(np.ones((2, 3, 4))).shape == (6, 4)


def test_sequential_is_a_sequence():
    m = nn.Sequential(nn.Linear(3, 3, rng=0), nn.ReLU())
    m.append(nn.Linear(3, 1, rng=1))
    assert len(m) == 3
    assert [type(layer).__name__ for layer in m] == ["Linear", "ReLU", "Linear"]
    assert m[-1] is m[2]
    assert m[0:2][0] is m[0]
    assert type(m[1:]) is nn.Sequential
    assert m(X).shape == (4, 1)
    m[1] = nn.Tanh()
    assert isinstance(m[1], nn.Tanh)
    assert [name for name, _ in m.named_parameters()] == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_mlp_layout():
    m = nn.MLP([3, 4, 5, 2], activation="tanh", dropout=0.1, norm="layer", bias=False)
    names = [type(layer).__name__ for layer in m]
    assert names == ["Linear", "LayerNorm", "Tanh", "Dropout"] * 2 + ["Linear"]
    assert m(X).shape == (4, 2)
    assert [type(layer).__name__ for layer in nn.MLP([3, 2])] == ["Linear"]
    assert isinstance(nn.MLP([3, 4, 2], activation=nn.GELU)[1], nn.GELU)
    assert nn.MLP([3, 2], dtype="float64")[0].weight.dtype == np.float64
    assert (nn.MLP([3, 2])[0].weight.data == nn.MLP([3, 2])[0].weight.data).all()  # rng=0 unless said otherwise


def test_mlp_learns_xor():
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    t = np.array([0, 1, 1, 0])
    m = nn.MLP([2, 16, 2], activation="tanh")
    for _ in range(300):
        m.zero_grad()
        nn.cross_entropy(m(x), t).backward()
        for p in m.parameters():
            p.data -= 0.5 * p.grad.numpy()
    assert (m(x).detach().numpy().argmax(axis=1) == t).all()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.Linear(0, 3), ArgumentError, "Linear: in_features is 0; expected an int of at least 1"),
        (lambda: nn.Linear(3, 2.0), ArgumentError, "Linear: out_features is 2.0"),
        (lambda: nn.Linear(3, 2, rng="seed"), ArgumentTypeError, "rng: got 'seed'; expected a numpy.random.Generator"),
        (lambda: nn.Linear(3, 2, rng=-1), ArgumentTypeError, "rng: got -1"),
        (lambda: nn.Linear(4, 2, rng=0)(X), ShapeError, "linear"),
        (lambda: nn.Dropout(1.5), ArgumentError, "Dropout: p is 1.5; expected a probability"),
        (lambda: nn.Dropout(0.5, rng=2**64), ArgumentError, "rng: got 18446744073709551616; expected a seed below"),
        (lambda: nn.Sequential(nn.ReLU), ArgumentTypeError, r"got the class ReLU; expected a Module, such as ReLU\(\)"),
        (lambda: nn.Sequential(nn.ReLU(), np.tanh), ArgumentTypeError, "Sequential: got a ufunc"),
        (lambda: nn.Sequential(nn.ReLU())[1], IndexingError, "index 1 is out of range; it has 1 modules"),
        (lambda: nn.MLP([3]), ArgumentError, r"MLP: sizes is \[3\]; expected at least input and output"),
        (lambda: nn.MLP([3, 0, 2]), ArgumentError, r"MLP: sizes\[1\] is 0"),
        (lambda: nn.MLP([3, 2], activation="rely"), ArgumentError, "activation is 'rely'; expected one of relu, leaky"),
        (lambda: nn.MLP([3, 2], norm="group"), ArgumentError, "norm is 'group'; expected None, 'batch' or 'layer'"),
        (lambda: nn.MLP([3, 4, 2], dropout=-0.1), ArgumentError, "p is -0.1"),
        (lambda: nn.MLP([3, 2], device="tpu"), ArgumentError, "device: got 'tpu'"),
    ],
)
def test_wrong_inputs(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("sizes", [3, None, "34"])
def test_sizes_that_are_no_list(sizes):
    with pytest.raises(ArgumentTypeError, match=r"MLP: sizes is .*; expected a list, such as \[64, 128, 10\]"):
        nn.MLP(sizes)
