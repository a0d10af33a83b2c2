"""What a user may get wrong around gradients, and the answer."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError


def leaf(*values):
    return gg.Tensor(np.array(values), requires_grad=True)


@pytest.mark.parametrize("argnums", [(0, 0), (0, -2)])
@pytest.mark.parametrize("transform", [gg.grad, gg.jacobian])
def test_an_argument_named_twice_is_refused(transform, argnums):
    with pytest.raises(ArgumentError, match="names an argument twice"):
        transform(lambda x, y: x * y, argnums=argnums)(2.0, 3.0)


def test_argnums_of_any_integer_type_and_no_other():
    assert gg.grad(lambda x, y: x * y, argnums=np.int64(1))(2.0, 3.0) == 2.0
    with pytest.raises(ArgumentTypeError, match="argnums is 'a'; expected an int"):
        gg.grad(lambda x: x, argnums="a")(2.0)


def test_grad_names_itself_for_an_integer():
    with pytest.raises(DTypeError, match=r"^grad: an input has dtype int64"):
        gg.grad(lambda x: x * x)(2)


def test_jvp_wants_sequences():
    with pytest.raises(ArgumentTypeError, match=r"jvp: primals and tangents are sequences; .*expected \(x,\)"):
        gg.jvp(lambda x: x, 1.0, 1.0)


@pytest.mark.parametrize("shape", [(5,), (4, 2), ()])
def test_a_hook_keeps_the_shape(shape):
    x = leaf(1.0, 2.0)
    y = x * 3.0
    y.register_hook(lambda g: np.ones(shape))
    with pytest.raises(ShapeError, match=r"hook returned shape .*expected \(2,\)"):
        y.backward(np.ones(2))


def test_what_a_hook_returns_is_cast():
    x = leaf(1.0, 2.0)
    x.register_hook(lambda g: [1.0, 2.0])
    y = x * 3.0
    y.register_hook(lambda g: g.astype("float32"))
    y.backward(np.ones(2))
    assert x.grad.dtype == np.float64
    assert x.grad.tolist() == [1.0, 2.0]


def test_a_hook_that_writes_reaches_no_other_branch():
    x = leaf(1.0, 1.0)
    b = x + 0.0

    def double(g):
        g *= 2.0

    b.register_hook(double)
    (x + b).backward(np.ones(2))
    assert x.grad.tolist() == [2.0, 2.0]


@pytest.mark.parametrize("value", [np.ones(7), 1.0, [1.0]])
def test_grad_is_set_to_its_own_shape(value):
    x = leaf(1.0, 2.0)
    with pytest.raises(ShapeError, match=r"grad: got shape .*; expected \(2,\)"):
        x.grad = value
    x.grad = [3.0, 4.0]
    assert isinstance(x.grad, gg.Tensor) and x.grad.tolist() == [3.0, 4.0]


@pytest.mark.parametrize("data", [[1 + 2j], ["1.5"]])
def test_data_is_checked_before_it_is_cast(data):
    with pytest.raises(DTypeError):
        gg.Tensor(data, dtype="float32")


def test_a_complex_cotangent_is_refused():
    with pytest.raises(DTypeError, match="complex"):
        leaf(1.0, 2.0).backward(np.ones(2) * 1j)


def test_format_of_one_number():
    assert f"{gg.Tensor(1.23456):.2f}" == "1.23"
    assert f"{gg.Tensor([1.0])}" == "Tensor([1.])"
    with pytest.raises(TypeError):
        f"{gg.Tensor([1.0, 2.0]):.2f}"


def test_the_norm_at_zero_has_second_derivative_zero():
    assert gg.hessian(ops.norm)(np.zeros(2)).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_a_number_too_large_for_the_dtype_is_a_bad_argument():
    with pytest.raises(ArgumentError, match=r"add: .*300"):
        gg.Tensor(np.ones(2, np.int8)) + 300


def test_a_ragged_list_names_the_operation():
    with pytest.raises(ShapeError, match="add: a list cannot be made an array"):
        ops.add(leaf(1.0, 2.0), [[1], [2, 3]])
