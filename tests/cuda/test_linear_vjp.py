"""Kernels and launchers of the linear layer and its gradients against float64, on the CPU."""

import ml_dtypes
import numpy as np
import pytest

from gpugrad.core.namespace import RAW
from gpugrad.cuda import gemm, outer
from gpugrad.cuda import linear as forward
from gpugrad.cuda import linear_vjp as launchers
from gpugrad.cuda.runtime import Limits
from gpugrad.ops import fused_linear

TOLERANCE = {"float32": 2e-6, "float64": 1e-14, "float16": 3e-3, "bfloat16": 2.4e-2}  # of the sum of |summands|
DTYPES = list(TOLERANCE)
ACTIVATIONS = {
    "identity": (), "relu": (), "leaky_relu": (("negative_slope", 0.2),), "elu": (("alpha", 1.5), ("scale", 0.5)),
    "sigmoid": (), "tanh": (), "softplus": (("beta", 2.0),), "gelu": (("approximate", "none"),), "silu": (), "mish": (),
}  # fmt: skip


@pytest.fixture
def tall(monkeypatch):
    """The kernels for many rows, for few too, so that the tests stay quick, and for every width they can do."""
    monkeypatch.setattr(outer, "TALL_ROWS", 1)
    monkeypatch.setattr(outer, "TWO_BYTE_WIDTH", 256)


def random(shape, dtype, seed=0):
    kind = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    return np.random.default_rng((seed, *shape)).uniform(-1, 1, shape).astype(kind)


def wide(*arrays):
    return [None if a is None else a.astype(np.float64) for a in arrays]


def check(host, dtype, n, n_out, n_in, activation="tanh", scale=None, v=True, x=True, w=True, bias=True):
    """linear_vjp on the host against float64, each element within the tolerance of the sum of what it adds up."""
    g, kept = random((n, n_out), dtype), random((n, n_out), dtype, 1) if v else None
    x, w = random((n, n_in), dtype, 2) if x else None, random((n_out, n_in), dtype, 3) if w else None
    params = {"activation": activation, "options": ACTIVATIONS[activation], "bias": bias}
    on_host = [None if a is None else host.array(a) for a in (g, kept, x, w)]
    got = launchers.linear_vjp(*on_host, scale, **params)
    plain = host.numpy(scale).astype(float).item() if hasattr(scale, "dtype") else scale
    g, kept, x, w = wide(g, kept, x, w)
    want = fused_linear.linear_vjp.primitive.forward(np, g, kept, x, w, plain, **params)
    delta = np.abs(fused_linear._pull(RAW[np.ndarray], activation, params["options"], g, kept))
    sizes = [] if w is None else [delta @ np.abs(w)]
    sizes += ([] if x is None else [delta.T @ np.abs(x)]) + ([delta.sum(0)] if bias else [])
    assert len(got) == len(want) == len(sizes)
    for a, b, size in zip(got, want, sizes, strict=True):
        error = np.abs(host.numpy(a).astype(float) - b)
        assert a.shape == b.shape and np.all(error <= TOLERANCE[dtype] * (size + 1e-2)), (error / (size + 1e-2)).max()


SHAPES = [
    (1, 1, 1), (31, 3, 5), (33, 5, 3), (65, 17, 31), (40, 32, 32), (70, 33, 64), (64, 8, 40), (97, 64, 16),
    (50, 100, 10), (50, 10, 100), (36, 128, 128), (39, 65, 72),
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "n_out", "n_in"), SHAPES)
def test_all_gradients_of_a_narrow_layer_in_one_pass(host, tall, dtype, n, n_out, n_in):
    check(host, dtype, n, n_out, n_in, scale=1 / n)
    fused = dtype != "float64" or max(n_out, n_in) <= 64
    assert host.launched("linear_vjp_tall") == fused and host.launched("linear_delta") == (not fused)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(host, tall, monkeypatch, dtype, activation):
    check(host, dtype, 37, 9, 8, activation, v=activation != "identity")
    assert host.launched("linear_vjp_tall") == 1
    monkeypatch.setattr(outer, "TALL_ROWS", 4096)
    check(host, dtype, 37, 9, 8, activation, v=activation != "identity")
    assert host.launched("linear_delta") == 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "n_out", "n_in"), [(1, 1, 1), (5, 300, 3), (33, 20, 31), (9, 8, 260), (4, 2000, 2)])
def test_gradients_of_other_shapes_by_products(host, dtype, n, n_out, n_in):
    check(host, dtype, n, n_out, n_in, scale=0.25)
    assert host.launched("linear_delta") == 1 and not host.launched("linear_vjp_tall")


@pytest.mark.parametrize(("dtype", "width", "fused"), [("float16", 32, 1), ("float16", 33, 0), ("float32", 33, 1)])
def test_wide_layers_of_two_byte_floats_go_to_the_tensor_cores(host, monkeypatch, dtype, width, fused):
    monkeypatch.setattr(outer, "TALL_ROWS", 1)
    check(host, dtype, 40, width, 5)
    assert host.launched("linear_vjp_tall") == fused and not host.launched("outer_split")


def test_widths_up_to_256_split_the_rows_for_the_weight_gradient(host, tall):
    check(host, "float32", 40, 130, 20)
    assert [name for _, name in host.launches] == [
        "linear_delta<float>", "split_sum<float>", "outer_split<float, 4>", "split_sum<float>"
    ]  # fmt: skip


