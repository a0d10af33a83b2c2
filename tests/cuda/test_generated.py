"""Kernels written for chains of elementwise calls, against NumPy: functions, dtypes, broadcasting, strides, sizes."""

import math

import ml_dtypes
import numpy as np
import pytest

from gpugrad.cuda import expressions, generated
from gpugrad.cuda.generated import pointwise
from gpugrad.cuda.recipe import Recipe, Step, serves

pytestmark = pytest.mark.host_only
FLOATS = ["float16", ml_dtypes.bfloat16, "float32", "float64"]
EPS = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}
TWO = {"hypot", "arctan2", "power", "copysign", "maximum", "minimum", "add", "subtract", "multiply", "divide"}
TWO |= {name for name in expressions._COMPARED if name != "logical_not"} | {"bitwise_and", "bitwise_or", "bitwise_xor"}
KNOWN = sorted(
    {*expressions._COMPARED, *expressions._CHOSEN, *expressions._OF_FLOATS, *expressions._LIBRARY}
    - {"sigmoid_cross_entropy", "sigmoid_cross_entropy_grad", "true_divide"}
)
X, Y = ("x", 0), ("x", 1)


@pytest.fixture(autouse=True)
def few_threads(monkeypatch):
    """The stand-in keeps a stack for every thread of a block in each library it loads, and here are many libraries."""
    monkeypatch.setattr(generated, "THREADS", 32)


def step(function, dtype):
    out = "bool" if function in expressions._GIVES_BOOL else dtype
    return Step(function, (X, Y) if function in TWO else (X,), out)


def recipe(dtypes, *steps, outputs=None):
    return Recipe(dtypes, steps, tuple(range(len(steps))) if outputs is None else outputs)


@pytest.mark.parametrize("dtype", FLOATS)
def test_every_function_of_floats_is_numpys(host, dtype):
    dtype, rng = np.dtype(dtype), np.random.default_rng(0)
    a = np.abs(rng.standard_normal(77)).astype(dtype) / 2
    b = (np.abs(rng.standard_normal(77)) + 0.5).astype(dtype)
    shifted = {"arccosh": a + np.asarray(1.5, dtype)}
    for some in (KNOWN[:24], KNOWN[24:]):
        known = [name for name in some if name not in shifted]
        steps = [step(name, dtype.name) for name in known]
        made = pointwise(recipe((dtype.name,) * 2, *steps), (host.array(a), host.array(b)))
        for name, y in zip(known, made, strict=True):
            with np.errstate(all="ignore"):
                want = getattr(np, name)(*(v.astype("f8") for v in ((a, b) if name in TWO else (a,))))
            got = host.numpy(y)
            assert got.dtype == (bool if name in expressions._GIVES_BOOL else dtype), name
            np.testing.assert_allclose(
                got.astype("f8"), want, rtol=8 * EPS[dtype.name], atol=EPS[dtype.name], err_msg=name
            )
    (y,) = pointwise(recipe((dtype.name,), step("arccosh", dtype.name)), (host.array(shifted["arccosh"]),))
    want = np.arccosh(shifted["arccosh"].astype("f8"))
    np.testing.assert_allclose(host.numpy(y).astype("f8"), want, rtol=8 * EPS[dtype.name])


def test_special_values_of_floats(host):
    x = np.array([0.0, -0.0, 1.0, -2.5, np.inf, -np.inf, np.nan, 3e38, 1e-30], "f4")
    y = np.roll(x, 3)
    names = ["maximum", "minimum", "isnan", "isinf", "isfinite", "sign", "logical_and", "logical_not", "not_equal"]
    made = pointwise(recipe(("float32",) * 2, *(step(n, "float32") for n in names)), (host.array(x), host.array(y)))
    for name, got in zip(names, made, strict=True):
        np.testing.assert_array_equal(host.numpy(got), getattr(np, name)(*((x, y) if name in TWO else (x,))), name)


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_every_function_of_integers_is_numpys_and_wraps_around(host, dtype):
    rng = np.random.default_rng(1)
    limits = (0, 2) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    a, b = (rng.integers(*limits, size=53, dtype="u1" if dtype == "bool" else dtype).astype(dtype) for _ in range(2))
    table = expressions._OF_BOOLS if dtype == "bool" else expressions._OF_INTEGERS | {"maximum": "", "sign": ""}
    names = [*table, "greater", "equal", "logical_or"]
    names = [n for n in names if not (n == "negative" and dtype.startswith("u")) and (n, dtype) != ("sign", "bool")]
    made = pointwise(recipe((dtype,) * 2, *(step(n, dtype) for n in names)), (host.array(a), host.array(b)))
    for name, got in zip(names, made, strict=True):
        np.testing.assert_array_equal(host.numpy(got), getattr(np, name)(*((a, b) if name in TWO else (a,))), name)


