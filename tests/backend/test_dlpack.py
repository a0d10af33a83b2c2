"""Arrays of other libraries, without a copy."""

from types import SimpleNamespace

import ml_dtypes
import numpy as np
import pytest

import gpugrad as gg
from gpugrad.backend import cupy as backend
from gpugrad.backend.dlpack import from_dlpack
from gpugrad.errors import ArgumentTypeError, GradientError


class Exporter:
    """Some other library's array."""

    def __init__(self, array, device=(1, 0)):
        self.array, self.device = array, device

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)


def test_a_tensor_shares_the_memory_of_another_librarys_array():
    x = np.arange(6.0).reshape(2, 3)
    t = gg.Tensor.from_dlpack(Exporter(x))
    x[0, 1] = 50
    np.testing.assert_array_equal(t.numpy(), x)


def test_numpy_takes_a_tensor():
    t = gg.Tensor([[1.0, 2.0], [3.0, 4.0]])
    x = np.from_dlpack(t)
    np.testing.assert_array_equal(x, t.numpy())
    assert np.shares_memory(x, t.data)


def test_pytorch_both_ways():
    torch = pytest.importorskip("torch", reason="PyTorch is not among the tests' requirements")
    t = gg.Tensor.from_dlpack(torch.arange(4.0))
    there = torch.from_dlpack(t)
    there += 1
    np.testing.assert_array_equal(t.numpy(), [1, 2, 3, 4])
    with pytest.raises(ArgumentTypeError, match=r"from_dlpack: Tensor: .*; pass one that is detached"):
        from_dlpack(torch.ones(3, requires_grad=True))


def test_a_tracked_tensor_is_refused():
    t = gg.Tensor([1.0], requires_grad=True)
    np.testing.assert_array_equal(np.from_dlpack(t.detach()), [1.0])
    with pytest.raises(GradientError, match=r"pass t\.detach\(\)"):
        np.from_dlpack(t * 2)


@pytest.mark.parametrize("device", [(2, 0), (13, 0)])
def test_memory_on_a_gpu_is_cupys(device):
    exporter, found = Exporter(np.ones(2), device), object()
    with backend.use(SimpleNamespace(from_dlpack=lambda value: found if value is exporter else None)):
        assert from_dlpack(exporter) is found


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, 2], "got a list, which has no __dlpack__"),
        (Exporter(np.ones(2), (10, 0)), "device type 10 is neither the host nor CUDA"),
        (Exporter(np.ones(2, ml_dtypes.bfloat16)), "bfloat16 as a view in int16"),
    ],
    ids=["no array", "ROCm", "bfloat16"],
)
def test_what_cannot_be_taken(value, message):
    with pytest.raises(ArgumentTypeError, match=message):
        from_dlpack(value)
