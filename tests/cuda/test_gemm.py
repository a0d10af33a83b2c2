"""gpugrad/cuda/gemm.py against NumPy, through a stand-in for cuBLAS that takes every argument literally."""

import ctypes

import ml_dtypes
import numpy as np
import pytest

from gpugrad.cuda import cublas, cublaslt, runtime
from gpugrad.cuda import gemm as gemm_module
from gpugrad.cuda.gemm import gemm, gemm_batched, lies
from gpugrad.cuda.precision import matmul_precision
from gpugrad.errors import ArgumentError, DeviceError

TOLERANCE = {"float32": 2e-6, "float64": 1e-14, "float16": 1e-3, "bfloat16": 8e-3}
DTYPES = list(TOLERANCE)
SIZES = [(1, 1, 1), (2, 3, 5), (1, 7, 3), (5, 1, 2), (4, 6, 1), (33, 17, 31)]


def random(shape, dtype="float64", seed=0):
    kind = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    return np.random.default_rng((seed, *shape)).uniform(-1, 1, shape).astype(kind)


def laid(host, x, layout):
    """x on the device, its last two axes laid out as asked, within a larger buffer of NaN."""
    if layout == "transposed":
        return laid(host, np.swapaxes(x, -1, -2), "rows").swapaxes(-1, -2)
    *lead, rows, columns = x.shape
    big = host.array(np.full((*lead, rows + 2, columns + 3), np.nan, x.dtype))
    view = big[..., 1 : rows + 1, 2 : columns + 2]
    host.numpy(view)[...] = x
    return view


def close(host, got, want, dtype, depth=1):
    np.testing.assert_allclose(host.numpy(got).astype(float), want, rtol=0, atol=TOLERANCE[dtype] * max(depth, 1))


def last():
    """(products, compute type, op of A, op of B, number of matrices, math mode, pointer mode) of the latest handle."""
    found = (ctypes.c_int * 7)()
    runtime.current().library("cublas").stand_in_last(found)
    return tuple(found)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("b_layout", ["rows", "transposed"])
@pytest.mark.parametrize("a_layout", ["rows", "transposed"])
def test_products_of_views_as_they_lie(host, dtype, a_layout, b_layout):
    for m, k, n in SIZES:
        a, b = random((m, k), dtype), random((k, n), dtype, 1)
        y = gemm(laid(host, a, a_layout), laid(host, b, b_layout))
        assert y.shape == (m, n) and y.dtype == a.dtype
        close(host, y, a.astype(float) @ b.astype(float), dtype, k)


@pytest.mark.host_only
def test_a_transposed_view_is_an_op_flag_and_no_copy(host):
    a, b = host.array(random((5, 3))), host.array(random((5, 4)))
    gemm(a.T, b)
    assert last()[2:5] == (cublas.N, cublas.T, 1)
    gemm(host.array(random((2, 5))), host.array(random((4, 5))).T)
    assert last()[2:5] == (cublas.T, cublas.N, 1)
    assert host.launches == []


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_alpha_scales_and_beta_accumulates(host, dtype):
    a, b, c = random((5, 3), dtype), random((3, 4), dtype, 1), random((5, 4), dtype, 2)
    out = host.array(c)
    assert gemm(host.array(a), host.array(b), out, alpha=0.25, beta=2.0) is out
    close(host, out, 0.25 * a.astype(float) @ b.astype(float) + 2.0 * c.astype(float), dtype, 8)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("beta", [0.0, 1.0])
def test_alpha_may_be_read_from_the_device(host, dtype, beta):
    a, b, c = random((5, 3), dtype), random((3, 4), dtype, 1), random((5, 4), dtype, 2)
    alpha = host.array(np.array([0.5], "float64" if dtype == "float64" else "float32"))
    out = host.array(c)
    gemm(host.array(a), host.array(b), out, alpha=alpha, beta=beta)
    close(host, out, 0.5 * a.astype(float) @ b.astype(float) + beta * c.astype(float), dtype, 8)
    assert gemm(host.array(a), host.array(b), alpha=host.array(np.ones(1, "int32"))) is NotImplemented
    close(host, gemm(host.array(a), host.array(b)), a.astype(float) @ b.astype(float), dtype, 8)


