import gzip
from struct import pack

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gpugrad.data import load, read, read_idx, read_idx_array
from gpugrad.data.idx_file import DTYPES, is_idx_name
from gpugrad.errors import DataError, StorageError

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def idx_bytes(array: np.ndarray) -> bytes:
    code = next(code for code, name in DTYPES.items() if np.dtype(name) == array.dtype.newbyteorder(">"))
    return pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape) + array.astype(DTYPES[code]).tobytes()


@pytest.fixture
def digits():
    sklearn = pytest.importorskip("sklearn.datasets")
    bunch = sklearn.load_digits()
    return bunch.images.astype(np.uint8), bunch.target.astype(np.uint8)


@given(
    st.sampled_from(sorted(DTYPES)).flatmap(
        lambda code: hnp.arrays(np.dtype(DTYPES[code]).newbyteorder("="), hnp.array_shapes(max_dims=4, max_side=4))
    )
)
def test_every_dtype_and_shape_comes_back(tmp_path_factory, array):
    path = tmp_path_factory.mktemp("idx") / "a.idx"
    path.write_bytes(idx_bytes(array))
    found = read_idx_array(path)
    assert found.dtype == array.dtype and found.dtype.isnative
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("zipped", [False, True])
def test_a_folder_named_as_mnist(tmp_path, digits, zipped):
    images, labels = digits
    parts = {"train": slice(None, 1500), "t10k": slice(1500, None)}
    for word, rows in parts.items():
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            content = idx_bytes(array[rows])
            name = f"{word}-{kind}-ubyte" + ".gz" * zipped
            (tmp_path / name).write_bytes(gzip.compress(content) if zipped else content)
    dataset = load(tmp_path)
    assert dataset.task == "classification" and dataset.sample_shape == (8, 8) and dataset.name == tmp_path.name
    assert dataset.classes == tuple("0123456789") and dataset.features.numbers.dtype == np.uint8
    np.testing.assert_array_equal(dataset.features.numbers, images[:1500].reshape(-1, 64))
    np.testing.assert_array_equal(dataset.labels, labels[:1500])
    np.testing.assert_array_equal(dataset.test.features.numbers, images[1500:].reshape(-1, 64))
    np.testing.assert_array_equal(dataset.test.target.numbers[:, 0], labels[1500:])
    held_out = load(tmp_path / ("t10k-images-idx3-ubyte" + ".gz" * zipped))
    assert len(held_out) == 297 and held_out.test is None


@pytest.mark.parametrize("images_name", ["train-images.idx3-ubyte", "emnist-letters-train-images-idx3-ubyte"])
def test_relatives_of_the_name(write, digits, images_name):
    images, labels = digits
    write(images_name.replace("images", "labels").replace("idx3", "idx1"), idx_bytes(labels[:20]))
    dataset = load(write(images_name, idx_bytes(images[:20])))
    assert len(dataset) == 20 and dataset.labels.tolist() == labels[:20].tolist()


def test_names():
    assert is_idx_name("train-images-idx3-ubyte.gz") and is_idx_name("a.idx3") and is_idx_name("t10k-labels.idx1-ubyte")
    assert not is_idx_name("idx.csv") and not is_idx_name("model-idx.npz")


def test_images_without_labels_can_be_read_but_not_learnt(write, digits, refused):
    path = write(IMAGES, idx_bytes(digits[0][:5]))
    assert read(path).target is None and len(read(path)) == 5
    with refused(DataError, IMAGES, "no target", LABELS, ".gz"):
        load(path)


def test_a_wrong_magic_number(write, refused):
    for content, came in ((b"a,b\n1,2\n", "612c620a"), (b"\0\0\x07\x01", "00000701"), (b"", "nothing")):
        with refused(DataError, IMAGES, f"starts with {came}", "00000803"):
            read_idx_array(write(IMAGES, content))


@pytest.mark.parametrize("cut", [5, 13, 17, 100])
def test_a_truncated_file(write, digits, refused, cut):
    whole = idx_bytes(digits[0][:2])
    with refused(DataError, IMAGES, "bytes of values", "truncated", "copy it again"):
        read_idx_array(write(IMAGES, whole[:cut]))
    with refused(DataError, "129 bytes of values for shape (2, 8, 8); expected 128"):
        read_idx_array(write(IMAGES, whole + b"x"))


def test_sizes_that_lie_do_not_allocate(write, refused):
    with refused(DataError, IMAGES, "expected 18446744065119617025"):
        read_idx_array(write(IMAGES, pack(">BBBB2I", 0, 0, 8, 2, 2**32 - 1, 2**32 - 1)))


def test_a_truncated_gzip(write, digits, refused):
    with refused(DataError, f"{IMAGES}.gz", "damaged gzip"):
        read_idx(write(f"{IMAGES}.gz", gzip.compress(idx_bytes(digits[0][:20]))[:-9]))


def test_files_that_do_not_belong_together(write, digits, refused):
    images, labels = digits
    path = write(IMAGES, idx_bytes(images[:5]))
    write(LABELS, idx_bytes(labels[:4]))
    with refused(ValueError, IMAGES, "5 samples but 4 targets"):
        read_idx(path)
    write(LABELS, idx_bytes(images[:5]))
    with refused(DataError, LABELS, "shape (5, 8, 8)", "labels of one axis"):
        read_idx(path)


def test_folders_without_a_clear_choice(tmp_path, write, digits, refused):
    with refused(DataError, str(tmp_path), "no IDX images", IMAGES):
        read_idx(tmp_path)
    write("a-train-images-idx3-ubyte", idx_bytes(digits[0][:5]))
    write("b-train-images-idx3-ubyte", idx_bytes(digits[0][:5]))
    with refused(DataError, "a-train-images-idx3-ubyte, b-train-images-idx3-ubyte", "name the one"):
        read_idx(tmp_path)
    with refused(DataError, LABELS, "expected an images file named as train-images-idx3-ubyte"):
        read_idx(write(LABELS, idx_bytes(digits[1][:5])))
    with refused(StorageError, "gone-images-idx3-ubyte", "no such file"):
        read_idx(tmp_path / "gone-images-idx3-ubyte")
