"""Conversions of the 16-bit floats, bit for bit those of NumPy and ml_dtypes."""

import ml_dtypes
import numpy as np
import pytest

NAMES = "from_half", "to_half", "from_bfloat", "to_bfloat"
TYPES = [("half", np.float16), ("bfloat", ml_dtypes.bfloat16)]


@pytest.fixture(scope="module")
def convert(kernels):
    module = kernels("right.cu", *NAMES)

    def run(name, x, dtype):
        y = np.empty(x.shape, dtype)
        module.get_function(name)((1,), (256,), (x, y, np.int32(x.size)))
        return y

    return run


def bits(array):
    """The array's bits, all NaNs made one."""
    as_float = array.astype(np.float32)
    return np.where(np.isnan(as_float), -1, array.view(f"u{array.itemsize}").astype(np.int64))


def floats(dtype):
    """Floats of all magnitudes, all values of the narrow type, their neighbours, and what lies half-way between two."""
    rng = np.random.default_rng(0)
    with np.errstate(invalid="ignore"):
        narrow = np.arange(65536, dtype=np.uint16).view(dtype).astype(np.float32)
        above = np.nextafter(narrow, np.float32(np.inf))
        halfway = ((narrow[:-1].astype(float) + narrow[1:]) / 2).astype(np.float32)
    any_bits = rng.integers(0, 2**32, 100_000, dtype=np.uint32).view(np.float32)
    usual = (rng.standard_normal(100_000) * 10.0 ** rng.integers(-9, 6, 100_000)).astype(np.float32)
    return np.concatenate([narrow, above, halfway, any_bits, usual])


@pytest.mark.parametrize(("name", "dtype"), TYPES)
def test_widening_is_exact(convert, name, dtype):
    x = np.arange(65536, dtype=np.uint16).view(dtype)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(bits(convert(f"from_{name}", x, np.float32)), bits(x.astype(np.float32)))


@pytest.mark.parametrize(("name", "dtype"), TYPES)
def test_narrowing_rounds_to_nearest_even(convert, name, dtype):
    x = floats(dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        np.testing.assert_array_equal(bits(convert(f"to_{name}", x, dtype)), bits(x.astype(dtype)))