@pytest.mark.parametrize("rows", [1, 4096])
@pytest.mark.parametrize(
    "wanted", [{"w": False}, {"x": False}, {"bias": False}, {"x": False, "w": False}, {"w": False, "bias": False}]
)
def test_only_what_is_wanted(host, monkeypatch, rows, wanted):
    monkeypatch.setattr(outer, "TALL_ROWS", rows)
    check(host, "float32", 35, 6, 7, **wanted)
    check(host, "float32", 35, 6, 7, "identity", v=False, **wanted)


@pytest.mark.parametrize(("given", "scale"), [("gvw", None), ("gvx", 0.5), ("gvxw", 0.5), ("gvxw", None)])
def test_what_cublas_cannot_count_is_declined(host, monkeypatch, given, scale):
    monkeypatch.setattr(gemm, "_LARGEST", 30)
    shapes = {"g": (31, 6), "v": (31, 6), "x": (31, 7), "w": (6, 7)}
    args = (host.array(random(shape, "float32")) if name in given else None for name, shape in shapes.items())
    assert launchers.linear_vjp(*args, scale, activation="tanh", options=(), bias=True) is NotImplemented


@pytest.mark.parametrize("rows", [1, 4096])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_the_scale_may_lie_on_the_device(host, monkeypatch, rows, dtype):
    monkeypatch.setattr(outer, "TALL_ROWS", rows)
    scale = host.array(np.full((), 0.125, "float64" if dtype == "float64" else "float32"))
    check(host, dtype, 35, 6, 7, scale=scale)


ONE_MULTIPROCESSOR = Limits(arch=90, n_sm=1, shared_bytes=232448)  # so that a block has several tiles of rows


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_blocks_with_several_tiles_of_rows(host, tall, dtype):
    host.device = ONE_MULTIPROCESSOR
    for order in (0, 1, 2):
        host.order(order)
        check(host, dtype, 300, 20, 33)


@pytest.mark.parametrize("order", (0, 1, 2))
def test_any_order_of_threads_gives_the_same_bits(host, tall, order):
    host.device = ONE_MULTIPROCESSOR
    arrays = [host.array(random(s, "float32", i)) for i, s in enumerate(((300, 20), (300, 20), (300, 33), (20, 33)))]
    bias, params = host.array(random((20,), "float32", 4)), {"activation": "silu", "options": (), "bias": True}

    def all_of_them():
        fused = launchers.linear_vjp(*arrays, **params)
        delta = launchers.linear_vjp(arrays[0], arrays[1], None, arrays[3], **params)
        return [host.numpy(a).copy() for a in (*fused, *delta, forward.linear(arrays[2], arrays[3], bias))]

    want = all_of_them()
    host.order(order, seed=3)
    for got, expected in zip(all_of_them(), want, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_a_card_with_little_shared_memory_goes_by_products(host, tall):
    host.device = Limits(arch=75, n_sm=4, shared_bytes=65536)
    check(host, "float32", 40, 128, 128)
    assert not host.launched("linear_vjp_tall")
    check(host, "float32", 40, 64, 64)
    assert host.launched("linear_vjp_tall") == 1


def test_leading_axes_are_rows(host, tall):
    g, v, x, w = (random(s, "float64", i) for i, s in enumerate(((3, 5, 4), (3, 5, 4), (3, 5, 6), (4, 6))))
    params = {"activation": "tanh", "options": (), "bias": True}
    got = launchers.linear_vjp(*map(host.array, (g, v, x, w)), **params)
    want = fused_linear.linear_vjp.primitive.forward(np, g, v, x, w, **params)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(host.numpy(a), b, atol=1e-14)


def test_what_is_declined(host):
    g, x, w = host.array(np.ones((4, 3))), host.array(np.ones((4, 2))), host.array(np.ones((3, 2)))
    params = {"activation": "identity", "options": (), "bias": True}
    assert launchers.linear_vjp(g, None, x, w, **params) is not NotImplemented
    wrong = [
        (g, None, host.array(np.ones((5, 2))), w), (g, None, x, host.array(np.ones((2, 3)))),
        (g[:, ::2], None, x, None), (g, None, x, np.ones((3, 2))),
        (g, None, host.array(np.ones((4, 2), "float32")), w), (host.array(np.ones((0, 3))), None, None, w),
        (g, None, x, w, host.array(np.ones(1, "float32"))), (g, None, x, w, host.array(np.ones(2))),
    ]  # fmt: skip
    assert all(launchers.linear_vjp(*arrays, **params) is NotImplemented for arrays in wrong)
    assert launchers.linear_vjp(g, None, x, w, **{**params, "activation": "tanh"}) is NotImplemented
    assert launchers.linear_vjp(g, None, x, w, **{**params, "activation": "erf"}) is NotImplemented


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1), (33, 31), (1000, 8), (2, 3, 300), (5, 2, 3, 4)])
def test_sums_over_all_axes_but_the_last(host, dtype, shape):
    x = random(shape, dtype)
    got, rows = launchers.sum_to(host.array(x), shape=shape[-1:]), x.astype(float).reshape(-1, shape[-1])
    error = np.abs(host.numpy(got).astype(float) - rows.sum(0))
    assert got.shape == shape[-1:] and np.all(error <= TOLERANCE[dtype] * np.abs(rows).sum(0))


def test_other_sums_are_declined(host):
    x = host.array(np.ones((4, 3, 2)))
    for shape in [(3, 2), (1,), (3, 1), ()]:
        assert launchers.sum_to(x, shape=shape) is NotImplemented
    assert launchers.sum_to(x[:, ::2], shape=(2,)) is NotImplemented
