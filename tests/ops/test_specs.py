"""Every line of every spec table, through value, dtype, layout and memory, and gradients of both modes to its order."""

import contextlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import gpugrad as gg
from gpugrad.core.namespace import PRIMITIVES, RAW
from gpugrad.core.record import PICK
from gpugrad.core.tape import LEAF
from gpugrad.errors import GpugradError
from gpugrad.testing import gradcheck
from tests.ops.recording import recording
from tests.ops.spec import all_specs, parts, plain
from tests.ops.sweeping import read_only, sweep

SPECS = all_specs()
RTOL = {"float16": 2e-2, "float32": 1e-5, "float64": 1e-12}


def elementwise_specs():
    """The first spec, for each set of parameters, of operations that run elementwise primitives alone."""
    found, others = {}, set()
    with recording() as ran:
        for spec in SPECS:
            ran.clear()
            with contextlib.suppress(Exception):  # an operation that fails does so with its cause in the tests below
                spec.call(*spec.draw())
            if ran and all(PRIMITIVES[name].family == "elementwise" for name, _ in ran):
                found.setdefault((spec.op, str(spec.params), len(spec.args)), spec)
            else:
                others.add(spec.op)
    return [spec for spec in found.values() if spec.op not in others]


every = pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.id)
each_elementwise = pytest.mark.parametrize("spec", elementwise_specs(), ids=lambda s: s.op.__name__)
differentiable = pytest.mark.parametrize("spec", [s for s in SPECS if s.differentiable], ids=lambda s: s.id)
narrow = pytest.mark.parametrize("spec", [s for s in SPECS if "float16" in s.dtypes], ids=lambda s: s.id)


def assert_same(got, want, rtol):
    """Equal in number of outputs, dtype, shape and value."""
    for g, w in zip(parts(got), parts(want), strict=True):
        g, w = plain(g), np.asarray(w)
        assert g.dtype == w.dtype
        assert g.shape == w.shape
        np.testing.assert_allclose(g, w, rtol=rtol, atol=rtol)


# --- values


@every
def test_value_and_dtype_are_numpys(spec):
    """Of arrays, of Tensors, and of one Tensor among arrays, in every place."""
    if spec.reference is None:
        assert spec.note, "a spec without reference says why"
        return
    for dtype in spec.dtypes:
        args = spec.draw(dtype)
        expected = spec.expected(*args)
        y = spec.call(*args)
        assert not any(isinstance(part, gg.Tensor) for part in parts(y))
        assert_same(y, expected, RTOL[dtype])
        mixtures = [[gg.Tensor(a) for a in args]]
        if len(args) > 1:
            mixtures += [[gg.Tensor(a) if i == k else a for k, a in enumerate(args)] for i in spec.moving]
        for given_args in mixtures:
            y = spec.call(*given_args)
            assert any(isinstance(part, gg.Tensor) for part in parts(y)) or not parts(y)
            assert_same(y, expected, RTOL[dtype])


def number_in(domain):
    """A Python float inside the domain, and an int where there is one."""
    low, high = domain
    number = 0.75 * low + 0.25 * high
    whole = math.ceil(low + 1e-9)
    return [number, whole] if whole < high and whole != 0 else [number]


@each_elementwise
def test_python_numbers_are_weak(spec):
    """In every place beside arrays and Tensors, they take the dtype of the others."""
    if spec.reference is None or len(spec.moving) < 2 or not spec.public:
        return
    for dtype in spec.dtypes:
        for i in spec.moving:
            args = spec.draw(dtype)
            for number in number_in(spec.domains[i]):
                args[i] = number
                as_array = [np.asarray(a, dtype) if k == i else a for k, a in enumerate(args)]
                expected = spec.expected(*(args if isinstance(spec.reference, np.ufunc) else as_array))
                for given_args in (args, [a if k == i else gg.Tensor(a) for k, a in enumerate(args)]):
                    assert_same(spec.call(*given_args), expected, RTOL[dtype])