def test_two_byte_operands_may_give_float32(host):
    a, b = random((6, 40), "bfloat16"), random((40, 3), "bfloat16", 1)
    y = gemm(host.array(a), host.array(b), dtype="float32")
    assert y.dtype == np.float32
    close(host, y, a.astype(float) @ b.astype(float), "float32", 40)


BATCHES = [
    ((5, 2, 3), (5, 3, 4)), ((1, 2, 3), (5, 3, 4)), ((5, 2, 3), (1, 3, 4)), ((2, 3), (5, 3, 4)), ((5, 2, 3), (3, 4)),
    ((2, 1, 2, 3), (3, 3, 4)), ((2, 3, 2, 3), (2, 1, 3, 4)), ((2, 1, 2, 2, 3), (2, 3, 1, 3, 4)),
    ((1, 1, 2, 3), (1, 3, 2)), ((7, 1, 3), (7, 3, 1)), ((7, 3, 1), (7, 1, 4)),
]  # fmt: skip


@pytest.mark.parametrize(("a_shape", "b_shape"), BATCHES)
@pytest.mark.parametrize("a_layout", ["rows", "transposed"])
@pytest.mark.parametrize("b_layout", ["rows", "transposed"])
def test_batches_with_broadcast_leading_axes(host, a_shape, b_shape, a_layout, b_layout):
    a, b = random(a_shape), random(b_shape, seed=1)
    close(host, gemm_batched(laid(host, a, a_layout), laid(host, b, b_layout)), a @ b, "float64", 8)


@pytest.mark.host_only
def test_leading_axes_of_one_stride_are_one_call(host):
    before = last()[0] if gemm(host.array(random((2, 2))), host.array(random((2, 2)))) is not None else 0
    gemm_batched(host.array(random((4, 3, 2, 3))), host.array(random((4, 3, 3, 2))))
    assert last()[0] == before + 1 and last()[4] == 12
    gemm_batched(host.array(random((4, 1, 2, 3))), host.array(random((4, 3, 3, 2))))
    assert last()[0] == before + 4  # 3 calls of 4 matrices


def test_axes_exchanged_in_the_lead_are_no_copy(host):
    a, b = random((3, 4, 2, 3)), random((4, 3, 3, 2), seed=1)
    y = gemm_batched(host.array(a).transpose(1, 0, 2, 3), host.array(b))
    close(host, y, a.transpose(1, 0, 2, 3) @ b, "float64", 3)


def test_empty_products(host):
    assert gemm(host.array(np.ones((0, 3))), host.array(np.ones((3, 2)))).shape == (0, 2)
    y = gemm(host.array(np.ones((2, 0))), host.array(np.ones((0, 3))))
    np.testing.assert_array_equal(host.numpy(y), np.zeros((2, 3)))
    out = host.array(np.ones((2, 3)))
    gemm(host.array(np.ones((2, 0))), host.array(np.ones((0, 3))), out, beta=1.0)
    np.testing.assert_array_equal(host.numpy(out), np.ones((2, 3)))


def test_what_is_declined(host):
    f32, f64 = host.array(np.ones((3, 3), "float32")), host.array(np.ones((3, 3)))
    ints, strided = host.array(np.ones((3, 3), "int64")), host.array(np.ones((6, 6)))[::2, ::2]
    lone, out = host.array(np.ones((2, 3))), host.array(np.ones((4, 3)))
    for a, b in [(f32, f64), (ints, ints), (strided, f64), (f64, lone), (f64[0], f64), (f64, 2.0), (f64[::-1], f64)]:
        assert gemm(a, b) is NotImplemented
    assert gemm(f64, f64, out) is NotImplemented
    assert gemm_batched(host.array(np.ones((2, 3, 3))), host.array(np.ones((3, 3, 3)))) is NotImplemented


def test_too_many_calls_are_declined(host):
    a = host.array(np.ones((70, 1, 2, 2)))
    assert gemm_batched(a[:, :, :, :], host.array(np.ones((1, 71, 2, 2)))) is NotImplemented
    assert gemm_batched(a[:60], host.array(np.ones((1, 71, 2, 2)))).shape == (60, 71, 2, 2)


