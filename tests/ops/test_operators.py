"""Python's operators: reflected, comparing, in place; and NumPy's universal functions and arrays beside Tensors."""

import operator

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.errors import ArgumentTypeError, DTypeError, GpugradError, GradientError, ShapeError

ARITHMETIC = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow"]
BITS = ["and_", "or_", "xor"]
COMPARISONS = ["lt", "le", "gt", "ge", "eq", "ne"]
IN_PLACE = ["iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow"]
A, B = np.array([3.0, -2.0, 0.5]), np.array([2.0, 2.0, 0.5])


def leaf(*values, dtype=np.float64):
    return gg.Tensor(np.array(values, dtype), requires_grad=True)


# --- values


@pytest.mark.parametrize("name", ARITHMETIC + COMPARISONS)
def test_binary_operators_with_every_kind_of_operand(name):
    f = getattr(operator, name)
    pairs = [(A, B), (np.float64(3.0), B), (A, 2.0), (2.0, B), (3, B), (A, np.float32(2.0)), (np.abs(A), B[0])]
    for a, b in pairs:
        want = f(a, b)
        given = [(gg.Tensor(a), b) if isinstance(a, np.ndarray) else (a, gg.Tensor(b))]
        if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
            given += [(a, gg.Tensor(b)), (gg.Tensor(a), gg.Tensor(b))]
        for x, y in given:
            got = f(x, y)
            assert type(got) is gg.Tensor and got.dtype == np.asarray(want).dtype, (a, b)
            np.testing.assert_array_equal(got.numpy(), want)


@pytest.mark.parametrize("name", BITS)
@pytest.mark.parametrize("pair", [([True, False], [True, True]), ([6, 3], [5, 5])])
def test_bits(name, pair):
    f, (a, b) = getattr(operator, name), map(np.array, pair)
    assert f(gg.Tensor(a), b).tolist() == f(a, gg.Tensor(b)).tolist() == f(a, b).tolist()
    assert f(a[0].item(), gg.Tensor(b)).tolist() == f(a[0], b).tolist()


def test_the_rest():
    t, x = gg.Tensor(A), A
    assert (-t).tolist() == (-x).tolist() and (+t).tolist() == x.tolist() and abs(t).tolist() == abs(x).tolist()
    assert (~gg.Tensor([True, False])).tolist() == [False, True]
    assert round(gg.Tensor([1.25, -0.5])).tolist() == [1.0, -0.0] and round(gg.Tensor([1.26]), 1).tolist() == [1.3]
    for q, r in (divmod(t, 2.0), divmod(A, gg.Tensor(2.0))):
        assert q.tolist() == divmod(A, 2.0)[0].tolist() and r.tolist() == divmod(A, 2.0)[1].tolist()
    assert divmod(7.0, gg.Tensor([2.0]))[0].tolist() == [3.0]


def test_none_and_text_are_unequal_to_any_tensor():
    t = gg.Tensor([1.0])
    assert (t == None) is False and (t != None) is True and (t == "t") is False  # noqa: E711
    assert (t == [1.0]).tolist() == [True] and hash(t) == hash(t) and t in {t: 1}


def test_a_chain_of_reflected_operators_has_gradients():
    x = leaf(2.0, 4.0)
    y = 1 - 2 / x + 3 * x + 2**x + (5 % x)
    y.sum().backward()
    ln2 = np.log(2)
    np.testing.assert_allclose(x.grad.numpy(), [0.5 + 3 + 4 * ln2 - 2, 2 / 16 + 3 + 16 * ln2 - 1])


# --- NumPy's functions


def test_universal_functions_take_tensors():
    x = leaf(0.5, 1.0)
    y = np.sin(x) * np.array([1.0, 2.0]) + np.add(np.float64(1.0), x) + np.maximum([0.0, 3.0], x)
    assert type(y) is gg.Tensor
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [np.cos(0.5) + 2, 2 * np.cos(1.0) + 1])
    assert gg.grad(np.tanh)(0.0) == 1.0
    assert np.matmul(np.eye(2), gg.Tensor([1.0, 2.0])).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("array", [A, np.float64(2.0), np.float32(2.0), A.astype(np.float32)])
