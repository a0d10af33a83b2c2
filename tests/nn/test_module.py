"""Module: what counts as a parameter, a buffer, a child; modes, freezing, devices and dtypes, copies, printing."""

import copy
import pickle

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import nn
from gpugrad.errors import ArgumentTypeError, DeviceError, DTypeError, GradientError


class Affine(nn.Module):
    """Written without super().__init__(), with one of each kind of attribute."""

    def __init__(self, n=2):
        self.layers = [nn.Linear(n, 3, rng=0), nn.Linear(3, n, rng=1)]
        self.heads = {"a": nn.Linear(n, 1, rng=2), "b": (nn.ReLU(), nn.Linear(n, 1, rng=3))}
        self.scale = gg.Tensor(np.ones(n), requires_grad=True)
        self.constant = gg.Tensor(np.ones(n))
        self.register_buffer("calls", np.array(0))
        self.note = "plain"
        self.last = None

    def forward(self, x):
        self.calls = self.calls + 1
        self.last = self.layers[1](self.layers[0](x)) * self.scale * self.constant
        return self.heads["a"](self.last)


LINEAR = [f"{path}.{name}" for path in ("layers.0", "layers.1", "heads.a", "heads.b.1") for name in ("weight", "bias")]


def test_names_follow_attributes_and_containers():
    m = Affine()
    m(np.ones((1, 2)))  # leaves a computed tensor in m.last, which is no parameter
    assert [name for name, _ in m.named_parameters()] == ["scale", *LINEAR]
    assert [name for name, _ in m.named_buffers()] == ["calls"]
    assert [name for name, _ in m.named_children()] == ["layers.0", "layers.1", "heads.a", "heads.b.0", "heads.b.1"]
    assert next(iter(m.modules())) is m
    assert len(list(m.children())) == 5
    assert next(name for name, _ in m.named_parameters(prefix="net")) == "net.scale"
    assert int(m.calls) == 1


def test_a_frozen_parameter_stays_one():
    m = nn.Linear(2, 3, rng=0)
    m.requires_grad_(False)
    assert len(list(m.parameters())) == 2
    assert not m(np.ones((1, 2))).requires_grad
    m.weight.requires_grad_()
    m(np.ones((1, 2), np.float32)).sum().backward()
    assert m.weight.grad is not None
    m.zero_grad()
    assert m.weight.grad is None


def test_tied_parameters_and_shared_modules_come_once():
    m = nn.Sequential(nn.Linear(2, 2, rng=0), nn.Linear(2, 2, rng=1))
    m[1].weight = m[0].weight
    shared = nn.Sequential(m, nn.Tanh(), m)
    assert len(list(shared.parameters())) == 3
    assert [name for name, _ in shared.named_parameters()] == ["0.0.weight", "0.0.bias", "0.1.bias"]
    assert sum(1 for _ in shared.named_parameters(unique=False)) == 8
    shared(np.ones((1, 2), np.float32)).sum().backward()
    assert m[0].weight.grad.shape == (2, 2)


def test_a_circle_of_modules_ends():
    a, b = nn.Linear(2, 2, rng=0), nn.Linear(2, 2, rng=1)
    a.other, b.other = b, a
    assert len(list(a.parameters())) == 4
    assert set(a.state_dict()) == {"weight", "bias", "other.weight", "other.bias"}


def test_private_containers_are_looked_into():
    m = nn.Module()
    m._blocks = [nn.Linear(2, 2, rng=0)]
    assert [name for name, _ in m.named_parameters()] == ["_blocks.0.weight", "_blocks.0.bias"]


def test_parameters_hidden_in_a_list_are_an_error():
    m = nn.Module()
    m.weights = [gg.Tensor(np.ones(2), requires_grad=True)]
    with pytest.raises(ArgumentTypeError, match=r"Module\.weights\[0\] is a Tensor with requires_grad inside a list"):
        list(m.parameters())


def test_a_parameter_cannot_become_an_array():
    m = nn.Linear(2, 2, rng=0)
    with pytest.raises(ArgumentTypeError, match=r"Linear\.weight is a parameter and cannot become a ndarray"):
        m.weight = np.zeros((2, 2))
    with pytest.raises(GradientError, match=r"Linear\.weight is a parameter and cannot become a computed tensor"):
        m.weight = m.weight * 2.0
    m.bias = None
    assert [name for name, _ in m.named_parameters()] == ["weight"]
    assert m(np.ones((1, 2), np.float32)).shape == (1, 2)


