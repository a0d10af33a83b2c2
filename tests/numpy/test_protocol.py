"""NumPy's protocols on Tensors, how calls find their way, and what is refused."""

import subprocess
import sys

import numpy as np
import pytest

import gpugrad as gg
import gpugrad.numpy as gnp
from gpugrad.errors import ArgumentError, ArgumentTypeError, DTypeError, GpugradError, GradientError, IndexingError

X = np.array([[0.3, -1.2, 2.0], [0.7, 0.1, -0.4]])


def leaf(x=X):
    return gg.Tensor(x, requires_grad=True)


@pytest.mark.parametrize(
    "f",
    [
        lambda np, t: np.concatenate([t, X]),
        lambda np, t: np.concatenate([X, t]),
        lambda np, t: np.stack((X, t)),
        lambda np, t: np.where(X > 0, t, 0.0),
        lambda np, t: np.add(X, t),
        lambda np, t: np.dot(X.T, t),
        lambda np, t: np.einsum("ij,ij->j", X, t),
        lambda np, t: np.linalg.norm(t, axis=1),
        lambda np, t: np.linalg.inv(t @ t.T),
        lambda np, t: np.sum(a=t, axis=0),
        lambda np, t: np.median(t, overwrite_input=False, out=None),
        lambda np, t: np.cumsum(a=t),
        lambda np, t: np.add.reduce(t),
        lambda np, t: np.multiply.reduce(t, axis=-1),
        lambda np, t: np.maximum.reduce(t, axis=None),
        lambda np, t: np.add.accumulate(t, axis=1),
        lambda np, t: np.multiply.outer(t, X[0]),
        lambda np, t: np.subtract.outer(X[0], t),
        lambda np, t: np.sin(t, dtype="float32"),
        lambda np, t: np.multiply(t, 2, dtype="float64"),
        lambda np, t: np.clip(X, t - 0.1, None),
        lambda np, t: np.interp(X, [0.0, 1.0], t[0, :2]),
    ],
)
def test_every_way_leads_to_the_same_operation(f):
    want = f(np, X)
    for way in (np, gnp):
        y = f(way, leaf())
        assert isinstance(y, gg.Tensor) and y.requires_grad
        np.testing.assert_allclose(y.detach().numpy(), want, rtol=1e-6)


@pytest.mark.parametrize(
    "f",
    [
        lambda t: gnp.array([t, [2.0, 1.0, 0.0]]),
        lambda t: gnp.asarray([t[0], t[1] * 2.0]),
        lambda t: gnp.sum([t, t]),
        lambda t: gnp.sin([t, 2.0 * t]),
        lambda t: gnp.max([t, t + 1.0], axis=0),
        lambda t: gnp.full((4, 3), t),
        lambda t: gnp.full_like(X, t),
    ],
)
def test_lists_with_tensors_inside_are_stacked(f):
    assert f(leaf(X[0])).requires_grad


def test_a_list_of_tracked_numbers_as_autograd_users_write_it():
    def f(x):
        return gnp.sum(gnp.array([x[0] ** 2, 3.0, gnp.sin(x[1])]))

    np.testing.assert_allclose(gg.grad(f)(np.array([2.0, 0.5])), [4.0, np.cos(0.5)])


def test_without_a_tensor_it_is_numpys():
    assert type(gnp.sin(0.5)) is np.float64 and type(gnp.sum([1, 2])) is np.int64
    assert type(gnp.zeros(3)) is np.ndarray and gnp.zeros is np.zeros and gnp.pi is np.pi and gnp.newaxis is None
    out = np.empty(3)
    assert gnp.sin(X[0], out=out) is out and gnp.sin(X[0], out) is out and gnp.add(X[0], 1.0, out=out) is out
    assert gnp.add(X, X, where=X > 0, out=np.zeros((2, 3))).shape == (2, 3)
    assert gnp.sqrt(np.array([1j])).dtype == complex  # no Tensor, no gradient, NumPy's right answer
    assert gnp.add.reduce(X).shape == (3,)


