"""An error names the operation, the argument, what it got, what it expected and the fix, in one line."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import errors, ops
from gpugrad.backend import registry
from gpugrad.backend.cupy import unavailable_reason
from gpugrad.core.dtypes import as_dtype
from gpugrad.core.primitive import elementwise, primitive
from gpugrad.errors import (
    ArgumentTypeError,
    DeviceError,
    DTypeError,
    GpugradError,
    GradientError,
    MissingDependencyError,
    ShapeError,
)

X = gg.Tensor(np.ones((2, 3)), requires_grad=True)


def message(kind, f):
    with pytest.raises(kind) as caught:
        f()
    text = str(caught.value)
    assert isinstance(caught.value, GpugradError) and "\n" not in text
    return text


# --- shapes


@pytest.mark.parametrize("other", [np.ones(4), gg.Tensor(np.ones(4)), gg.Tensor(np.ones(4), requires_grad=True)])
def test_shapes_that_do_not_broadcast(other):
    text = message(ShapeError, lambda: X + other)
    said = "add: shapes (2, 3) and (4,) do not broadcast; expected axes that are equal or 1, counted from the last"
    assert text == said
    assert message(ShapeError, lambda: other * X).startswith("multiply: shapes (4,) and (2, 3)")


def test_arrays_alone_are_explained_too():
    assert message(ShapeError, lambda: ops.add(np.ones(2), np.ones(3))).startswith("add: shapes (2,) and (3,)")


def test_the_operation_named_is_the_inner_one_at_every_level():
    for call in (
        lambda: gg.grad(lambda x: (x + np.ones(4)).sum())(np.ones(3)),
        lambda: gg.jvp(ops.add, (X, X.T), (X, X.T)),
    ):
        assert message(ShapeError, call).startswith("add: shapes")


def test_a_failure_without_a_check_still_says_what_came():
    text = message(ShapeError, lambda: ops.sum_to(X, shape=(7,)))
    assert text.startswith("sum_to: cannot be computed for shapes (2, 3)")


def test_the_cause_is_kept():
    with pytest.raises(ShapeError) as caught:
        ops.sum_to(X, shape=(7,))
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_check_is_asked_only_after_a_failure(planted):
    asked = []

    @primitive(family="elementwise")
    def picky(xp, x, *, n):
        """x / n, for n that is not zero."""
        if n == 0:
            raise ZeroDivisionError
        return x / n

    @picky.check
    def _(x, *, n):
        asked.append(n)
        raise errors.ArgumentError(f"picky: n is {n}; expected another number")

    picky(X, n=2)
    assert asked == []
    assert message(errors.ArgumentError, lambda: picky(X, n=0)) == "picky: n is 0; expected another number"


def test_what_a_forward_raises_on_purpose_is_left_as_it_is(planted):
    @primitive()
    def strict(xp, x):
        """Nothing is good enough."""
        raise ArgumentTypeError("strict: x is not the right thing")

    for x in (np.ones(2), X):
        assert message(ArgumentTypeError, lambda x=x: strict(x)) == "strict: x is not the right thing"


def test_warnings_and_what_gpugrad_raised_pass_through():
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        gg.Tensor([1.0]) / 0.0
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert (gg.Tensor([1.0]) / 0.0).tolist() == [np.inf]


# --- types


@pytest.mark.parametrize(("wrong", "kind"), [(object(), "object"), ("a", "str"), (None, "NoneType"), ({}, "dict")])
def test_what_is_no_array_is_named_with_its_place(wrong, kind):
    for got in (message(ArgumentTypeError, lambda: X + wrong), message(ArgumentTypeError, lambda: ops.add(X, wrong))):
        assert got == f"add: argument b is a {kind}; expected a Tensor, an array or a number"
    assert "argument a is a" in message(ArgumentTypeError, lambda: ops.add(wrong, X))


def test_lists_stand_for_arrays_beside_a_tensor():
    row = [1.0, 2.0, 3.0]
    y = X + row
    assert y.requires_grad and y.detach().numpy()[0].tolist() == [2.0, 3.0, 4.0]
    assert (gg.Tensor([1.0]) * (2, 3)).tolist() == [2.0, 3.0]


def test_a_ragged_nest_is_refused():
    assert "regular nest" in message(ArgumentTypeError, lambda: gg.Tensor([[1.0], [1.0, 2.0]]))


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1j, "complex128"),
        (np.ones(2, np.complex64), "complex64"),
        ([1.0, None], "object"),
        (["a"], "<U1"),
        (b"a", r"|S1"),
    ],
)
def test_dtypes_that_are_no_numbers_are_refused(data, dtype):
    text = message(DTypeError, lambda: gg.Tensor(data))
    assert text.startswith(f"Tensor: data has dtype {dtype}; expected a float, integer or bool dtype")
    assert ("complex is not supported" in text) == dtype.startswith("complex")


@pytest.mark.parametrize("wrong", [1j, np.complex64(1), np.ones((2, 3), np.complex128), [[1j]]])
def test_complex_among_tensors_is_refused(wrong):
    for got in (
        message(DTypeError, lambda: X * wrong),
        message(DTypeError, lambda: wrong * X) if not isinstance(wrong, list) else "multiply complex",
        message(DTypeError, lambda: gg.grad(lambda x: (x * wrong).sum())(np.ones((2, 3)))),
        message(DTypeError, lambda: gg.jvp(lambda x: x * wrong, (1.0,), (1.0,))),
    ):
        assert got.startswith("multiply") and "complex" in got


def test_objects_among_tensors_are_refused():
    assert "dtype object" in message(DTypeError, lambda: X * np.array([[None] * 3]))


def test_an_unknown_dtype_is_named():
    assert "got 'float31'; expected a NumPy dtype" in message(DTypeError, lambda: gg.Tensor([1.0], dtype="float31"))


def test_bfloat16_without_its_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    assert "gpugrad[bf16]" in message(MissingDependencyError, lambda: as_dtype("bfloat16"))


# --- devices


@pytest.fixture
def elsewhere(monkeypatch):
    """An array of four numbers that says it lives on a second GPU, and does not mix with NumPy's."""

    class Elsewhere:
        shape, ndim, dtype, size = (4,), 1, np.dtype("float64"), 4
        device = SimpleNamespace(id=1)
        __array_ufunc__ = None

    monkeypatch.setitem(registry._backends, Elsewhere, registry.Backend("elsewhere", np))
    return Elsewhere()