def test_casts_and_choices(host):
    x, c = np.linspace(-3, 3, 41, dtype="f4"), np.arange(41) % 3 == 0
    to = ["bool", "int8", "int32", "int64", "float16", "float64", "bfloat16"]
    steps = [Step("astype", (X,), t) for t in to] + [Step("where", (Y, X, ("", -1.5)), "float32")]
    *cast, chosen = pointwise(recipe(("float32", "bool"), *steps), (host.array(x), host.array(c)))
    for t, got in zip(to, cast, strict=True):
        np.testing.assert_array_equal(host.numpy(got).astype("f8"), x.astype(t).astype("f8"), t)
    np.testing.assert_array_equal(host.numpy(chosen), np.where(c, x, np.float32(-1.5)))


def test_a_double_is_rounded_once(host):
    tie = [1 + 2.0**-11, 1 + 2.0**-11 + 2.0**-40, 1 + 2.0**-8, 1 + 2.0**-8 + 2.0**-40, 65520 - 2.0**-30, np.inf, np.nan]
    x = host.array(np.array([*tie, *(-v for v in tie)]))
    half, brain = (Step("astype", (X,), dtype) for dtype in ("float16", "bfloat16"))
    got = [host.numpy(y).astype("f8") for y in pointwise(recipe(("float64",), half, brain), (x,))]
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(got[0], host.numpy(x).astype("float16"))
    assert got[1][2:4].tolist() == [1, 1 + 2.0**-7] and got[1][9:11].tolist() == [-1, -1 - 2.0**-7]


def test_a_zero_keeps_its_sign_whatever_was_written_before(host):
    x = host.array(np.ones(3, "f4"))
    for zero in (0.0, -0.0):
        (y,) = pointwise(recipe(("float32",), Step("copysign", (X, ("", zero)), "float32")), (x,))
        assert np.signbit(host.numpy(y)).all() == (str(zero) == "-0.0")


def test_numbers_take_the_arrays_dtype(host):
    numbers = [0.1, -0.0, math.inf, -math.inf, math.nan, 1e-45, 7, True]
    steps = [Step("multiply", (X, ("", n)), "float32") for n in numbers]
    made = pointwise(recipe(("float32",), *steps), (host.array(np.ones(3, "f4")),))
    for n, y in zip(numbers, made, strict=True):
        np.testing.assert_array_equal(host.numpy(y), np.ones(3, "f4") * np.float32(n))
    wide = [Step("add", (X, ("", n)), "int64") for n in (-(2**63), 2**63 - 1, -5)]
    made = pointwise(recipe(("int64",), *wide), (host.array(np.array([0, 1, 2])),))
    for n, y in zip((-(2**63), 2**63 - 1, -5), made, strict=True):
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(host.numpy(y), np.array([0, 1, 2]) + n)


def operands(layout, dtype):
    """Two arrays: of one layout, and what it meets."""
    rng = np.random.default_rng(3)

    def of(*shape):
        return rng.standard_normal(shape).astype(dtype)

    return {
        "flat": lambda: (of(6, 8), of(6, 8)),
        "odd": lambda: (of(5, 7), of(5, 7)),
        "rows": lambda: (of(6, 8), of(8)),
        "odd rows": lambda: (of(5, 7), of(7)),
        "columns": lambda: (of(6, 8), of(6, 1)),
        "outer": lambda: (of(6, 1), of(1, 8)),
        "odd outer": lambda: (of(6, 1), of(1, 7)),
        "narrowed": lambda: (of(6, 9)[:, :8], of(6, 8)),
        "transposed": lambda: (of(8, 6).T, of(6, 8)),
        "both transposed": lambda: (of(8, 6).T, of(8, 6).T),
        "every other": lambda: (of(6, 16)[:, ::2], of(6, 8)),
        "backwards": lambda: (of(6, 8)[::-1], of(6, 8)[:, ::-1]),
        "middle": lambda: (of(3, 1, 8), of(4, 1)),
        "four axes": lambda: (of(2, 3, 1, 5), of(4, 1)),
        "one": lambda: (of(), of(1, 1)),
        "number": lambda: (of(6, 8), of()),
        "none": lambda: (of(0, 8), of(8)),
        "spread": lambda: (np.broadcast_to(of(6, 1), (6, 8)), of(6, 8)),
    }[layout]()


