"""Launchers of elementwise.cu on host memory, against the primitives' own forwards in float64."""

import numpy as np
import pytest

from gpugrad.core.namespace import PRIMITIVES
from gpugrad.cuda import elementwise
from gpugrad.cuda.activations import KEEP_Y, STRUCTS, Activation, activation

ml_dtypes = pytest.importorskip("ml_dtypes")

SIZES = (0, 1, 7, 8, 31, 33, 257, 1031)
# Of the larger of 1 and |result|: a few roundings of the arithmetic, or one of 2-byte storage.
TOLERANCE = {np.float32: 2e-6, np.float64: 1e-14, np.float16: 2.0**-11, ml_dtypes.bfloat16: 2.0**-8}
PARAMS = {
    "leaky_relu": ({"negative_slope": 0.25}, {"negative_slope": 2.0}),
    "elu": ({"alpha": 0.5, "scale": 1.0}, {"alpha": 1.6732632423543772, "scale": 1.0507009873554805}),
    "hardtanh": ({"min_val": -0.3, "max_val": 0.7},),
    "softplus": ({"beta": 1.0}, {"beta": 2.5}),
    "gelu": ({"approximate": "none"}, {"approximate": "tanh"}),
}
NAMES = ("relu", "leaky_relu", "elu", "hardtanh", "sigmoid", "tanh", "softplus", "log_sigmoid", "gelu", "silu", "mish")
CASES = [(name, params) for name in NAMES for params in PARAMS.get(name, ({},))]
each_case = pytest.mark.parametrize(("name", "params"), CASES)
each_dtype = pytest.mark.parametrize("dtype", TOLERANCE, ids=lambda t: np.dtype(t).name)


def reference(name, *args, **params):
    """The primitive's forward on NumPy arrays, in float64."""
    p = PRIMITIVES[name]
    wide = [np.asarray(a, np.float64) for a in args]
    with np.errstate(all="ignore"):
        return (getattr(np, p.direct) if p.direct else lambda *xs, **kw: p.forward(np, *xs, **kw))(*wide, **params)


def drawn(n, dtype, seed=0, scale=3.0):
    return (np.random.default_rng(seed + n).normal(size=n) * scale).astype(dtype)


def assert_close(host, got, want, dtype):
    got = host.numpy(got)
    assert got.dtype == dtype and got.shape == want.shape
    got, finite = got.astype(np.float64), np.isfinite(want)
    np.testing.assert_array_equal(got[~finite], want[~finite])
    off = np.abs(got[finite] - want[finite]) / np.maximum(1, np.abs(want[finite]))
    assert off.max(initial=0) <= TOLERANCE[dtype]


def kept(name, x, y):
    """What the gradient of a primitive takes, with its parameters' name: the output or the input."""
    return y if activation(name, **PARAMS.get(name, ({},))[0]).keeps_y else x


@each_case
@each_dtype
def test_activations_forward_and_backward(host, name, params, dtype):
    launch, launch_grad = getattr(elementwise, name), getattr(elementwise, f"{name}_grad", None)
    for order, n in enumerate(SIZES):
        host.order(order % 3)
        x, g = drawn(n, dtype), drawn(n, dtype, seed=9, scale=1.0)
        want = reference(name, x, **params)
        assert_close(host, launch(host.array(x), **params), want, dtype)
        if launch_grad is not None:
            v = kept(name, x, want.astype(dtype))
            got = launch_grad(host.array(g), host.array(v), **params)
            limits = {k: float(np.dtype(dtype).type(p)) for k, p in params.items()} if name == "hardtanh" else params
            assert_close(host, got, reference(f"{name}_grad", g, v, **limits), dtype)
    assert host.launched("act_fwd") == len(SIZES) - 1


def test_an_activation_keeps_what_its_primitive_saves():
    for name, params in CASES:
        assert activation(name, **params).keeps_y == bool(PRIMITIVES[name].keep[True,][0]), name
    assert set(KEEP_Y) < set(STRUCTS)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_more_elements_than_threads(host, order):
    """The grid of a small card is shorter than the array, in packs as one by one."""
    host.order(order, seed=3)
    x = drawn(150_003, np.float32)
    for array, want in ((host.array(x), x), (host.array(x)[1:], x[1:])):
        assert_close(host, elementwise.relu(array), np.maximum(want, 0).astype(np.float64), np.float32)


@each_dtype
def test_a_view_that_is_not_aligned(host, dtype):
    x, g = drawn(100, dtype), drawn(100, dtype, seed=5)
    got = elementwise.silu_grad(host.array(g)[1:98], host.array(x)[2:99])
    assert_close(host, got, reference("silu_grad", g[1:98], x[2:99]), dtype)