@each_elementwise
@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool"])
def test_integers_and_bools_as_in_numpy(spec, dtype):
    if not isinstance(spec.reference, np.ufunc):
        return
    args = spec.draw()
    for i in spec.moving:
        low, high = spec.domains[i]
        low = max(low, 0) if dtype != "int32" else low
        whole = np.arange(math.ceil(low), math.floor(high) + 1) if dtype != "bool" else np.array([False, True])
        if not len(whole) or whole[0] < low or whole[-1] > high:
            return
        args[i] = np.resize(whole, args[i].shape).astype(dtype)
    try:
        expected = spec.expected(*args)
    except (TypeError, ValueError):
        with pytest.raises(GpugradError):
            spec.call(*(gg.Tensor(a) for a in args))
        return
    for given_args in (args, [gg.Tensor(a) for a in args]):
        assert_same(spec.call(*given_args), expected, 1e-3 if np.asarray(expected).dtype == np.float16 else 1e-5)


# --- gradients


@every
def test_gradients_in_both_modes(spec):
    args = spec.draw()
    if not spec.differentiable:
        tracked = [gg.Tensor(a, requires_grad=i in spec.moving) for i, a in enumerate(args)]
        assert not any(y.requires_grad for y in parts(spec.call(*tracked)))
        return
    assert gradcheck(spec.of_moving(args), *(args[i] for i in spec.moving), order=spec.order)


@differentiable
def test_a_gradient_has_the_dtype_of_its_input(spec):
    """Also where the inputs differ and the output is of the wider dtype."""
    for dtypes in (["float32"] * len(spec.args), ["float32", "float64"] * len(spec.args), ["float16"] * len(spec.args)):
        if not set(dtypes) <= set(spec.dtypes):
            continue
        args = [spec.draw(dtype)[i] for i, dtype in zip(range(len(spec.args)), dtypes, strict=False)]
        leaves = {i: gg.Tensor(args[i], requires_grad=True) for i in spec.moving}
        sweep(spec.call(*(leaves.get(i, a) for i, a in enumerate(args))))
        for i, leaf in leaves.items():
            assert leaf.grad is None or (leaf.grad.dtype, leaf.grad.shape) == (args[i].dtype, args[i].shape)


def nodes_below(ys):
    stack, seen = [y.node for y in ys if y.node is not None], {}
    while stack:
        node = stack.pop()
        if id(node) not in seen:
            seen[id(node)] = node
            stack += [p for p in node[1] if type(p) is tuple]
    return [n for n in seen.values() if n[0] is not LEAF and n[0] is not PICK]


@differentiable
def test_rules_write_to_nothing_and_share_no_memory_with_what_was_saved(spec):
    args = spec.draw()
    leaves = [gg.Tensor(a, requires_grad=True) if i in spec.moving else a for i, a in enumerate(args)]
    ys = parts(spec.call(*leaves))
    nodes = nodes_below(ys)
    assert nodes or not any(a.size for a in args)
    for p, parents, saved, params, shape, dtype, _ in nodes:
        kept = [v for part in saved for v in parts(part) if isinstance(v, np.ndarray)]
        g = [read_only(np.ones(s, d)) for s, d in zip(shape, dtype, strict=True)] if type(shape) is list else None
        g = read_only(np.ones(shape, dtype)) if g is None else g
        for value in kept:
            value.flags.writeable = False
        F, params = RAW[np.ndarray], params or {}
        if p.vjp_rules:
            pairs = zip(p.vjp_rules, parents, strict=False)
            found = [rule(F, g, *saved, **params) for rule, parent in pairs if rule is not None and parent is not None]
        else:
            found = [h for h in p.vjp_all_rule(F, g, *saved, **params) if h is not None]
        for h in found:
            for value in kept:
                assert not np.shares_memory(h, value), p.name


# --- float16 and bfloat16