def test_asarray_of_tensors():
    t = leaf()
    assert np.asarray(t.detach()) is t.data
    with pytest.raises(GradientError, match=r"t\.detach\(\)\.numpy\(\)"):
        np.asarray(t)
    assert gnp.asarray(t) is t


@pytest.mark.parametrize("given", [np.array([1j, 2.0, 0.0]), 1j, [1j, 0, 0]])
@pytest.mark.parametrize(
    "f",
    [
        gnp.add,
        np.multiply,
        lambda t, z: t * z,
        lambda t, z: z - t if not isinstance(z, list) else t - z,
        gnp.power,
        lambda t, z: gnp.where(t > 0, t, z),
        lambda t, z: gnp.concatenate([t, np.broadcast_to(np.asarray(z), t.shape)]),
        lambda t, z: gnp.dot(t, np.broadcast_to(np.asarray(z), (3,))),
        lambda t, z: gg.Tensor(z),
    ],
)
def test_complex_numbers_are_refused(f, given):
    with pytest.raises(DTypeError, match="complex"):
        f(leaf(), given)


@pytest.mark.parametrize(
    "f",
    [
        lambda t: gnp.sum(t, dtype=complex),
        lambda t: np.sum(t, dtype="complex64"),
        lambda t: gnp.astype(t, complex),
        lambda t: gnp.sin(t, dtype=complex),
        lambda t: gnp.zeros_like(t, dtype=complex),
        lambda t: gnp.array([t], dtype=complex),
        lambda t: gnp.linspace(t, 1.0, 3, dtype=complex),
        lambda t: gnp.cumsum(t, dtype=complex),
        lambda t: gnp.mean(t, dtype=complex),
    ],
)
def test_complex_dtypes_are_refused(f):
    with pytest.raises(DTypeError, match="complex"):
        f(leaf())


def test_values_can_be_saved_and_printed(tmp_path):
    t = gg.Tensor(X)
    np.save(tmp_path / "x.npy", t)
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), X)
    assert np.array2string(t) == np.array2string(X)
    with pytest.raises(GradientError):
        np.save(tmp_path / "x.npy", leaf())


def test_roots_of_negative_numbers_are_nan():
    with np.errstate(invalid="ignore"):
        assert np.isnan(gnp.sqrt(gg.Tensor([-1.0])).numpy()).all()


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda t: gnp.where(t > 0), "where: got a condition alone.*np.nonzero"),
        (lambda t: np.where(t > 0), "where: got a condition alone"),
        (lambda t: gnp.sum(t, out=np.zeros(())), "sum: got out beside a Tensor"),
        (lambda t: gnp.sin(t, out=np.zeros((2, 3))), "np.sin: got out beside a Tensor"),
        (lambda t: np.add(t, 1.0, where=X > 0), "np.add: got where beside a Tensor"),
        (lambda t: np.fft.fft(t), "np.fft.fft: not for Tensors.*t.detach"),
        (lambda t: np.put(t, 0, 1.0), r"np.put: not for Tensors \(it writes in place; use x.at"),
        (lambda t: np.i0(t), "np.i0: not for Tensors.*Bessel"),
        (lambda t: np.add.at(t, 0, 1.0), r"np.add.at: not for Tensors.*t.at\[index\].add"),
        (lambda t: np.divide.reduce(t), "np.divide.reduce: not for Tensors"),
        (lambda t: gnp.sum(t, nonsense=1), r"sum: .*nonsense.*expected sum\("),
        (lambda t: gnp.reshape(t, -1, order="K"), "reshape: order is 'K'"),
        (lambda t: gnp.max(t, where=X > 0), "max: got where without initial"),
        (lambda t: gnp.pad(t, 1, mode=lambda *_: None), "pad: mode is <function"),
        (lambda t: gnp.take(t, [9]), "take|getitem"),
        (lambda t: gnp.choose(gg.Tensor([4]), [t, t]), "choose: numbers reach from 4 to 4"),
        (lambda t: gnp.convolve(t, t), "convolve: shapes"),
        (lambda t: gnp.convolve(t[0], t[0], "odd"), "convolve: mode is 'odd'"),
        (lambda t: gnp.rot90(t, 1, (0, 0)), "rot90: axes"),
        (lambda t: gnp.average(t, weights=X[0]), "average: weights have shape"),
        (lambda t: gnp.select([t > 0], []), "select: got 1 conditions for 0"),
        (lambda t: gnp.geomspace(t, 1.0), "geomspace: start and stop"),
        (lambda t: gg.vmap(gnp.nonzero)(t), "nonzero: a value inside vmap"),
        (lambda t: gg.vmap(gg.grad(lambda x: gnp.sum(gnp.extract(x > 0, x))))(t), "extract: a value inside vmap"),
    ],
)
def test_what_is_refused_says_why(f, words):
    with pytest.raises(GpugradError, match=words) as caught:
        f(leaf())
    assert isinstance(caught.value, ArgumentError | ArgumentTypeError | IndexingError | ValueError)