def test_mixed_devices_are_both_named(elsewhere):
    here = gg.Tensor(np.ones(4))
    for call in (lambda: here + elsewhere, lambda: here + gg.Tensor(elsewhere)):
        text = message(DeviceError, call)
        assert text == "add: arguments are on cpu and cuda:1; move one of them, for example t.to('cpu')"


def test_devices_that_are_not_there():
    text = message(errors.ArgumentError, lambda: gg.Tensor([1.0], device="tpu"))
    assert "expected 'auto', 'cpu', 'cuda' or 'cuda:N'" in text
    if unavailable_reason():
        text = message(DeviceError, lambda: gg.Tensor([1.0], device="cuda"))
        assert text.startswith("device: cuda is not usable:") and text.endswith("or pass device='cpu'")


# --- gradients


def test_gradient_errors_inside_a_transform_point_to_it():
    assert "gpugrad.grad or gpugrad.vjp" in message(GradientError, lambda: gg.grad(lambda x: x.backward())(1.0))


def test_every_error_is_also_a_built_in_one():
    pairs = {
        ShapeError: ValueError,
        DTypeError: TypeError,
        ArgumentTypeError: TypeError,
        errors.ArgumentError: ValueError,
        errors.IndexingError: IndexError,
        DeviceError: RuntimeError,
        GradientError: RuntimeError,
        errors.NonFiniteError: FloatingPointError,
        errors.StorageError: OSError,
        MissingDependencyError: ImportError,
    }
    for ours, builtin in pairs.items():
        assert issubclass(ours, GpugradError) and issubclass(ours, builtin) and ours.__doc__


def test_the_length_of_a_number():
    assert "0-d tensor" in message(ArgumentTypeError, lambda: len(gg.Tensor(1.0)))


def test_the_error_of_a_forward_with_two_tensors_at_a_level_above(planted):
    @elementwise(direct="add")
    def planted_add(a, b):
        """a + b."""

    def f(x):
        return gg.grad(lambda y: planted_add(x * np.ones(3), y * np.ones(4)).sum())(1.0)

    assert message(ShapeError, lambda: gg.grad(f)(1.0)).startswith("planted_add: shapes (3,) and (4,)")


@pytest.mark.parametrize("make", [gg.Tensor, gg.tensor])
def test_a_new_tensor_of_a_value_inside_a_transform_is_refused(make):
    with pytest.raises(GradientError, match=r"inside a transform.*stop_gradient"):
        gg.grad(lambda x: (make(x) * x).sum())(np.ones(2))