@narrow
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_two_byte_floats(spec, dtype):
    """Right dtypes out and in, and values as near to float32's as one rounding of the inputs and the result allows."""
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    kind = gg.Tensor([0.0], dtype=dtype).dtype
    unit = 2.0**-10 if dtype == "float16" else 2.0**-7
    args = [a.astype(kind) if i in spec.moving else a for i, a in enumerate(spec.draw("float32"))]
    wide = [a.astype(np.float32) if i in spec.moving else a for i, a in enumerate(args)]
    half = spec.call(*(a.astype(np.float16) if i in spec.moving else a for i, a in enumerate(wide)))
    leaves = {i: gg.Tensor(args[i], requires_grad=spec.differentiable) for i in spec.moving}
    ys = spec.call(*(leaves.get(i, a) for i, a in enumerate(args)))
    for y, h, w in zip(parts(ys), parts(half), parts(spec.call(*wide)), strict=True):
        h, w = plain(h), plain(w)
        assert y.dtype == (kind if h.dtype == np.float16 else h.dtype)
        assert_near(plain(y), w, spec.narrow * unit)
    if not spec.differentiable:
        return
    sweep(ys)
    wide_leaves = {i: gg.Tensor(wide[i], requires_grad=True) for i in spec.moving}
    sweep(spec.call(*(wide_leaves.get(i, a) for i, a in enumerate(wide))))
    for i, leaf in leaves.items():
        if leaf.grad is None:
            assert wide_leaves[i].grad is None
            continue
        assert leaf.grad.dtype == kind and leaf.grad.shape == leaf.shape
        assert_near(plain(leaf.grad), plain(wide_leaves[i].grad), 4 * spec.narrow * unit)


def assert_near(got, want, tolerance):
    want = want.astype(np.float64)
    scale = float(np.abs(want).max()) if want.size else 0.0
    np.testing.assert_allclose(got.astype(np.float64), want, rtol=tolerance, atol=tolerance * max(scale, 0.1))


# --- shapes and broadcasting of the elementwise family


def products(a, b):
    """The summands of the inner product of two lists of arrays."""
    return [np.asarray(x, np.float64) * np.asarray(y, np.float64) for x, y in zip(a, b, strict=True)]


@each_elementwise
@given(st.data())
def test_every_shape_broadcasts(spec, data):
    """Empty and 0-d arrays among them; gradients have the shapes and dtypes of their inputs; <v, J u> = <J^T v, u>."""
    n = len(spec.args)
    shapes, result = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=n, min_side=0, max_side=3, max_dims=3))
    kinds = st.sampled_from([dtype for dtype in spec.dtypes if dtype != "float16"])
    mixed = getattr(spec.reference, "__module__", "numpy") == "numpy"  # references made by hand take one dtype
    dtypes = data.draw(st.lists(kinds, min_size=n, max_size=n) if mixed else kinds.map(lambda kind: [kind] * n))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    args = [
        spec.values(rng, shape, domain, dtype) if isinstance(a, tuple) else np.resize(a, shape)
        for a, shape, domain, dtype in zip(spec.args, shapes, spec.domains, dtypes, strict=True)
    ]
    ys = spec.call(*(gg.Tensor(a) for a in args))
    assert [y.shape for y in parts(ys)] == [result] * len(parts(ys))
    if spec.reference is not None:
        assert_same(ys, spec.expected(*args), 1e-5 if "float32" in dtypes else 1e-12)
    if not spec.differentiable:
        return
    f, xs = spec.of_moving(args), [args[i] for i in spec.moving]
    us = [rng.uniform(-1, 1, x.shape).astype(x.dtype) for x in xs]
    ys, pushed = gg.jvp(f, xs, us)
    vs = [rng.uniform(-1, 1, result).astype(y.dtype) for y in parts(ys)]
    pulled = gg.vjp(f, *xs)[1](tuple(vs) if isinstance(ys, tuple) else vs[0])
    assert [(g.shape, g.dtype) for g in pulled] == [(x.shape, x.dtype) for x in xs]
    assert [(t.shape, t.dtype) for t in parts(pushed)] == [(y.shape, y.dtype) for y in parts(ys)]
    left, right = products(vs, parts(pushed)), products(pulled, us)
    scale = 1.0 + sum(float(np.abs(t).sum()) for t in left + right)
    gap = abs(sum(t.sum() for t in left) - sum(t.sum() for t in right))
    assert gap <= (1e-4 if "float32" in dtypes else 1e-12) * scale
