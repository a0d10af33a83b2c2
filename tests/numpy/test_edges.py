"""Arguments at the edges of what NumPy's functions take: empty axes and arrays, negative places, infinities."""

import numpy as np
import pytest

import gpugrad as gg
import gpugrad.numpy as gnp

X = np.arange(24.0).reshape(2, 3, 4)
SPECIAL = np.array([np.inf, -np.inf, np.nan, -0.0, 0.0])
EMPTY = np.zeros((0, 3))

CALLS = [
    lambda n, x: n.rot90(x, -3, (2, 0)),
    lambda n, x: n.tile(x, ()),
    lambda n, x: n.tile(x, 0),
    lambda n, x: n.repeat(x, 0, 1),
    lambda n, x: n.roll(x, -5, 1),
    lambda n, x: n.roll(x, 1, (0, 0)),
    lambda n, x: n.flip(x, ()),
    lambda n, x: n.squeeze(x, ()),
    lambda n, x: n.expand_dims(x, (-1, 0)),
    lambda n, x: n.sum(x, ()),
    lambda n, x: n.max(x, ()),
    lambda n, x: n.mean(x, ()),
    lambda n, x: n.var(x, (), ddof=0),
    lambda n, x: n.any(x, ()),
    lambda n, x: n.swapaxes(x, -1, -3),
    lambda n, x: n.moveaxis(x, [0, 1], [-1, -2]),
    lambda n, x: n.rollaxis(x, 2),
    lambda n, x: n.rollaxis(x, 0, -1),
    lambda n, x: n.rollaxis(x, 1, 3),
    lambda n, x: n.array_split(x, 5, axis=2),
    lambda n, x: n.split(x, [2, 2, 9], axis=2),
    lambda n, x: n.reshape(x, (6, -1), order="F"),
    lambda n, x: n.reshape(x, -1, order="F"),
    lambda n, x: n.ravel(x, "F"),
    lambda n, x: n.delete(x, 1, 1),
    lambda n, x: n.delete(x, -1),
    lambda n, x: n.delete(x, np.array([True, False, True]), 1),
    lambda n, x: n.insert(x, 0, 7.0, axis=2),
    lambda n, x: n.insert(x, [0], 7.0, axis=2),
    lambda n, x: n.insert(x, 1, np.arange(3.0), axis=2),
    lambda n, x: n.insert(x, 1, np.arange(8.0).reshape(2, 4), axis=1),
    lambda n, x: n.insert(x, -1, 5.0),
    lambda n, x: n.insert(x, slice(0, 2), 5.0, axis=1),
    lambda n, x: n.insert(x[0, 0], 2, [1.0, 2.0]),
    lambda n, x: n.insert(x[0], [1, 1], [[1.0], [2.0], [3.0]], axis=1),
    lambda n, x: n.insert(x[0], 1, [[1.0], [2.0], [3.0]], axis=1),
    lambda n, x: n.insert(x[0], 1, [1.0, 2.0, 3.0], axis=1),
    lambda n, x: n.append(x, [[[1.0, 2.0, 3.0, 4.0]] * 3], axis=0),
    lambda n, x: n.resize(x, 30),
    lambda n, x: n.resize(x, (2, 0)),
    lambda n, x: n.tril(x, 5),
    lambda n, x: n.triu(x, -5),
    lambda n, x: n.tril(x[0, 0]),
    lambda n, x: n.diag(x[0], -1),
    lambda n, x: n.trace(x, -1, 0, 2),
    lambda n, x: n.vander(x[0, 0], 1),
    lambda n, x: n.vander(x[0, 0], 0),
    lambda n, x: n.meshgrid(x[0, 0]),
    lambda n, x: n.meshgrid(x[0, 0], 3.0, indexing="xy"),
    lambda n, x: n.average(x, axis=(0, 2), weights=x),
    lambda n, x: n.average(x, axis=-1, weights=x[0, 0], returned=True, keepdims=True),
    lambda n, x: n.cov(x[0]),
    lambda n, x: n.cov(x[0], x[1]),
    lambda n, x: n.cov(x[0], rowvar=False, bias=True),
    lambda n, x: n.corrcoef(x[0], x[1]),
    lambda n, x: n.std(x, axis=(0, 1), keepdims=True, correction=1),
    lambda n, x: n.var(x, mean=n.mean(x, axis=1, keepdims=True), axis=1),
    lambda n, x: n.take(x, [[0, -1]], axis=-1),
    lambda n, x: n.take(x, 3),
    lambda n, x: n.take(x, [25, -30], mode="wrap"),
    lambda n, x: n.select([x < 5, x > 10], [x, x**2], -1.0),
    lambda n, x: n.piecewise(x, [x < 5], [1.0]),
    lambda n, x: n.piecewise(x, x < 5, [lambda v: v * 2, lambda v: -v]),
    lambda n, x: n.kron(x, 2.0),
    lambda n, x: n.kron(x[0], x),
    lambda n, x: n.polyval([1.0, 2.0], x),
    lambda n, x: n.tensordot(x, x, 3),
    lambda n, x: n.tensordot(x, x, 0),
    lambda n, x: n.inner(x, x),
    lambda n, x: n.dot(x, x[0].T),
    lambda n, x: n.matmul(x, x[0, 0]),
    lambda n, x: n.einsum("...i,...i", x, x),
    lambda n, x: n.einsum("ijk->k", x),
    lambda n, x: n.einsum("ii->i", x[:, :2, 0]),
    lambda n, x: n.linspace(x, 2 * x, 5, axis=1),
    lambda n, x: n.linspace(x, 1.0, 1),
    lambda n, x: n.linspace(x, 1.0, 0),
    lambda n, x: n.logspace(x / 9, 1.0, 3, base=2.0),
    lambda n, x: n.geomspace(x + 1, x + 7, 3, axis=-1),
    lambda n, x: n.ptp(x, axis=(0, 2)),
    lambda n, x: n.count_nonzero(x, axis=(0, 1)),
    lambda n, x: n.argmax(x),
    lambda n, x: n.argmin(x, -2, keepdims=True),
    lambda n, x: n.size(x, 0),
    lambda n, x: n.clip(x, None, None),
    lambda n, x: n.clip(x, 5, 2),
    lambda n, x: n.block([x, x]),
    lambda n, x: n.block([[x[0]], [x[1]]]),
    lambda n, x: n.dstack([x[0], x[1]]),
    lambda n, x: n.full_like(x, [1.0, 2.0, 3.0, 4.0]),
    lambda n, x: n.convolve(x[0, 0], x[0, 0][:1]),
    lambda n, x: n.correlate(x[0, 0][:2], x[1, 2], "same"),
    lambda n, x: n.correlate(x[0, 0][:2], x[1, 2], "full"),
    lambda n, x: n.correlate(x[0, 0][:2], x[1, 2]),
    lambda n, x: n.pad(x, ((1, 2),), mode="reflect"),
    lambda n, x: n.pad(x[0, 0], (0, 9), mode="symmetric"),
    lambda n, x: n.pad(x[0, 0], (3, 9), mode="wrap"),
    lambda n, x: n.choose(x[0].astype(int) % 2, [x[0], -x[0]]),
    lambda n, x: n.cross(x[0].T, x[0].T[::-1]),
    lambda n, x: n.matvec(x, x[0, 0]),
    lambda n, x: n.vecmat(x[0, :, 0], x[1]),
    lambda n, x: n.apply_over_axes(n.sum, x, [0, 2]),
    lambda n, x: n.broadcast_to(x, (3, 2, 3, 4)),
    lambda n, x: n.atleast_3d(x[0, 0]),
    lambda n, x: n.ediff1d(x),
    lambda n, x: n.unwrap(x, axis=0),
]
SPECIAL_CALLS = [
    lambda n, i: n.nan_to_num(i),
    lambda n, i: n.modf(i),
    lambda n, i: n.frexp(i),
    lambda n, i: n.isclose(i, i),
    lambda n, i: n.isclose(i, i, equal_nan=True),
    lambda n, i: n.fix(i),
    lambda n, i: n.sinc(i[3:]),
    lambda n, i: n.angle(i),
    lambda n, i: n.max(i),
    lambda n, i: n.fmax(i, 1.0),
    lambda n, i: n.copysign(1.0, i),
    lambda n, i: n.heaviside(i, 0.5),
    lambda n, i: n.sign(i),
    lambda n, i: n.nanmax(i),
    lambda n, i: n.allclose(i, i),
    lambda n, i: n.signbit(i),
    lambda n, i: n.isposinf(i),
    lambda n, i: n.logaddexp2(i, i),
]
EMPTY_CALLS = [
    lambda n, e: n.sum(e, 0),
    lambda n, e: n.prod(e),
    lambda n, e: n.max(e, 1),
    lambda n, e: n.max(e, initial=2.0),
    lambda n, e: n.max(e, 0, initial=2.0),
    lambda n, e: n.max(e, 0),
    lambda n, e: n.concatenate([e, e]),
    lambda n, e: n.kron(e, e),
    lambda n, e: n.tile(e, (2, 2)),
    lambda n, e: n.resize(e, (2, 2)),
    lambda n, e: n.rot90(e),
    lambda n, e: n.append(e, [1.0]),
    lambda n, e: n.split(e, 2),
    lambda n, e: n.vander(e[:, 0]),
    lambda n, e: n.diag(e[:, 0], 1),
    lambda n, e: n.meshgrid(e[:, 0], e[:, 0]),
    lambda n, e: n.pad(e, 1),
    lambda n, e: n.linspace(e, e, 3),
    lambda n, e: n.einsum("ij->j", e),
    lambda n, e: n.tril(e),
    lambda n, e: n.where(e > 0, e, 1.0),
    lambda n, e: n.compress([], e, axis=0),
    lambda n, e: n.trim_zeros(e[:, 0]),
]


