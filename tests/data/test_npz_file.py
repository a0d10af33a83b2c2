import numpy as np
import pytest

from gpugrad.data import load, read_npz
from gpugrad.errors import DataError, DTypeError, ShapeError, StorageError

X = np.arange(12, dtype=np.float32).reshape(4, 3)
Y = np.array([0, 1, 1, 0])


@pytest.mark.parametrize(("x", "y"), [("X", "y"), ("x", "y"), ("data", "target"), ("images", "labels")])
def test_names_of_the_arrays(tmp_path, x, y):
    path = tmp_path / "d.npz"
    np.savez_compressed(path, **{x: X, y: Y, "other": np.zeros(3)})
    dataset = read_npz(path)
    np.testing.assert_array_equal(dataset.features.numbers, X)
    np.testing.assert_array_equal(dataset.target.numbers[:, 0], Y)
    assert dataset.features.numbers.dtype == np.float32 and dataset.name == "d"


def test_keras_style_pictures_with_a_test_part(tmp_path):
    path = tmp_path / "mnist.npz"
    pictures = np.random.default_rng(0).integers(0, 256, (6, 5, 4), dtype=np.uint8)
    np.savez(path, x_train=pictures[:4], y_train=Y, x_test=pictures[4:], y_test=Y[:2])
    dataset = load(path)
    assert dataset.sample_shape == (5, 4) and dataset.task == "classification"
    np.testing.assert_array_equal(dataset.test.features.numbers, pictures[4:].reshape(2, 20))


def test_feature_and_class_names(tmp_path):
    path = tmp_path / "d.npz"
    np.savez(path, X=X, y=Y, feature_names=["a", "b", "c"], target_names=["no", "yes"])
    dataset = load(path)
    assert dataset.features.number_names == ("a", "b", "c") and dataset.classes == ("no", "yes")
    assert dataset.labels.tolist() == Y.tolist()


def test_without_y_there_is_no_target(tmp_path, refused):
    np.savez(tmp_path / "d.npz", X=X)
    assert read_npz(tmp_path / "d.npz").target is None
    with refused(DataError, "d.npz", "no target", "np.savez(path, X=X, y=y)"):
        load(tmp_path / "d.npz")


def test_objects_are_never_unpickled(tmp_path, refused):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("the pickle ran",))

    np.savez(tmp_path / "d.npz", X=np.array([[Trap()]], dtype=object))
    with refused(DataError, "d.npz", "Python objects, which are never loaded", "np.savez"):
        read_npz(tmp_path / "d.npz")


def test_wrong_files(tmp_path, write, refused):
    np.savez(tmp_path / "z.npz", z=X, w=Y)
    with refused(DataError, "z.npz", "no array X among 'z', 'w'", "np.savez(path, X=X, y=y)"):
        read_npz(tmp_path / "z.npz")
    with open(tmp_path / "single.npz", "wb") as file:
        np.save(file, X)
    with refused(DataError, "single.npz", "holds a single array"):
        read_npz(tmp_path / "single.npz")
    with refused(DataError, "text.npz", "not an NPZ archive"):
        read_npz(write("text.npz", "a,b\n1,2\n"))
    with refused(DataError, "empty.npz", "damaged or truncated"):
        read_npz(write("empty.npz", ""))
    with refused(StorageError, "gone.npz", "no such file"):
        read_npz(tmp_path / "gone.npz")


@pytest.mark.parametrize("keep", [0.2, 0.6, 0.95])
def test_a_truncated_archive(tmp_path, write, refused, keep):
    np.savez(tmp_path / "d.npz", X=X, y=Y)
    whole = (tmp_path / "d.npz").read_bytes()
    with refused(DataError, "cut.npz", "damaged or truncated", "copy it again"):
        read_npz(write("cut.npz", whole[: int(keep * len(whole))]))


def test_a_flipped_byte_is_seen(tmp_path, write, refused):
    np.savez(tmp_path / "d.npz", X=X, y=Y)
    whole = bytearray((tmp_path / "d.npz").read_bytes())
    whole[whole.index(X.tobytes()) + 5] ^= 1
    with refused(DataError, "flip.npz", "damaged or truncated", "CRC"):
        read_npz(write("flip.npz", bytes(whole)))


def test_an_unknown_compression_is_seen(tmp_path, write, refused):
    np.savez(tmp_path / "d.npz", X=X, y=Y)
    whole = bytearray((tmp_path / "d.npz").read_bytes())
    for start in (whole.index(b"PK\x03\x04") + 8, whole.index(b"PK\x01\x02") + 10):
        whole[start] = 77  # the method field of the first member, in both of its headers
    with refused(DataError, "method.npz", "damaged or truncated", "compression method"):
        read_npz(write("method.npz", bytes(whole)))


def test_arrays_that_do_not_fit(tmp_path, refused):
    np.savez(tmp_path / "n.npz", X=X, y=Y[:3])
    with refused(ShapeError, "n.npz", "4 samples but 3 targets"):
        read_npz(tmp_path / "n.npz")
    np.savez(tmp_path / "c.npz", X=X.astype(complex), y=Y)
    with refused(DTypeError, "c.npz", "X has dtype complex128", "astype(float)"):
        read_npz(tmp_path / "c.npz")
