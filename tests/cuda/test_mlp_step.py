"""The fused MLP step on host memory: against the unfused graph in float64, and what it declines."""

import itertools
import math

import numpy as np
import pytest

from gpugrad.core.namespace import PRIMITIVES
from gpugrad.cuda import autotune
from gpugrad.cuda import mlp_step as launcher
from gpugrad.cuda.activations import activation as find_activation
from gpugrad.cuda.mlp_step import choose, layout, mlp_step
from gpugrad.cuda.runtime import Limits
from gpugrad.ops import mlp_step as ops_mlp_step

ml_dtypes = pytest.importorskip("ml_dtypes")
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
ACTIVATIONS = {
    "relu": {},
    "leaky_relu": {"negative_slope": 0.1},
    "elu": {"alpha": 1.5, "scale": 1.0},
    "hardtanh": {"min_val": -0.5, "max_val": 0.75},
    "sigmoid": {},
    "tanh": {},
    "softplus": {"beta": 2.0},
    "gelu": {"approximate": "none"},
    "silu": {},
    "mish": {},
}
H200 = Limits(arch=90, n_sm=132, shared_bytes=232448)


class Net:
    """A random net with a batch: float64 values that float32 or bfloat16 hold exactly."""

    def __init__(self, n, widths, dtype=np.float32, loss="cross_entropy", biases=True, class_weight=False, seed=0):
        rng = np.random.default_rng(seed)

        def draw(*shape, scale=1.0):
            return (rng.normal(size=shape) * scale).astype(dtype).astype(np.float64)

        self.dtype, self.loss, self.n_layers = np.dtype(dtype), loss, len(widths) - 1
        self.x = draw(n, widths[0])
        pairs = list(itertools.pairwise(widths))
        self.params = [draw(n_out, n_in, scale=n_in**-0.5) for n_in, n_out in pairs]
        self.params += [draw(n_out, scale=0.3) for _, n_out in pairs] if biases else []
        self.target = rng.integers(0, widths[-1], n) if loss == "cross_entropy" else draw(n, widths[-1])
        self.class_weight = rng.uniform(0.5, 2.0, widths[-1]) if class_weight else None

    def how(self, name="relu", mean=True, scale=1.0, smoothing=0.0):
        return ops_mlp_step.How(self.n_layers, name, ACTIVATIONS[name], self.loss, mean, scale, smoothing)

    def launch(self, host, **how):
        """What the launcher gives, as float64."""
        as_device = [host.array(a, self.dtype) for a in (self.x, *self.params)]
        target = host.array(self.target, None if self.loss == "cross_entropy" else self.dtype)
        weight = None if self.class_weight is None else host.array(self.class_weight, np.float32)
        y = mlp_step(as_device[0], target, weight, *as_device[1:], how=self.how(**how))
        return y if y is NotImplemented else [host.numpy(a).astype(np.float64) for a in y]

    def reference(self, **how):
        forward = PRIMITIVES["mlp_step"].forward
        weight = None if self.class_weight is None else self.class_weight.astype(np.float32).astype(np.float64)
        return forward(np, self.x, self.target, weight, *self.params, how=self.how(**how))


def assert_close(got, want, tolerance):
    assert got is not NotImplemented
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        assert a.shape == np.shape(b)
        assert np.abs(a - b).max() <= tolerance * max(np.abs(b).max(), 1e-3)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("loss", launcher.LOSSES)
def test_equals_the_unfused_graph(host, name, loss):
    host.order(len(name) % 3)
    net = Net(45, (9, 17, 12, 5), loss=loss)
    assert_close(net.launch(host, name=name), net.reference(name=name), 2e-5)


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize(
    ("n", "widths"),
    [
        (1, (1, 1)),
        (1, (1, 1, 1)),
        (7, (3, 16, 2)),
        (33, (31, 33, 10)),
        (131, (64, 64, 64, 10)),
        (300, (5, 7, 11, 13, 3)),
    ],
)
def test_awkward_sizes_in_three_stepping_orders(host, order, n, widths):
    host.order(order, seed=n)
    net = Net(n, widths)
    assert_close(net.launch(host), net.reference(), 2e-5)
    assert host.launched("mlp_step<float, Relu>") == host.launched("mlp_reduce<float>") == 1


