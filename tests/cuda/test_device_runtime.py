"""DeviceRuntime on a CuPy that is made up: what is compiled, kept, allowed and told."""

from types import SimpleNamespace

import numpy as np
import pytest

import gpugrad as gg
from gpugrad.backend import cupy as backend
from gpugrad.cuda import source
from gpugrad.cuda.device_runtime import OPTIONS, DeviceRuntime
from gpugrad.cuda.runtime import Limits
from gpugrad.errors import DeviceError

CARDS = [
    {"major": 9, "minor": 0, "multiProcessorCount": 132, "sharedMemPerBlockOptin": 232448},
    {"major": 7, "minor": 5, "multiProcessorCount": 40, "sharedMemPerBlockOptin": 49152},
]


class Kernel:
    """A RawKernel with 1 KiB of static shared memory."""

    shared_size_bytes = 1024
    max_dynamic_shared_size_bytes = 49152

    def __init__(self, launches, name):
        self.kernel = lambda grid, block, args, shared_mem: launches.append((name, grid, block, args, shared_mem))


class Array:
    """A `cupy.ndarray` on some device."""

    def __init__(self, device):
        self.data = SimpleNamespace(device_id=device)


class FakeCuPy:
    def __init__(self):
        self.device, self.compiled, self.kernels, self.launches = 0, [], [], []
        runtime = SimpleNamespace(getDevice=lambda: self.device, getDeviceProperties=CARDS.__getitem__)
        stream = SimpleNamespace(ptr=0xABC)
        self.cuda = SimpleNamespace(runtime=runtime, get_current_stream=lambda: stream)
        self.empty, self.zeros, self.ndarray = np.empty, np.zeros, Array

    def RawModule(self, *, code, options, name_expressions):
        self.compiled.append((code, options, name_expressions, self.device))
        return SimpleNamespace(get_function=self.get_function)

    def get_function(self, name):
        self.kernels.append(Kernel(self.launches, name))
        return self.kernels[-1]


@pytest.fixture
def fake(tmp_path, monkeypatch):
    (tmp_path / "x.cu").write_text("text of x")
    monkeypatch.setattr(source, "kernels_dir", lambda: tmp_path)
    fake = FakeCuPy()
    with backend.use(fake):
        yield fake


def test_a_kernel_is_compiled_once_for_a_name_and_a_device(fake):
    runtime = DeviceRuntime()
    for device, name in [(0, "k<float>"), (0, "k<float>"), (0, "k<double>"), (1, "k<float>"), (0, "k<float>")]:
        fake.device = device
        runtime.launch("x.cu", name, (2,), (32,), (np.int32(1),), 64)
    assert [(c[2], c[3]) for c in fake.compiled] == [(("k<float>",), 0), (("k<double>",), 0), (("k<float>",), 1)]
    assert {c[:2] for c in fake.compiled} == {("text of x\n", OPTIONS)}
    assert len(fake.launches) == 5
    assert fake.launches[0] == ("k<float>", (2,), (32,), (np.int32(1),), 64)


def test_in_generated_kernels_each_function_rounds(fake, monkeypatch):
    monkeypatch.setitem(source.GENERATED, "pointwise_x.cu", "text of a program's")
    DeviceRuntime().launch("pointwise_x.cu", "pointwise", (1,), (32,), (), 0)
    assert fake.compiled[0][:2] == ("text of a program's", (*OPTIONS, "-fmad=false"))


def test_all_shared_memory_of_the_card_is_allowed_where_it_is_more_than_48_kib(fake):
    runtime = DeviceRuntime()
    for fake.device in (0, 1):
        runtime.launch("x.cu", "k", (1,), (32,), (), 0)
    assert [k.max_dynamic_shared_size_bytes for k in fake.kernels] == [232448 - 1024, 49152]


def test_an_array_on_another_device_is_refused(fake):
    runtime, fake.device = DeviceRuntime(), 1
    runtime.launch("x.cu", "k", (1,), (32,), (Array(1), np.int32(3)), 0)
    with pytest.raises(
        DeviceError, match=r"^kernels: k got an array on cuda:0, but cuda:1 is the current device; work on"
    ):
        runtime.launch("x.cu", "k", (1,), (32,), (Array(1), Array(0)), 0)
    assert len(fake.launches) == 1


def test_limits_and_stream_are_of_the_current_device(fake):
    runtime = DeviceRuntime()
    assert runtime.limits() == Limits(90, 132, 232448)
    fake.device = 1
    assert runtime.limits() == Limits(75, 40, 49152)
    assert runtime.stream() == (1, 0xABC)


def test_memory_is_cupys(fake):
    runtime = DeviceRuntime()
    a, b = runtime.empty((2, 3), np.float32), runtime.zeros((2, 3), np.float32)
    assert (a.shape, a.dtype) == ((2, 3), np.float32)
    runtime.copy(a, b)
    np.testing.assert_array_equal(a, 0)


def test_a_kernel_that_cannot_be_compiled_says_which_and_why(fake, monkeypatch):
    def refuse(name):
        raise RuntimeError('x.cu(3): error: identifier "foo" is undefined')

    monkeypatch.setattr(fake, "get_function", refuse)
    with pytest.raises(DeviceError, match=r'^kernels: k<float> of x\.cu cannot be compiled: .*"foo" is undefined'):
        DeviceRuntime().launch("x.cu", "k<float>", (1,), (32,), (), 0)


def test_a_library_that_is_missing_says_what_to_install(fake):
    pathfinder = pytest.importorskip("cuda.pathfinder", reason="pip install 'gpugrad[test-cuda]'")

    def missing(name):
        raise pathfinder.DynamicLibNotFoundError(f"No such file: lib{name}.so")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pathfinder, "load_nvidia_dynamic_lib", missing)
        with pytest.raises(DeviceError, match=r"pip install 'cuda-toolkit\[cublas\]==1[23]\.\*'"):
            DeviceRuntime().library("cublasLt")


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_kernels_on_a_device_agree_with_the_cpu(dtype):
    values = np.linspace(-3, 3, 1001)
    found = []
    for device in ("cpu", "cuda"):
        x = gg.Tensor(values, dtype=dtype, device=device, requires_grad=True)
        gg.ops.tanh(x).sum().backward()
        found.append(x.grad.numpy().astype(float))
    tolerance = {"float32": 1e-6, "float64": 1e-14, "float16": 2e-3, "bfloat16": 2e-2}[dtype]
    np.testing.assert_allclose(found[1], found[0], rtol=tolerance, atol=tolerance)


class Placed(Array):
    """An array whose copies are written down; `contiguous` as it lies."""

    def __init__(self, log, contiguous=True, dtype="float32"):
        self.shape, self.dtype, self.nbytes = (2,), dtype, 8
        self.flags = SimpleNamespace(c_contiguous=contiguous)
        self.data = SimpleNamespace(copy_from_device_async=lambda source, n: log.append(("bytes", n)))
        self.log = log

    def __setitem__(self, index, source):
        self.log.append("elements")


def test_arrays_alike_are_copied_as_bytes_and_others_by_a_kernel(fake):
    runtime, log = DeviceRuntime(), []
    target = Placed(log)
    for other in (Placed(log), Placed(log, contiguous=False), Placed(log, dtype="float64"), 1.0, np.ones(2, "f4")):
        runtime.copy(target, other)
    assert log == [("bytes", 8), *["elements"] * 4]
