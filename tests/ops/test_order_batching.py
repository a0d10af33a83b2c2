"""vmap of every scan, sort, quantile, nan-function and interpolation equals a loop over the examples."""

import numpy as np
import pytest

from gpugrad import ops
from gpugrad.core.vmap import vmap
from gpugrad.errors import ArgumentTypeError
from tests.ops.specs_interpolate import SPECS as INTERPOLATE
from tests.ops.specs_nan import SPECS as NAN
from tests.ops.specs_quantiles import SPECS as QUANTILE
from tests.ops.specs_scan import SPECS as SCAN
from tests.ops.specs_sorting import SPECS as SORTING
from tests.ops.test_array_batching import assert_batch_is_its_examples, assert_same_as_loop

SPECS = [s for s in SCAN + SORTING + QUANTILE + NAN + INTERPOLATE if s.moving and s.op is not ops.unique]

pytestmark = pytest.mark.usefixtures("no_loops")


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.id)
def test_a_batch_is_its_examples(spec):
    assert_batch_is_its_examples(spec)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)])
def test_batches_of_sorted_rows(side, axes):
    a = np.array([[0.0, 1.0, 1.0, 2.0], [1.0, 1.0, 1.0, np.nan], [-1.0, 0.0, 1.0, 3.0]])
    v = np.array([[1.0, 1.0, 0.0], [0.5, np.nan, 9.0], [-2.0, 3.0, 1.0]])
    inputs = [x if axis == 0 else x[0] for x, axis in zip((a, v), axes, strict=True)]
    assert_same_as_loop(lambda a, v: ops.searchsorted(a, v, side), inputs, axes)


def test_batches_of_slices_with_nan():
    x = np.array([[0.0, np.nan, 3.0, 1.0], [np.nan, np.nan, 2.0, 5.0], [4.0, 3.0, 2.0, 1.0]])
    for name in ("nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin", "nanargmax", "nanmedian"):
        np.testing.assert_allclose(vmap(getattr(ops, name))(x), getattr(np, name)(x, axis=1), rtol=1e-12)


def test_batches_of_all_that_interp_takes():
    rng = np.random.default_rng(0)
    x, xp, fp = rng.uniform(-3, 3, (2, 3)), np.sort(rng.uniform(-2, 2, (2, 4))), rng.uniform(-1, 1, (2, 4))
    assert_same_as_loop(ops.interp, [x, xp, fp], (0, 0, 0))


def test_unique_has_no_batch():
    with pytest.raises(ArgumentTypeError, match="how many values there are differs"):
        vmap(ops.unique)(np.array([[1.0, 2.0], [3.0, 3.0]]))