def test_an_array_on_the_left_gives_a_tensor(array):
    x = leaf(1.0, 2.0, 3.0)
    for f in (operator.add, operator.sub, operator.mul, operator.truediv, operator.pow):
        y = f(array, x)
        assert type(y) is gg.Tensor and y.requires_grad
        np.testing.assert_array_equal(y.detach().numpy(), f(array, x.detach().numpy()))
    assert type(array < x) is gg.Tensor and type(array == x) is gg.Tensor


def test_what_universal_functions_cannot_do():
    x = leaf(1.0, 2.0)
    with pytest.raises(ArgumentTypeError, match=r"np\.add: got out beside a Tensor.*array\[\.\.\.\] = t\.detach"):
        np.add(np.ones(2), x, out=np.ones(2))
    with pytest.raises(ArgumentTypeError, match=r"np\.add\.reduceat: not for Tensors.*t\.sum\(\)"):
        np.add.reduceat(x, [0])
    with pytest.raises(ArgumentTypeError, match=r"np\.isnat: gpugrad has no such operation"):
        np.isnat(x)
    array = np.ones(2)
    with pytest.raises(ArgumentTypeError, match="got out beside a Tensor"):
        array += x
    assert array.tolist() == [1.0, 1.0]


# --- in place, with nothing recorded


@pytest.mark.parametrize("name", IN_PLACE)
@pytest.mark.parametrize(
    "other", [2, 2.0, B, np.array(2.0), gg.Tensor(B)], ids=["int", "float", "array", "0-d", "tensor"]
)
def test_in_place_writes_the_memory(name, other):
    array = A.copy()
    t = gg.Tensor(array)
    before, alias = t, t[:2]
    t = getattr(operator, name)(t, other)
    plain = other.numpy() if isinstance(other, gg.Tensor) else other
    want = getattr(operator, name)(A.copy(), plain)
    assert t is before and t.data is array
    np.testing.assert_array_equal(array, want)
    np.testing.assert_array_equal(alias.numpy(), want[:2])


def test_in_place_on_bits_and_integers():
    t, array = gg.Tensor([True, False]), np.array([6, 3])
    t |= True
    u = gg.Tensor(array)
    u &= 2
    u ^= np.array([1, 1])
    u *= 3
    assert t.tolist() == [True, True] and array.tolist() == [9, 9]


def test_in_place_in_bfloat16():
    pytest.importorskip("ml_dtypes")
    t = gg.Tensor([1.0, 2.0], dtype="bfloat16")
    array = t.data
    t *= 1.5
    t += gg.Tensor([0.5, 0.5], dtype="bfloat16")
    assert t.data is array and t.dtype.name == "bfloat16" and t.tolist() == [2.0, 3.5]


def test_what_cannot_be_written_gets_new_memory():
    fixed = np.arange(3.0)
    fixed.flags.writeable = False
    t, number = gg.Tensor(fixed), gg.Tensor(np.float64(2.0))
    t += 1
    number *= 3
    assert t.tolist() == [1.0, 2.0, 3.0] and fixed.tolist() == [0.0, 1.0, 2.0] and number.item() == 6.0


def test_a_leaf_under_no_grad_is_written_and_stays_a_leaf():
    x = leaf(1.0, 2.0)
    array = x.data
    (x * x).sum().backward()
    with gg.no_grad():
        x -= 0.5 * x.grad
    assert x.data is array and x.is_leaf and x.requires_grad and array.tolist() == [0.0, 0.0]


# --- in place, where something is recorded


@pytest.mark.parametrize("name", [*IN_PLACE[:4], "ipow"])
def test_recorded_in_place_has_the_gradients_of_the_plain_operator(name):
    """In place on a computed tensor, on both operands being one tensor, and on a constant with a tracked operand."""
    plain = getattr(operator, name[1:])
    f = getattr(operator, name)

    def gradients(use, in_place):
        a, b = leaf(1.5, 2.0), leaf(0.5, 3.0)
        use(f if in_place else plain, a, b).sum().backward()
        return [None if x.grad is None else x.grad.tolist() for x in (a, b)]

    def computed(g, a, b):
        t = a * 2
        return g(t, b) * b

    def constant(g, a, b):
        t = gg.Tensor([2.0, 3.0])
        return g(t, b) * a

    def itself(g, a, b):
        t = a * b
        return g(t, t)

    for use in (computed, constant, itself):
        assert gradients(use, True) == gradients(use, False)


