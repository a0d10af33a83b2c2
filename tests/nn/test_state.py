"""state_dict and load_state_dict: PyTorch's names, all or nothing, every fault in one message."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import nn
from gpugrad.errors import CheckpointError


def test_round_trip_and_copies():
    a, b = nn.MLP([3, 4, 2], norm="batch", rng=0), nn.MLP([3, 4, 2], norm="batch", rng=1)
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    a(x)
    state = a.state_dict()
    assert b.load_state_dict(state) == ([], [])
    assert (a.eval()(x).detach().numpy() == b.eval()(x).detach().numpy()).all()
    state["0.weight"][:] = 7  # a copy: neither model sees it
    assert not (a[0].weight.data == 7).any()
    assert not (b[0].weight.data == 7).any()


def test_loading_keeps_tensors_arrays_and_dtypes():
    m = nn.Linear(2, 2, rng=0)
    weight, array = m.weight, m.weight.data
    m.load_state_dict({"weight": np.ones((2, 2)), "bias": gg.Tensor([1, 2])})
    assert m.weight is weight
    assert m.weight.data is array  # in place: an optimizer may hold a view of it
    assert m.weight.dtype == m.bias.dtype == np.float32
    assert m.bias.tolist() == [1, 2]


def test_loading_between_forward_and_backward_is_noticed():
    m = nn.Linear(2, 2, rng=0)
    x = gg.Tensor(np.ones((1, 2), np.float32), requires_grad=True)
    y = m(x).sum()
    m.load_state_dict(m.state_dict())
    with pytest.raises(gg.errors.GradientError, match="overwritten in place"):
        y.backward()


def test_every_fault_in_one_message_and_nothing_loaded():
    m = nn.MLP([3, 4, 2])
    before = m.state_dict()
    state = {"0.weight": np.ones((4, 3)), "0.bias": np.ones(5), "2.weight": np.array("text"), "head": np.ones(1)}
    with pytest.raises(CheckpointError) as caught:
        m.load_state_dict(state)
    message = str(caught.value)
    assert message.startswith(
        "load_state_dict: missing 2.bias; unexpected head; 0.bias has shape (5,), expected (4,); "
    )
    assert "2.weight has shape (), expected (2, 4)" in message
    assert message.endswith("nothing was loaded")
    assert all((before[name] == value).all() for name, value in m.state_dict().items())


def test_not_strict():
    m = nn.MLP([3, 4, 2])
    missing, unexpected = m.load_state_dict({"0.bias": np.ones(4), "head": 1}, strict=False)
    assert missing == ["0.weight", "2.weight", "2.bias"]
    assert unexpected == ["head"]
    assert m[0].bias.tolist() == [1, 1, 1, 1]
    with pytest.raises(CheckpointError, match=r"0\.bias has shape \(5,\)"):  # a shape that differs is always a fault
        m.load_state_dict({"0.bias": np.ones(5)}, strict=False)


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (np.ones(2, complex), "bias has dtype complex128, expected one that converts to float32"),
        (np.array(["a", "b"]), "bias has dtype <U1"),
        ([[1.0], [1.0, 2.0]], "bias cannot be read as an array"),
    ],
)
def test_values_that_are_no_numbers(value, fault):
    with pytest.raises(CheckpointError, match=fault):
        nn.Linear(3, 2, rng=0).load_state_dict({"weight": np.ones((2, 3)), "bias": value})


def test_tied_tensors_need_one_value():
    m = nn.Sequential(nn.Linear(2, 2, rng=0), nn.Linear(2, 2, rng=1))
    m[1].weight = m[0].weight
    state = m.state_dict()
    assert list(state) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    m.load_state_dict(state)
    state["1.weight"] = state["1.weight"] + 1
    with pytest.raises(CheckpointError, match=r"0\.weight and 1\.weight are one tied tensor here and differ there"):
        m.load_state_dict(state)


def test_dropout_resumes_exactly():
    x = np.ones((8, 4), np.float32)
    a = nn.MLP([4, 16, 2], dropout=0.5)
    for _ in range(3):
        a(x)
    b = nn.MLP([4, 16, 2], dropout=0.5, rng=9)
    b.load_state_dict(a.state_dict())
    assert (a(x).detach().numpy() == b(x).detach().numpy()).all()
    weights = {k: v for k, v in a.state_dict().items() if not k.endswith("rng_state")}
    assert b.load_state_dict(weights) == ([], [])  # a state from elsewhere has no such entry, and is not faulted


@pytest.mark.parametrize("norm", [None, "batch", "layer"])
@pytest.mark.parametrize("bias", [True, False])
def test_state_fits_the_same_pytorch_model(norm, bias):
    torch = pytest.importorskip("torch")
    norms = {None: [], "batch": [torch.nn.BatchNorm1d(5)], "layer": [torch.nn.LayerNorm(5)]}[norm]
    theirs = torch.nn.Sequential(
        torch.nn.Linear(3, 5, bias=bias), *norms, torch.nn.GELU(), torch.nn.Linear(5, 2, bias=bias)
    )
    ours = nn.MLP([3, 5, 2], activation="gelu", norm=norm, bias=bias)
    x = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    ours(x)  # moves running statistics away from their start
    state = ours.state_dict()
    assert list(state) == list(theirs.state_dict())
    theirs.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    expected = theirs.eval()(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(ours.eval()(x).detach().numpy(), expected, rtol=1e-5, atol=1e-6)
    back = nn.MLP([3, 5, 2], activation="gelu", norm=norm, bias=bias, rng=5)
    back.load_state_dict(theirs.state_dict())
    assert all((back.state_dict()[name] == value).all() for name, value in state.items())


@pytest.mark.parametrize("state", [None, 3, [("weight", 1)]])
def test_what_is_no_state(state):
    with pytest.raises(CheckpointError, match=r"load_state_dict: state is a .*; expected a dictionary"):
        nn.Linear(2, 3).load_state_dict(state)
