"""Arguments by their own size, as on a device; builds that are kept; messages of the compiler and of a bad launch."""

import numpy as np
import pytest

from tests.host_cuda import build
from tests.host_cuda.module import HostModule

PUT = "__global__ void put(float* y, int i, float v) { y[i] = v; }\n"
NULL = np.uintp(0)


@pytest.fixture(scope="module")
def put():
    return HostModule(PUT, ["put"]).get_function("put")


def test_a_scalars_own_type_decides_its_size(put):
    y = np.zeros(4, np.float32)
    put((1,), (1,), (y, np.int32(2), np.float32(5)))
    np.testing.assert_array_equal(y, [0, 0, 5, 0])


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((2, np.float32(5)), "argument 1 is i8, the parameter is i4"),
        ((np.int32(2), 5.0), "argument 2 is f8, the parameter is f4"),
        ((np.int32(2), np.int32(5)), "argument 2 is i4, the parameter is f4"),
        ((np.zeros(1, np.int32), np.float32(5)), "argument 1 is p8, the parameter is i4"),
        ((np.int32(2),), "3 parameters, got 2 arguments"),
    ],
)
def test_a_wrong_argument_is_refused(put, args, message):
    with pytest.raises(TypeError, match=f"^put: {message}"):
        put((1,), (1,), (np.zeros(4, np.float32), *args))


def test_a_structured_value_of_one_element_goes_by_value(kernels):
    shape = np.zeros((), [("rows", "i4"), ("", "i4"), ("stride", "i8")])
    shape["rows"], shape["stride"] = 3, 2**40
    y = np.zeros(4, np.float32)
    kernels("right.cu", "by_value").get_function("by_value")((1,), (1,), (y, shape, np.float64(0.5), np.bool_(True)))
    np.testing.assert_array_equal(y, [3, 2**40, 0.5, 1])


@pytest.mark.parametrize(("x", "expected"), [(NULL, -1), (np.full(1, 7, np.float32), 7)])
def test_a_pointer_may_be_null(kernels, x, expected):
    y = np.zeros(1, np.float32)
    kernels("right.cu", "maybe_null").get_function("maybe_null")((1,), (1,), (x, y))
    assert y[0] == expected


def test_a_number_is_no_pointer(kernels):
    with pytest.raises(TypeError, match="argument 0 is i8, the parameter is p8"):
        kernels("right.cu", "maybe_null").get_function("maybe_null")((1,), (1,), (np.uintp(8), np.zeros(1, "f4")))


@pytest.mark.parametrize(
    ("grid", "block", "shared_bytes", "message"),
    [
        ((1,), (1025,), 0, "invalid block size"),
        ((1,), (0,), 0, "invalid block size"),
        ((1,), (1, 1, 65), 0, "invalid block size"),
        ((0,), (1,), 0, "invalid grid size"),
        ((1, 65536), (1,), 0, "invalid grid size"),
        ((1,), (1,), 232449, "too much dynamic shared memory"),
    ],
)
def test_a_launch_no_device_would_take(put, grid, block, shared_bytes, message):
    with pytest.raises(RuntimeError, match=f"^put: {message}"):
        put(grid, block, (np.zeros(4, np.float32), np.int32(0), np.float32(0)), shared_bytes)


def test_a_library_is_built_once_for_a_text(tmp_path, monkeypatch):
    monkeypatch.setenv("GPUGRAD_HOST_CUDA_CACHE", str(tmp_path))
    first = build.build(PUT, ["put"], "put.cu")
    written = first.stat().st_mtime_ns
    assert build.build(PUT, ["put"], "put.cu") == first
    assert first.stat().st_mtime_ns == written
    assert build.build(PUT.replace("= v", "= 2 * v"), ["put"], "put.cu") != first
    assert build.build(PUT, ["put"], "put.cu", ["-DX"]) != first


def test_a_header_that_changes_makes_another_library(tmp_path, monkeypatch):
    monkeypatch.setenv("GPUGRAD_HOST_CUDA_CACHE", str(tmp_path / "cache"))
    header = tmp_path / "x.cuh"
    found = set()
    for number in (1, 2):
        header.write_text(f"#define NUMBER {number}\n")
        module = HostModule(
            '#include "x.cuh"\n__global__ void put(int* y) { y[0] = NUMBER; }', ["put"], options=[f"-I{tmp_path}"]
        )
        y = np.zeros(1, np.int32)
        module.get_function("put")((1,), (1,), (y,))
        found.add(int(y[0]))
    assert found == {1, 2}


def test_an_error_of_the_compiler_names_file_and_line(tmp_path, monkeypatch):
    monkeypatch.setenv("GPUGRAD_HOST_CUDA_CACHE", str(tmp_path))
    with pytest.raises(RuntimeError, match=r"g\+\+ cannot compile [\s\S]*bad\.cu:2:1: error"):
        build.build(PUT + "nonsense;", ["put"], "bad.cu")
