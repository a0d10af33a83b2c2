"""Einsum over random subscripts against NumPy and by the adjoint identity; spellings and errors."""

from importlib import import_module
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpugrad as gg
from gpugrad import Tensor, ops
from gpugrad.errors import ArgumentTypeError, ShapeError


@st.composite
def sums(draw):
    """(subscripts, shapes) of one to four arrays: repeated labels, ellipses, axes of length 1, in any combination."""
    sizes = {c: draw(st.integers(0 if c == "a" else 1, 3)) for c in "abcde"}
    under_dots = draw(st.lists(st.integers(1, 2), max_size=2))
    dots = draw(st.booleans())
    terms, shapes = [], []
    for _ in range(draw(st.integers(1, 4))):
        labels = draw(st.lists(st.sampled_from("abcde"), max_size=3))
        narrow = {c for c in set(labels) if labels.count(c) == 1 and draw(st.integers(0, 5)) == 0}
        shape = [1 if c in narrow else sizes[c] for c in labels]
        if dots and draw(st.booleans()):
            at = draw(st.integers(0, len(labels)))
            own = [draw(st.sampled_from([n, 1])) for n in under_dots[draw(st.integers(0, len(under_dots))) :]]
            labels.insert(at, "...")
            shape[at:at] = own
        terms.append("".join(labels))
        shapes.append(tuple(shape))
    text = ",".join(terms)
    if draw(st.booleans()):
        used = sorted(set(text) - set(".,"))
        out = draw(st.permutations(used))[: draw(st.integers(0, len(used)))]
        if "..." in text:
            out = [*out[:1], "...", *out[1:]]
        text += "->" + "".join(out)
    return text, shapes


@settings(max_examples=4 * settings().max_examples)
@given(sums(), st.booleans())
def test_as_numpy_and_its_adjoints(case, as_matrices):
    with mock.patch.object(import_module("gpugrad.ops.einsum"), "_SMALL", -1 if as_matrices else 4096):
        check_as_numpy_and_its_adjoints(*case)


def check_as_numpy_and_its_adjoints(text, shapes):
    rng = np.random.default_rng(0)
    xs, us = ([rng.standard_normal(s) for s in shapes] for _ in range(2))

    def f(*xs):
        return ops.einsum(text, *xs)

    want = np.einsum(text, *xs)
    y, pull = gg.vjp(f, *xs)
    np.testing.assert_allclose(y, want, rtol=1e-11, atol=1e-11)
    assert y.shape == want.shape
    v = rng.standard_normal(want.shape)
    grads = pull(v)
    slope = sum(np.einsum(text, *xs[:i], u, *xs[i + 1 :]) for i, u in enumerate(us))
    total = sum(np.vdot(g, u) for g, u in zip(grads, us, strict=True))
    np.testing.assert_allclose(np.vdot(v, slope), total, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(gg.jvp(f, tuple(xs), tuple(us))[1], slope, rtol=1e-11, atol=1e-11)


def test_trace_by_hand():
    """d tr(A^2) / dA = 2 A^T."""
    a = np.array([[1.0, 2.0], [3.0, 4.0]])
    g = gg.grad(lambda a: ops.einsum("ij,ji", a, a))(a)
    np.testing.assert_array_equal(g, [[2.0, 6.0], [4.0, 8.0]])
    np.testing.assert_array_equal(gg.grad(lambda a: ops.einsum("ii", a))(a), np.eye(2))


@pytest.mark.parametrize("optimize", [True, False, "greedy", "optimal", ["einsum_path", (0, 2), (0, 1)]])
def test_any_path_gives_the_same(optimize):
    rng = np.random.default_rng(0)
    a, b, c = rng.standard_normal((2, 3)), rng.standard_normal((3, 4)), rng.standard_normal((4, 2))
    got = ops.einsum("ij,jk,kl->il", a, b, c, optimize=optimize)
    np.testing.assert_allclose(got, a @ b @ c, rtol=1e-12)


def test_lists_of_labels():
    a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(ops.einsum(a, [0, 1], b, [1, 2], [2, 0]), (a @ b).T)
    np.testing.assert_array_equal(ops.einsum(a, [0, 1], b, [1, 2]), a @ b)
    np.testing.assert_array_equal(ops.einsum(a, [..., 1], [1, ...]), a.T)
    assert isinstance(ops.einsum("i,i", Tensor([1.0]), [2.0]), Tensor)


def test_the_result_is_another_tensor():
    x = Tensor(np.ones((2, 2)), requires_grad=True) * 1.0
    y = ops.einsum("ij->ij", x)
    y[0, 0] = 5.0
    assert x[0, 0].item() == 1.0


Z = np.zeros


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ops.einsum(), ArgumentTypeError, "no arguments"),
        (lambda: ops.einsum("ij,jk", Z((2, 3))), ShapeError, "has 2 terms for 1 arrays"),
        (
            lambda: ops.einsum("ij,jk", Z((2, 3)), Z((4, 2))),
            ShapeError,
            r"label 'j' has length 4 in array 1 .*expected 3",
        ),
        (lambda: ops.einsum("ii", Z((2, 3))), ShapeError, "label 'i' has length 2 in array 0 .*expected one length"),
        (lambda: ops.einsum("ii", Z((1, 3))), ShapeError, "label 'i' has length 1 in array 0"),
        (lambda: ops.einsum("i", Z((2, 3))), ShapeError, r"term 0 of 'i' labels 1 axes; array 0 has shape \(2, 3\)"),
        (lambda: ops.einsum("...ijk", Z((2, 3))), ShapeError, "labels 3 axes"),
        (lambda: ops.einsum("ij->iij", Z((2, 3))), ShapeError, "output label 'i' .* is repeated"),
        (lambda: ops.einsum("ij->k", Z((2, 3))), ShapeError, "output label 'k' .* in no input"),
        (lambda: ops.einsum("...i->i", Z((2, 3))), ShapeError, "has no '...'"),
        (lambda: ops.einsum("i1", Z((2, 3))), ShapeError, "malformed at 'i1'"),
        (lambda: ops.einsum("i..", Z((2, 3))), ShapeError, "malformed"),
        (lambda: ops.einsum("ij->i->j", Z((2, 3))), ShapeError, "malformed"),
        (lambda: ops.einsum("...,...", Z(2), Z(3)), ShapeError, "an axis under '...' has length 3"),
        (lambda: ops.einsum(Z((2, 3)), [0, 60]), ArgumentTypeError, "labels 0 to 51"),
        (lambda: ops.einsum(Z((2, 3)), Z(2)), ArgumentTypeError, "subscripts"),
    ],
)
def test_errors_say_what_was_expected(call, error, message):
    with pytest.raises(error, match=message):
        call()