def test_assigning_a_buffer_keeps_the_tensor_and_its_dtype():
    m = nn.Module()
    m.register_buffer("mean", np.zeros(2, np.float32))
    before = m.mean
    x = gg.Tensor(np.ones(2), requires_grad=True)
    m.mean = m.mean + x  # float64 and tracked
    assert m.mean is before
    assert m.mean.dtype == np.float32
    assert not m.mean.requires_grad
    assert m.mean.tolist() == [1, 1]


def test_train_and_eval_reach_everything():
    m = nn.Sequential(nn.Dropout(0.5, rng=0), nn.Sequential(nn.Dropout(0.5, rng=1)))
    assert m.training
    assert m.eval() is m
    assert not any(x.training for x in m.modules())
    m.train()
    assert all(x.training for x in m.modules())


def test_to_dtype_keeps_tensors_gradients_and_hooks():
    m = nn.Sequential(nn.Linear(2, 3, rng=0), nn.BatchNorm1d(3))
    weight, seen = m[0].weight, []
    weight.register_hook(lambda g: seen.append(g.dtype))
    m(np.ones((2, 2), np.float32)).sum().backward()
    assert m.to("float64") is m
    assert m[0].weight is weight
    assert weight.dtype == weight.grad.dtype == np.float64
    m(np.ones((2, 2))).sum().backward()
    assert seen == [np.float32, np.float64]
    m.to("float16")
    assert weight.dtype == np.float16
    assert m[1].running_var.dtype == np.float32  # statistics stay wide
    assert m[1].num_batches_tracked.dtype == np.int64
    assert m.to("cpu", "float32")[0].weight.dtype == np.float32


def test_to_bfloat16():
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    m = nn.Linear(2, 3, rng=0).to("bfloat16")
    assert m.weight.dtype == bfloat16
    assert m(np.ones((1, 2), bfloat16)).dtype == bfloat16


@pytest.mark.parametrize(("target", "error"), [("int64", DTypeError), ("floaty", DTypeError), ("cuda:99", DeviceError)])
def test_wrong_targets_of_to(target, error):
    with pytest.raises(error):
        nn.Linear(2, 2, rng=0).to(target)


def pickled(m):
    return pickle.loads(pickle.dumps(m))


@pytest.mark.parametrize("duplicate", [copy.deepcopy, pickled])
def test_copies_are_whole_and_apart(duplicate):
    m = nn.MLP([2, 3, 1], dropout=0.5, norm="batch")
    m.tied = m[0]
    x = np.ones((4, 2), np.float32)
    m(x).sum().backward()
    m[0].bias.requires_grad_(False)
    twin = duplicate(m)
    assert twin.tied is twin[0]
    assert twin[0].weight.requires_grad
    assert not twin[0].bias.requires_grad
    assert [n for n, _ in twin.named_parameters()] == [n for n, _ in m.named_parameters()]
    assert (twin(x).detach().numpy() == m(x).detach().numpy()).all()  # the same masks and statistics, too
    twin[0].weight.data[:] = 0
    assert m[0].weight.data.any()


def test_a_computed_tensor_cannot_be_copied():
    x = gg.Tensor([1.0], requires_grad=True)
    with pytest.raises(GradientError, match=r"copy: the tensor is part of a recording; copy or pickle t\.detach\(\)"):
        copy.deepcopy(x * 2.0)


def test_repr_is_a_tree():
    m = nn.Sequential(nn.Linear(2, 3, bias=False, rng=0), nn.Sequential(nn.ReLU(), nn.Dropout(0.1, rng=0)))
    assert repr(m) == (
        "Sequential(\n"
        "  (0): Linear(in_features=2, out_features=3, bias=False)\n"
        "  (1): Sequential(\n"
        "    (0): ReLU()\n"
        "    (1): Dropout(p=0.1)\n"
        "  )\n"
        ")"
    )


def test_forward_must_be_written():
    with pytest.raises(NotImplementedError, match="Module has no forward; define forward"):
        nn.Module()(1.0)