def test_infinities_and_nan(host):
    x = np.array([np.inf, -np.inf, np.nan, 1e4, -1e4, 0.0, -0.0], np.float32)
    for name, params in CASES:
        want = reference(name, x, **params)
        assert_close(host, getattr(elementwise, name)(host.array(x), **params), want, np.float32)
    for name, params in (("relu_grad", {}), ("hardtanh_grad", PARAMS["hardtanh"][0])):
        got = host.numpy(getattr(elementwise, name)(host.array(x), host.array(np.full(7, -5, np.float32)), **params))
        np.testing.assert_array_equal(got, np.zeros(7))


@each_dtype
def test_sigmoid_cross_entropy(host, dtype):
    for order, n in enumerate(SIZES):
        host.order(order % 3)
        g, z, t = drawn(n, dtype, 1, 1.0), drawn(n, dtype, 2), drawn(n, dtype, 3, 1.0)
        arrays = [host.array(a) for a in (g, z, t)]
        want = reference("sigmoid_cross_entropy", z, t)
        assert_close(host, elementwise.sigmoid_cross_entropy(*arrays[1:]), want, dtype)
        want = reference("sigmoid_cross_entropy_grad", g, z, t)
        assert_close(host, elementwise.sigmoid_cross_entropy_grad(*arrays), want, dtype)


def test_what_cannot_be_served_is_declined(host):
    x = host.array(np.ones((4, 6), np.float32))
    for bad in (x.T, x[:, ::2], host.array(np.ones((4, 6), np.int32)), 2.0):
        assert elementwise.relu(bad) is NotImplemented
    for bad in (x.T, host.array(np.ones((4, 6))), host.array(np.ones(6, np.float32)), 1.0, host.numpy(x)):
        assert elementwise.relu_grad(x, bad) is NotImplemented
        assert elementwise.relu_grad(bad, x) is NotImplemented
    b, act = host.array(np.ones(6, np.float32)), Activation("Relu")
    for z, bad in ((x, b[:3]), (x[:, ::2], b[:3]), (x, host.array(np.ones(6))), (host.array(np.float32(1.0)), b)):
        assert elementwise.bias_act(z, bad, act) is NotImplemented
    assert host.launches == []


ROWS = ((0, 3), (1, 1), (3, 10), (7, 8), (33, 31), (5, 128), (2, 1032), (2, 3, 4))


@pytest.mark.parametrize("struct", STRUCTS)
def test_bias_and_activation(host, struct):
    name = {"Identity": None, "Leaky": "leaky_relu", "GeluTanh": "gelu"}.get(struct, struct.lower())
    params = PARAMS.get(name, ({},))[-1]
    act = activation(name, **params) if name else Activation("Identity")
    for order, dtype in enumerate(TOLERANCE):
        for shape in ROWS:
            host.order(order % 3)
            z, b = drawn(int(np.prod(shape)), dtype).reshape(shape), drawn(shape[-1], dtype, seed=4)
            total = z.astype(np.float64) + b.astype(np.float64)
            want = reference(name, total, **params) if name else total
            assert_close(host, elementwise.bias_act(host.array(z), host.array(b), act), want, dtype)
            s, y = elementwise.bias_act(host.array(z), host.array(b), act, keep_sum=True)
            assert_close(host, s, total, dtype)
            assert_close(host, y, want, dtype)


def test_bias_and_activation_in_place(host):
    z, b = drawn(6 * 20, np.float32).reshape(6, 20), drawn(20, np.float32, seed=4)
    there = host.array(z)
    y = elementwise.bias_act(there, host.array(b), Activation("Tanh"), in_place=True)
    assert y is there
    assert_close(host, y, np.tanh((z + b).astype(np.float64)), np.float32)
    there = host.array(z)
    s, y = elementwise.bias_act(there, host.array(b), Activation("Silu"), keep_sum=True, in_place=True)
    assert s is there
    assert_close(host, s, (z + b).astype(np.float64), np.float32)
    assert_close(host, y, reference("silu", z + b), np.float32)


def test_bias_and_activation_of_more_rows_than_the_grid_has(host):
    z, b = drawn(40_000 * 4, np.float32).reshape(40_000, 4), drawn(4, np.float32, seed=4)
    got = elementwise.bias_act(host.array(z), host.array(b), Activation("Relu"))
    assert_close(host, got, np.maximum(z + b, 0).astype(np.float64), np.float32)
