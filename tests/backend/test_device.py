"""Devices by name, and arrays on them."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad.backend import Device, array_device, cupy, default_device, resolve_device
from gpugrad.backend.device import to_numpy
from gpugrad.errors import ArgumentError


def test_the_cpu_is_the_default():
    assert default_device() == Device("cpu") == resolve_device("cpu")[0] == array_device(np.ones(2))
    assert str(Device("cpu")) == "cpu" and Device("cpu").xp is np


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "cuda:-1", "CPU", ""])
def test_an_unknown_name(name):
    with pytest.raises(ArgumentError, match=f"device: got '{name}'; expected 'auto', 'cpu', 'cuda' or 'cuda:N'"):
        resolve_device(name)


def test_auto_takes_a_device_that_works_and_else_says_why_not(host, monkeypatch):
    assert resolve_device("auto") == (Device("cuda", 0), None)
    monkeypatch.setattr(cupy, "unavailable_reason", lambda: "none here")
    assert resolve_device("auto") == (Device("cpu"), "none here")


def test_arrays_go_to_a_device_and_back(host):
    x, there = np.arange(6.0).reshape(2, 3), Device("cuda", 0)
    on_device = there.asarray(x, dtype=np.float32)
    assert str(array_device(on_device)) == "cuda:0" and on_device.dtype == np.float32
    for back in (to_numpy(on_device), Device("cpu").asarray(on_device)):
        assert type(back) is np.ndarray
        np.testing.assert_array_equal(back, x)
    assert to_numpy(x) is x and Device("cpu").asarray(x) is x


def test_a_tensor_is_made_on_a_device(host):
    t = gg.Tensor([1.0, 2.0], device="cuda")
    assert str(t.device) == "cuda:0" and repr(t) == "Tensor([1., 2.], device='cuda:0')"
    np.testing.assert_array_equal((t * 2).detach().numpy(), [2, 4])