def test_recorded_in_place_keeps_the_object_and_leaves_the_memory():
    x, array = leaf(3.0), np.array([2.0])
    t = gg.Tensor(array)
    same = t
    t *= x
    assert t is same and same.requires_grad and same.tolist() == [6.0] and array.tolist() == [2.0]


def test_what_saved_the_old_values_cannot_be_swept():
    x = leaf(1.0, 2.0)
    t = x * 2
    y = (t * t).sum()
    t += 1
    with pytest.raises(GradientError, match=r"multiply saved a value of shape \(2,\) that was overwritten"):
        y.backward()
    for other in (1, np.ones(2), np.ones(2, np.float32)):
        constant = gg.Tensor([3.0, 4.0])
        y = (x * constant).sum()
        constant += other
        with pytest.raises(GradientError, match="overwritten in place"):
            y.backward()


def test_a_leaf_outside_no_grad_is_refused():
    x = leaf(1.0)
    with pytest.raises(GradientError, match=r"t \+= u: t is a leaf.*gpugrad\.no_grad\(\).*t = t \+ u"):
        x += 1
    assert x.tolist() == [1.0]


@pytest.mark.parametrize("tracked", [False, True])
def test_shape_and_dtype_stay(tracked):
    x = leaf(1.0, 2.0) * 1 if tracked else gg.Tensor([1.0, 2.0])
    narrow = x.astype("float32")
    with pytest.raises(
        ShapeError, match=r"t \+= u: the result has shape \(3, 2\), but t has \(2,\); make a new tensor"
    ):
        x += np.ones((3, 2))
    with pytest.raises(DTypeError, match=r"t \*= u: the result has dtype float64, but t has float32; convert u"):
        narrow *= np.ones(2)
    with pytest.raises(ShapeError, match="do not broadcast"):
        x -= np.ones(3)
    assert x.tolist() == narrow.tolist() == [1.0, 2.0]


def test_integers_cannot_hold_fractions():
    t = gg.Tensor([1, 2])
    for change in (lambda: operator.itruediv(t, 2), lambda: operator.iadd(t, 0.5), lambda: operator.iadd(t, leaf(1.0))):
        with pytest.raises(DTypeError, match="the result has dtype float64, but t has int64"):
            change()
    assert t.tolist() == [1, 2]


def test_in_place_inside_transforms():
    """d/dx of (x + 1) 2x (x + 1) = 2 (x + 1)^2 + 4x (x + 1); the user's memory stays as it is."""

    def f(x):
        t = x * 2
        x += 1
        t *= x
        t *= x
        return t.sum()

    array = np.array([2.0])
    assert gg.grad(f)(array).tolist() == [42.0] and array.tolist() == [2.0]
    y, t = gg.jvp(f, (array,), (np.ones(1),))
    assert (float(y), float(t), array.tolist()) == (36.0, 42.0, [2.0])
    assert gg.vmap(f)(np.array([[2.0], [1.0]])).tolist() == [36.0, 8.0]
    assert gg.grad(lambda v: gg.grad(f)(v).sum())(array).tolist() == [8 * 3 + 4 * 2]


def test_a_constant_of_outside_becomes_part_of_the_transform():
    total = gg.Tensor([1.0])

    def f(x):
        t = total * 1
        t += x * x
        return t.sum()

    assert gg.grad(f)(np.array([3.0])).tolist() == [6.0] and total.tolist() == [1.0]


def test_operands_of_no_use():
    t = gg.Tensor([1.0])
    for bad in ("text", object(), {1: 2}):
        with pytest.raises(GpugradError, match="add: argument b is a"):
            t + bad
        with pytest.raises(GpugradError, match="multiply: argument b is a"):
            t *= bad
    assert ops.sum(t).item() == 1.0