@pytest.mark.parametrize(
    "how", [{"mean": False}, {"scale": 0.5}, {"smoothing": 0.1}, {"mean": False, "smoothing": 0.3, "scale": 3.0}]
)
@pytest.mark.parametrize("options", [{}, {"class_weight": True}, {"biases": False}])
def test_reductions_smoothing_class_weights_and_no_biases(host, how, options):
    net = Net(40, (6, 8, 4), **options)
    assert_close(net.launch(host, **how), net.reference(**how), 2e-5)


@pytest.mark.parametrize("shared_bytes", [232448, 49152, 24000, 17000])
@pytest.mark.parametrize("dtype", [np.float32, BFLOAT16], ids=["float32", "bfloat16"])
def test_every_layout_of_shared_memory_gives_the_same(host, shared_bytes, dtype):
    host.device = host.device._replace(shared_bytes=shared_bytes)
    net = Net(150, (30, 40, 24, 7), dtype=dtype)
    tolerance = 2e-5 if dtype == np.float32 else 3e-2
    assert_close(net.launch(host, name="tanh"), net.reference(name="tanh"), tolerance)


def test_the_layouts_of_that_test_differ():
    sizes = (30 * 40 + 40 * 24 + 24 * 7) + 71
    found = {choose((30, 40, 24, 7), 4, sizes, True, 150, Limits(90, 4, b)) for b in (232448, 49152, 24000, 17000)}
    assert {(f.resident, f.grads_at >= 0) for f in found} == {(True, True), (True, False), (False, False)}


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize(
    ("dtype", "widths", "shared_bytes", "resident", "shared_grads"),
    [
        (np.float32, (30, 40, 24, 7), 232448, True, True),
        (np.float32, (30, 40, 24, 7), 24000, True, False),
        (np.float32, (30, 40, 24, 7), 17000, False, False),
        (BFLOAT16, (17,) * 9, 30000, False, True),
        (BFLOAT16, (17,) * 9, 20000, False, False),
    ],
)
def test_blocks_with_several_tiles_of_rows(host, order, dtype, widths, shared_bytes, resident, shared_grads):
    """Weights that stay or that are staged for each use, gradients that add up in shared or in device memory."""
    host.device = Limits(90, 1, shared_bytes)
    host.order(order, seed=shared_bytes)
    net = Net(400, widths, dtype=dtype)
    found = choose(widths, net.dtype.itemsize, sum(p.size for p in net.params), True, 400, host.device)
    assert (found.resident, found.grads_at >= 0) == (resident, shared_grads)
    assert 4 * found.tile_rows < 400  # of at most four blocks
    tolerance = 2e-5 if dtype == np.float32 else 5e-2
    got, want = net.launch(host, name="tanh"), net.reference(name="tanh")
    assert_close([got[0], *got[2:]], [want[0], *want[2:]], tolerance)  # n_correct may differ: logits nearly tie


@pytest.mark.parametrize("name", ["tanh", "silu"])
@pytest.mark.parametrize(("n", "widths"), [(1, (1, 1)), (37, (17, 33, 5)), (131, (64, 64, 64, 10))])
def test_bfloat16_on_tensor_cores(host, name, n, widths):
    host.order(n % 3)
    net = Net(n, widths, dtype=BFLOAT16)
    got, want = net.launch(host, name=name), net.reference(name=name)
    assert_close([got[0], *got[2:]], [want[0], *want[2:]], 2e-2)  # n_correct may differ: logits nearly tie
    assert host.launched("mlp_step<__nv_bfloat16, ") == 1


def test_gradients_repeat_bit_for_bit_whatever_the_order_of_threads(host):
    net = Net(200, (20, 24, 6))
    runs = []
    for order in (0, 1, 2):
        host.order(order, seed=order)
        runs.append(net.launch(host))
    for other in runs[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(runs[0], other, strict=True))


def test_large_logits_and_labels_out_of_range(host):
    net = Net(20, (4, 8, 3))
    net.params[1] *= 1e5
    loss = net.launch(host)[0]
    assert np.isfinite(loss)
    net.target[3] = 3
    assert np.isnan(net.launch(host)[0])


def test_a_class_infinitely_far_behind_does_not_spoil_the_loss(host):
    """z - max z overflows to -inf there: its weight is 0, without smoothing."""
    net = Net(4, (1, 2), biases=False)
    net.x[...], net.target[...] = 1, 0
    net.params[0][...] = [[3e38], [-3e38]]
    loss, n_correct, grad = net.launch(host)
    assert (loss, n_correct) == (0, 4)
    np.testing.assert_array_equal(grad, [[0], [0]])