def result(f, module, x):
    """(outputs, None), or (None, the error)."""
    try:
        with np.errstate(all="ignore"):
            y = f(module, x)
    except Exception as error:
        return None, error
    return [v.numpy() if isinstance(v, gg.Tensor) else v for v in (y if isinstance(y, tuple | list) else [y])], None


@pytest.mark.parametrize(
    ("f", "x"), [(f, x) for fs, x in ((CALLS, X), (SPECIAL_CALLS, SPECIAL), (EMPTY_CALLS, EMPTY)) for f in fs]
)
def test_of_tensors_as_of_arrays(f, x):
    (got, refused), (want, wrong) = result(f, gnp, gg.Tensor(x)), result(f, np, x)
    if isinstance(wrong, AttributeError) or "One of max or min" in str(wrong):  # NumPy has it from 2.1 or 2.2 on
        return
    if wrong is not None:
        assert isinstance(refused, ValueError | TypeError | IndexError), (refused, wrong)
        return
    assert refused is None, refused
    for g, w in zip(got, want, strict=True):
        g, w = np.asarray(g), np.asarray(w)
        assert g.shape == w.shape and g.dtype == w.dtype
        np.testing.assert_allclose(g, w, rtol=1e-12)
        np.testing.assert_array_equal(np.signbit(g) & (g == 0), np.signbit(w) & (w == 0))


def test_size_over_several_axes():
    """NumPy takes a tuple from 2.4 on; a Tensor's does with every NumPy."""
    assert gnp.size(gg.Tensor(X), (0, 1)) == 6