LAYOUTS = [
    *("flat", "odd", "rows", "odd rows", "columns", "outer", "odd outer", "narrowed", "transposed", "both transposed"),
    *("every other", "backwards", "middle", "four axes", "one", "number", "none", "spread"),
]


@pytest.mark.parametrize(
    ("layout", "dtype"), [*((layout, "float32") for layout in LAYOUTS), ("flat", "float16"), ("odd rows", "float16")]
)
def test_broadcasting_and_strides(host, layout, dtype):
    a, b = operands(layout, dtype)
    steps = [Step("multiply", (X, Y), dtype), Step("subtract", (("v", 0), X), dtype), Step("greater", (X, Y), "bool")]
    for order in (0, 1, 2):
        host.order(order, 5)
        made = pointwise(recipe((dtype,) * 2, *steps), tuple(_same_layout(host, v) for v in (a, b)))
        for y, want in zip(made, (a * b, a * b - a, a > b), strict=True):
            np.testing.assert_array_equal(host.numpy(y), want)
            assert y.shape == want.shape and y.flags.c_contiguous
    assert len(host.launches) == (0 if layout == "none" else 3)


def _same_layout(host, v):
    """A host array with v's own strides."""
    owner = v
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    base = host.array(owner)
    start = base.data + (v.ctypes.data - owner.ctypes.data)
    view = type(base)(v.shape, v.dtype, memptr=start, strides=v.strides) if v.size else host.array(v)
    np.testing.assert_array_equal(host.numpy(view), v)
    return view


def test_arrays_that_begin_in_the_middle_of_a_pack_go_one_by_one(host):
    x = host.array(np.arange(41, dtype="f4"))[1:]
    (y,) = pointwise(recipe(("float32",), Step("square", (X,), "float32")), (x,))
    np.testing.assert_array_equal(host.numpy(y), np.arange(1, 41, dtype="f4") ** 2)


@pytest.mark.parametrize("n", [1, 3, 4, 5, 31, 1023, 4099, 140_001])
def test_sizes_around_packs_blocks_and_the_grid(host, n):
    x = np.arange(n, dtype="f4")
    y, z = pointwise(
        recipe(("float32",), Step("negative", (X,), "float32"), Step("isnan", (X,), "bool")), (host.array(x),)
    )
    np.testing.assert_array_equal(host.numpy(y), -x)
    assert not host.numpy(z).any()


def test_outputs_may_take_the_place_of_inputs(host):
    p, g = host.array(np.arange(9, dtype="f4")), host.array(np.ones(9, "f4"))
    steps = Step("multiply", (Y, ("", 0.5)), "float32"), Step("subtract", (X, ("v", 0)), "float32")
    half, new = pointwise(recipe(("float32",) * 2, *steps), (p, g), {1: p})
    assert new is p
    np.testing.assert_array_equal(host.numpy(p), np.arange(9) - 0.5)
    np.testing.assert_array_equal(host.numpy(half), 0.5 * np.ones(9))


def test_what_it_cannot_serve_it_declines(host):
    assert not serves("where", ("bool", "int64", "float64"), "float64")
    one = recipe(("float32",), Step("negative", (X,), "float32"))
    x = host.array(np.ones((4, 3), "f4"))
    assert pointwise(one, (np.ones(3, "f4"),)) is NotImplemented
    assert pointwise(one, (host.array(np.ones(3)),)) is NotImplemented
    assert pointwise(one, (x,), {0: host.array(np.ones((3, 4), "f4")).T}) is NotImplemented
    assert pointwise(one, (x,), {0: host.array(np.ones(4, "f4"))}) is NotImplemented
    many = recipe(("float32",) * 40, Step("negative", (X,), "float32"))
    assert pointwise(many, (x,) * 40) is NotImplemented
    assert not serves("floor_divide", ("int64", None), "int64")
    assert not serves("multiply", ("complex64", None), "complex64")
    assert not serves("multiply", ("float32", "float64"), "float64")
    assert not serves("relu", ("int32",), "int32")
    assert serves("gelu", ("float16",), "float16", (("approximate", "tanh"),))


def test_elements_are_counted_in_64_bits_where_32_are_too_few():
    for n, wide in ((2**31 - 4, False), (2**31, True)):
        layout = generated.Layout((n,), (np.dtype("f4"),), [n], [[1]], (0,))
        assert generated._way(layout, 4).wide == wide


def test_one_text_for_one_recipe_and_way(host):
    one = recipe(("float32",), Step("exp", (X,), "float32"))
    for shape in ((8, 8), (64,), (4, 4, 8)):
        pointwise(one, (host.array(np.ones(shape, "f4")),))
    assert len(set(host.launches)) == 1 and len(host.launches) == 3