@pytest.mark.parametrize(
    "first", ["np.sin(t)", "np.ones(2) * t", "np.sum(t)", "gg.numpy.sin(t)", "np.ones(2).clip(t, 2.0)"]
)
def test_the_namespace_comes_at_first_use(root, first):
    lines = (
        "import sys, numpy as np, gpugrad as gg",
        "assert 'gpugrad.numpy' not in sys.modules",
        "t = gg.Tensor([1.0, 2.0], requires_grad=True)",
        f"assert ({first}).requires_grad and 'gpugrad.numpy' in sys.modules",
    )
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_names_left_out_say_why():
    with pytest.raises(AttributeError, match=r"has no savetxt \(files"):
        _ = gnp.savetxt
    with pytest.raises(AttributeError, match="has no nonsense"):
        _ = gnp.nonsense


def test_the_page_is_what_the_generator_gives(root):
    from gpugrad.numpy.page import page

    assert (root / "docs" / "numpy.md").read_text(encoding="utf-8") == page()


@pytest.mark.parametrize(
    ("how", "want"),
    [
        (lambda a: a.set(9.0), [0.3, 9.0, 9.0]),
        (lambda a: a.add([1.0, 2.0]), [0.3, -0.2, 4.0]),
        (lambda a: a.subtract(1.0), [0.3, -2.2, 1.0]),
        (lambda a: a.multiply(2.0), [0.3, -2.4, 4.0]),
        (lambda a: a.mul(2.0), [0.3, -2.4, 4.0]),
        (lambda a: a.divide(2.0), [0.3, -0.6, 1.0]),
        (lambda a: a.power(2.0), [0.3, 1.44, 4.0]),
        (lambda a: a.max(0.0), [0.3, 0.0, 2.0]),
        (lambda a: a.min(0.0), [0.3, -1.2, 0.0]),
        (lambda a: a.apply(gnp.square), [0.3, 1.44, 4.0]),
        (lambda a: a.get(), [-1.2, 2.0]),
    ],
)
def test_changed_copies(how, want):
    x = leaf(X[0])
    y = how(x.at[1:])
    np.testing.assert_allclose(y.detach().numpy(), want)
    np.testing.assert_array_equal(x.data, [0.3, -1.2, 2.0])
    assert y.requires_grad and gg.testing.gradcheck(lambda x: how(x.at[1:]) if isinstance(x, gg.Tensor) else
                                                    how(gg.ops.at(x)[1:]), X[0], order=2)  # fmt: skip
    batch = gg.vmap(lambda x: how(x.at[1:]))(X)
    np.testing.assert_allclose(np.asarray(batch)[0], want)


def test_ties_share_the_gradient_of_an_extreme():
    x, v = leaf(np.array([1.0, 5.0])), leaf(np.array([1.0, 1.0, 2.0]))
    x.at[np.array([0, 0, 1])].max(v).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [1 / 3, 1.0])
    np.testing.assert_allclose(v.grad.numpy(), [1 / 3, 1 / 3, 0.0])
