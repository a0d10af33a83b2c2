"""What the tests of softmax and of its cross entropy share: shapes, inputs, references and tolerances."""

import math

import numpy as np
import pytest

from gpugrad.core.namespace import PRIMITIVES

ml_dtypes = pytest.importorskip("ml_dtypes")

# Rows by rows of a few lanes, of a warp, and of a block of 256 and 512 threads; in packs and one by one.
SHAPES = (
    (1, 1),
    (5, 2),
    (33, 3),
    (7, 10),
    (31, 8),
    (9, 31),
    (4, 33),
    (3, 257),
    (2, 1000),
    (40, 600),
    (3, 1031),
    (2, 4112),
)
TOLERANCE = {np.float32: 4e-6, np.float64: 1e-14, np.float16: 2.0**-10, ml_dtypes.bfloat16: 2.0**-7}
each_dtype = pytest.mark.parametrize("dtype", TOLERANCE, ids=lambda t: np.dtype(t).name)


def drawn(shape, dtype, seed=0, scale=3.0):
    return (np.random.default_rng(seed).normal(size=shape) * scale).astype(dtype)


def labels_for(shape, dtype=np.int64):
    return (np.arange(shape[0]) * 7 % shape[1]).astype(dtype)


def reference(name, *args, **params):
    """The primitive's forward on NumPy arrays, in float64."""
    wide = [a if a is None or a.dtype.kind in "iu" else a.astype(np.float64) for a in args]
    with np.errstate(all="ignore"):
        return PRIMITIVES[name].forward(np, *wide, **params)


def assert_close(host, got, want, dtype, terms=1):
    """Within the tolerance of the larger of 1 and |want|; float32's and float64's grows with the terms added up."""
    got = host.numpy(got)
    assert got.dtype == dtype and got.shape == np.shape(want)
    got, want = got.astype(np.float64), np.asarray(want)
    finite = np.isfinite(want)
    np.testing.assert_array_equal(got[~finite], want[~finite])
    off = np.abs(got[finite] - want[finite]) / np.maximum(1, np.abs(want[finite]))
    assert off.max(initial=0) <= TOLERANCE[dtype] * max(1, math.log2(terms) / 4)