@pytest.mark.host_only
def test_tf32_is_a_setting_and_only_for_float32(host):
    a, b = random((4, 64), "float32"), random((64, 4), "float32", 1)
    want = a.astype(float) @ b.astype(float)
    with matmul_precision("tf32"):
        rough = host.numpy(gemm(host.array(a), host.array(b)))
        assert last()[1] == cublas.COMPUTE_TF32
        gemm(host.array(a.astype(float)), host.array(b.astype(float)))
        assert last()[1] == cublas.COMPUTE_F64
    fine = host.numpy(gemm(host.array(a), host.array(b)))
    assert last()[1] == cublas.COMPUTE_F32
    assert 1e-5 < np.abs(rough - want).max() < 2e-2 and np.abs(fine - want).max() < 1e-5


def test_an_unknown_precision_is_refused():
    with pytest.raises(ArgumentError, match=r"level is 'half'; expected one of \('float32', 'tf32'\)"):
        matmul_precision("half")


@pytest.mark.host_only
def test_the_handle_sums_in_float32_and_has_its_workspace_on_each_stream(host, monkeypatch):
    a = host.array(np.ones((2, 2)))
    for stream in (0, 4096, 0):
        monkeypatch.setattr(host, "stream", lambda stream=stream: (0, stream))
        np.testing.assert_array_equal(host.numpy(gemm(a, a)), np.full((2, 2), 2.0))  # status 7 without a workspace
    assert last()[5] == 16


@pytest.mark.host_only
def test_two_streams_share_no_workspace(host, monkeypatch):
    given, ask = [], cublas.Handle._ask

    def asking(self, function, *args):
        if function == "cublasSetWorkspace_v2":
            given.append(args[1].value)
        ask(self, function, *args)

    monkeypatch.setattr(cublas.Handle, "_ask", asking)
    a = host.array(np.ones((2, 2)))
    for stream in (8, 4096, 8):
        monkeypatch.setattr(host, "stream", lambda stream=stream: (7, stream))  # a device of its own: a new handle
        gemm(a, a)
    assert given[0] == given[2] != given[1]
    scratch = cublaslt.Handle(host.library("cublasLt")).workspace
    assert scratch.address(8) == scratch.address(8) != scratch.address(4096)


def test_what_cublas_cannot_count_is_declined(host, monkeypatch):
    """It counts in 32 bits: sides, leading dimensions, and matrices."""
    monkeypatch.setattr(gemm_module, "_LARGEST", 8)
    long_rows, many = host.array(random((2, 9))), host.array(random((9, 2, 2)))
    assert gemm(long_rows, long_rows.T) is NotImplemented
    assert gemm(long_rows[:, :3], host.array(random((3, 2)))) is NotImplemented
    assert gemm(host.array(random((2, 3))), long_rows[:, :3].T) is NotImplemented
    assert gemm_batched(many, many) is NotImplemented
    assert gemm_batched(many[:8], many[:8]) is not NotImplemented


def test_a_refusal_of_cublas_is_explained(host):
    handle, stream = cublas.handle()
    bad = cublas.Operand(0, 0, cublas.N, 1, 0)
    with pytest.raises(DeviceError, match=r"cublasGemmStridedBatchedEx: cuBLAS answers 7 \(invalid value\)"):
        handle.gemm((2, 2, 2, 1), bad, bad, bad, cublas.COMPUTE_F32, 1.0, 0.0, stream)


@pytest.mark.parametrize(
    ("shape", "strides", "found"),
    [
        ((3, 4), (4, 1), (cublas.N, 4)), ((3, 4), (9, 1), (cublas.N, 9)), ((3, 4), (1, 3), (cublas.T, 3)),
        ((3, 4), (1, 7), (cublas.T, 7)), ((3, 4), (8, 2), None), ((3, 4), (0, 1), None), ((3, 4), (-4, 1), None),
        ((1, 4), (77, 1), (cublas.N, 4)), ((1, 4), (1, 9), (cublas.T, 9)), ((3, 1), (5, 77), (cublas.N, 5)),
        ((3, 1), (1, 1), (cublas.N, 1)), ((1, 1), (50, 60), (cublas.N, 1)), ((3, 4), (2, 1), None),
    ],
)  # fmt: skip
def test_how_a_view_lies(shape, strides, found):
    class View:
        dtype = np.dtype("float32")

    View.shape, View.strides = shape, tuple(4 * s for s in strides)
    assert lies(View) == found
