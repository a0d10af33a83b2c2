"""Programs cut along the batch, and products that add: the values of eager execution, whatever the cut."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gpugrad as gg
from gpugrad import Tensor, nn, ops, optim
from gpugrad.program import compile
from gpugrad.program.listed import Listed
from gpugrad.program.passes import optimized, tiling
from gpugrad.program.recording import record

from .running import OPTIMIZERS, Run, batches

llvmlite = pytest.importorskip("llvmlite")
CUT = ("fold", "lower", "common", "dead", "tile", "accumulate", "fuse")
WHOLE = tuple(name for name in CUT if name != "tile")


@pytest.fixture(autouse=True)
def tiny_tiles(monkeypatch):
    monkeypatch.setattr(tiling, "WORTH", 0)
    monkeypatch.setattr(tiling, "TILE", 1 << 10)
    monkeypatch.setattr(tiling, "ROWS", 2)


def names(f, *args, passes=CUT):
    return [call.primitive.name for call in optimized(record(f, args, {}).program, passes).calls]


def is_cut(f, *args):
    return len(names(f, *args)) > len(names(f, *args, passes=WHOLE))


# random functions of x (rows, 5), labels, a weight and a row: what works on rows, and some that does not

OF_ROWS = [
    lambda h, w, c: ops.tanh(h @ w),
    lambda h, w, c: ops.relu(h + c),
    lambda h, w, c: ops.linear(h, w, c),
    lambda h, w, c: ops.softmax(h),
    lambda h, w, c: ops.layer_norm(h),
    lambda h, w, c: h - ops.max(h, axis=1, keepdims=True),
    lambda h, w, c: ops.concatenate([h[:, :2], h[:, 2:] * c[2:]], axis=1),
    lambda h, w, c: ops.transpose(w @ ops.transpose(h)),
    lambda h, w, c: ops.reshape(ops.reshape(h, (h.shape[0], 5, 1)) * 2.0, (h.shape[0], 5)),
    lambda h, w, c: ops.where(h > c, h, 0.1 * h) * ops.mean(h, axis=1, keepdims=True),
    lambda h, w, c: h * np.linspace(0, 1, h.shape[0], dtype=h.dtype)[:, None],
    lambda h, w, c: h + ops.broadcast_to(ops.reshape(ops.sum(h, axis=1), (h.shape[0], 1)), h.shape),
]
BY_THE_BATCH = [
    lambda h, w, c: h - ops.mean(h, axis=0),
    lambda h, w, c: h @ (ops.transpose(h) @ h),
    lambda h, w, c: h[::-1],
    lambda h, w, c: ops.cumsum(h, axis=0),
]


def loss_of(choices):
    layers = OF_ROWS + BY_THE_BATCH

    def loss(w, c, x, y):
        h = x
        for i in choices:
            h = layers[i](h, w, c)
        return nn.cross_entropy(h, y) + 1e-3 * ops.sum(h * h) * ops.sum(w * w), h

    return loss


def arguments(n, seed, dtype):
    rng = np.random.default_rng(seed)
    w, c, x = (rng.standard_normal(s).astype(dtype) / 2 for s in ((5, 5), (5,), (n, 5)))
    return w, c, x, rng.integers(0, 5, n)


def check(choices, n, seed, dtype, executor):
    loss = loss_of(choices)

    def f(*args):
        grads, (value, h) = gg.grad(lambda *a: loss(*a)[0], argnums=(0, 1, 2))(*args), loss(*args)
        return (*grads, value, h)

    passes = CUT if executor == "fast" else [name for name in CUT if name != "accumulate"]
    compiled = compile(f, passes=passes, executor=executor)
    for s in (seed, seed + 1):
        args = arguments(n, s, dtype)
        exact = f(*(a.astype("float64") if a.dtype.kind == "f" else a for a in args))
        for got, expected, true in zip(compiled(*args), f(*args), exact, strict=True):
            scale, own = max(1.0, np.max(np.abs(true))), np.max(np.abs(expected - true))
            tolerance = {"float32": 1e-5, "float64": 1e-11}[dtype]
            np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * scale + 20 * own)


cases = given(
    st.lists(st.one_of(st.integers(0, len(OF_ROWS) - 1), st.integers(0, len(OF_ROWS + BY_THE_BATCH) - 1)), max_size=4),
    st.sampled_from([5, 16, 33, 50]),
    st.integers(0, 99),
    st.sampled_from(["float32", "float64"]),
    st.sampled_from(["fast", "numpy"]),
)
options = dict(deadline=None, report_multiple_bugs=False, suppress_health_check=list(HealthCheck))


@settings(max_examples=20, **options)
@cases
def test_random_programs_give_what_eager_execution_gives(choices, n, seed, dtype, executor):
    check(choices, n, seed, dtype, executor)


@pytest.mark.slow
@settings(max_examples=400, **options)
@cases
def test_hundreds_of_random_programs(choices, n, seed, dtype, executor):
    check(choices, n, seed, dtype, executor)


@pytest.mark.parametrize("layer", OF_ROWS)
def test_what_works_on_rows_is_cut(layer):
    w, c, x, _ = arguments(50, 0, "float32")

    def f(x, w):
        return gg.value_and_grad(lambda w: ops.sum(ops.square(layer(ops.tanh(x @ w), w, c))))(w)

    assert is_cut(f, x, w)


@pytest.mark.parametrize("layer", BY_THE_BATCH)
def test_what_mixes_the_rows_is_left_whole(layer):
    w, c, x, _ = arguments(50, 0, "float32")
    assert not is_cut(lambda x: ops.sum(ops.square(layer(ops.tanh(x @ w), w, c))), x)


def test_batch_norm_and_small_programs_are_left_whole(monkeypatch):
    w, _, x, _ = arguments(50, 0, "float32")
    norm = nn.BatchNorm1d(5)
    assert not is_cut(lambda x: ops.sum(norm(ops.tanh(x) @ w)), x)
    assert is_cut(lambda x: ops.sum(ops.tanh(x) @ w), x)
    monkeypatch.setattr(tiling, "WORTH", 1 << 30)
    assert not is_cut(lambda x: ops.sum(ops.tanh(x) @ w), x)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_training_steps_and_their_shorter_batches(optimizer):
    assert optimizer in OPTIMIZERS
    eager, cut = Run(optimizer=optimizer), Run(optimizer=optimizer, compiled=True)
    for x, y in [*batches(3, size=50), *batches(2, size=37)]:
        np.testing.assert_allclose(cut.step(x, y).numpy(), eager.step(x, y).detach().numpy(), rtol=1e-5, atol=1e-6)
    got = cut.state()
    for name, value in eager.state().items():
        np.testing.assert_allclose(got[name], value, rtol=1e-3, atol=1e-4 * np.max(np.abs(value), initial=1e-2))
    assert "matmul_add" in cut.step.explain()


def test_tiles_need_less_memory():
    model = nn.MLP([6, 32, 32, 3], rng=0)

    def step(x, y):
        model.zero_grad()
        loss = nn.cross_entropy(model(x), y)
        loss.backward()
        return loss

    ((x, y),) = batches(1, size=800)
    arenas = []
    for passes in (WHOLE, CUT):
        compiled = compile(step, passes=passes, executor="fast")
        compiled(x, y)
        arenas.append(compiled._entries[0].plan.places.bytes_arena)
    assert arenas[1] < 0.35 * arenas[0]


def test_numpy_cuts_only_where_it_is_told_to():
    """Sums over the batch run in another order, which this executor does not do by itself."""
    w, _, x, _ = arguments(50, 0, "float32")
    for passes, cuts in ((None, False), (["lower", "tile"], True)):
        f = compile(lambda x: ops.sum(ops.tanh(x @ w)), executor="numpy", passes=passes)
        f(x)
        assert ("add_reduce" in f._entries[0].plan.source) and ("tile" in f._entries[0].passes) == cuts
        assert (f._entries[0].plan.source.count("tanh(") > 1) == cuts


# c + a b


def same(f, *args, passes=("lower", "accumulate")):
    program = record(f, args, {}).program
    new = optimized(program, passes)
    for a, b in zip(Listed(program).run(*args), Listed(new).run(*args), strict=True):
        np.testing.assert_array_equal(a, b)
    return [call.primitive.name for call in new.calls]


def test_a_sum_of_products_becomes_a_product_that_adds():
    a, b = np.random.default_rng(0).standard_normal((2, 6, 6))
    assert same(lambda a, b: a @ b + b @ a, a, b) == ["matmul", "matmul_add"]
    assert same(lambda a, b: ops.tanh(a) + b @ a, a, b) == ["tanh", "matmul_add"]
    assert "matmul_add" not in same(lambda a, b: a + a @ b, a, b)  # an input is not written over
    assert "matmul_add" not in same(lambda a, b: a @ b + b[0], a, b)
    assert "matmul_add" not in same(lambda a, b: (c := a @ b) + c, a, b)
    assert "matmul_add" not in same(lambda a, b: ((c := a @ b) + b, c), a, b)


@pytest.mark.parametrize("turned", range(8))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products_that_add_in_all_layouts(turned, dtype):
    ta, tb, tc = (bool(turned & bit) for bit in (1, 2, 4))

    def f(a, b, c):
        h = ops.tanh(c)
        y = (h.T if tc else h) + (a.T if ta else a) @ (b.T if tb else b)
        return y * 1.0, ops.exp(y)

    rng = np.random.default_rng(turned)
    shapes = ((70, 21) if ta else (21, 70), (40, 70) if tb else (70, 40), (40, 21) if tc else (21, 40))
    args = [rng.standard_normal(s).astype(dtype) / 4 for s in shapes]
    compiled = compile(f, executor="fast")
    for _ in range(2):
        for got, expected in zip(compiled(*args), f(*args), strict=True):
            np.testing.assert_allclose(got, expected, atol=5e-6 if dtype == "float32" else 1e-13)


def test_gradients_that_pile_up_are_added_to_by_the_products():
    x = np.random.default_rng(0).standard_normal((8, 6)).astype("f4")

    def run(make):
        model = nn.Linear(6, 4, rng=0)

        def step(x):
            loss = (ops.tanh(model(x)) ** 2).mean()
            loss.backward()
            return loss

        step = make(step)
        step(x)
        for k in range(3):
            step(x * (k + 1))
        return model.weight.grad, step

    expected, _ = run(lambda f: f)
    got, step = run(lambda f: compile(f, executor="fast"))
    np.testing.assert_allclose(got, expected, rtol=1e-5)
    entry = step._entries[0]
    assert "matmul_add" in step.explain() and entry.plan.places.copied == []


def test_a_rule_for_momentum_still_finds_its_gradient():
    """Two uses of one weight: their gradients are summed by the second product."""
    w = Tensor(np.eye(5, dtype="f4"), requires_grad=True)
    rule = optim.SGD([w], lr=0.1, momentum=0.9)
    x = np.random.default_rng(1).standard_normal((7, 5)).astype("f4")

    def step(x):
        rule.zero_grad()
        loss = (ops.tanh(ops.tanh(x @ w) @ w) ** 2).mean()
        loss.backward()
        rule.step()
        return loss

    start = w.detach().numpy().copy()
    eager = [step(x).item() for _ in range(4)]
    w.data[...], rule = start, optim.SGD([w], lr=0.1, momentum=0.9)
    compiled = compile(step, executor="fast")
    np.testing.assert_allclose([compiled(x).item() for _ in range(4)], eager, rtol=1e-4)
    assert "matmul_add" in compiled.explain()