def test_accuracy_counts_the_first_of_equal_logits(host):
    net = Net(5, (2, 3), biases=False)
    net.params[0][...] = 0
    net.target[...] = [0, 1, 0, 2, 0]
    assert net.launch(host)[1] == 3


@pytest.mark.parametrize(
    "spoil",
    [
        lambda net: setattr(net, "x", net.x[:0]) or setattr(net, "target", net.target[:0]),
        lambda net: setattr(net, "target", net.target.astype(np.int32)),
        lambda net: setattr(net, "dtype", np.dtype(np.float64)),
        lambda net: setattr(net, "dtype", np.dtype(np.float16)),
        lambda net: setattr(net, "target", net.target[:-1]),
        lambda net: net.params.__setitem__(1, net.params[1][:, :-1]),
        lambda net: net.params.__setitem__(3, net.params[3][:-1]),
    ],
)
def test_what_it_cannot_serve_it_declines(host, spoil):
    net = Net(8, (4, 6, 3))
    spoil(net)
    assert net.launch(host) is NotImplemented
    assert not host.launches


def test_bfloat16_is_declined_before_compute_capability_8(host):
    host.device = host.device._replace(arch=75)
    assert Net(8, (4, 3), dtype=BFLOAT16).launch(host) is NotImplemented
    assert Net(8, (4, 3)).launch(host) is not NotImplemented


def test_what_does_not_fit_is_declined_with_the_reason():
    assert "300" in choose((300, 64, 10), 4, 19850, True, 4096, H200)
    assert "9 layers" in choose((16,) * 10, 4, 9 * 272, True, 4096, H200)
    assert "shared memory" in choose((256, 256, 256), 4, 131584, True, 4096, Limits(75, 40, 65536))


@pytest.mark.parametrize(("width", "itemsize"), [(64, 4), (128, 4), (64, 2), (128, 2)])
def test_narrow_nets_of_four_hidden_layers_fit_an_h200(width, itemsize):
    widths = (width,) * 5 + (10,)
    n_params = 4 * width * (width + 1) + 10 * (width + 1)
    for keeps_y in (True, False):
        found = choose(widths, itemsize, n_params, keeps_y, 65536, H200)
        assert not isinstance(found, str)
    assert width > 64 or found.resident


def test_nothing_in_shared_memory_overlaps():
    for keeps_y in (True, False):
        found = layout((30, 40, 7), 2, 1527, keeps_y, 32, resident=True, shared_grads=True)
        places = [
            *found.h_at,
            *(() if keeps_y else found.z_at),
            *found.w_at,
            *found.b_at,
            found.logits_at,
            found.grads_at,
        ]
        assert len(set(places)) == len(places)
        assert all(place % 16 == 0 and place < found.n_bytes for place in places)


def test_activation_parameters_reach_the_kernel():
    for name, options in ACTIVATIONS.items():
        assert find_activation(name, **options) is not None, name


def test_a_cupy_array_takes_the_kernel_and_differentiates(host):
    net = Net(33, (6, 8, 3))
    x, *params = (host.array(a, np.float32) for a in (net.x, *net.params))
    target = host.array(net.target)

    def f(*params):
        return ops_mlp_step.mlp_loss(x, target, params[:2], params[2:])

    import gpugrad as gg

    value, grads = gg.value_and_grad(f, tuple(range(4)))(*params)
    want = net.reference()
    assert host.launched("mlp_step<float, Relu>") == 1
    assert math.isclose(float(host.numpy(value)), want[0], rel_tol=1e-5)
    assert_close([host.numpy(g).astype(np.float64) for g in grads], want[2:], 2e-5)


def test_what_serves_and_why_not_is_told(host, monkeypatch):
    monkeypatch.setattr(autotune, "told", {})
    Net(8, (4, 6, 3)).launch(host)
    host.device = host.device._replace(shared_bytes=2048)
    Net(8, (40, 60, 3)).launch(host)
    told = dict(autotune.report())
    assert told["mlp_step 4x8x4 float32 sm_90"] == "one kernel: tiles of 16 rows, weights stay in shared memory"
    assert told["mlp_step 64x64x4 float32 sm_90"].startswith("the unfused graph: 1")
    assert told["mlp_step 64x64x4 float32 sm_90"].endswith("bytes of shared memory for 16 rows; a block has 2048")
