"""vmap of every elementwise operation, reduction and softmax equals a loop over the examples."""

import numpy as np
import pytest

from gpugrad.core.vmap import vmap
from tests.ops.specs_activation import SPECS as ACTIVATION
from tests.ops.specs_arithmetic import SPECS as ARITHMETIC
from tests.ops.specs_compare import SPECS as COMPARE
from tests.ops.specs_exponential import SPECS as EXPONENTIAL
from tests.ops.specs_powers import SPECS as POWERS
from tests.ops.specs_reduce import SPECS as REDUCE
from tests.ops.specs_select import SPECS as SELECT
from tests.ops.specs_softmax import SPECS as SOFTMAX
from tests.ops.specs_special import SPECS as SPECIAL
from tests.ops.specs_trigonometric import SPECS as TRIGONOMETRIC
from tests.ops.test_array_batching import assert_batch_is_its_examples

TABLES = (
    ARITHMETIC,
    POWERS,
    EXPONENTIAL,
    TRIGONOMETRIC,
    COMPARE,
    SELECT,
    SPECIAL,
    ACTIVATION,
    REDUCE,
    SOFTMAX,
)
SPECS = [s for table in TABLES for s in table if s.moving]

pytestmark = pytest.mark.usefixtures("no_loops")


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.id)
def test_a_batch_is_its_examples(spec):
    assert_batch_is_its_examples(spec)


def test_two_batch_axes():
    """The place of the largest element of each matrix, and softmax over each, in one sweep."""
    from gpugrad import ops

    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    twice = vmap(vmap(lambda m: (ops.argmax(m), ops.softmax(m, axis=None), ops.logsumexp(m, axis=0))))
    place, shares, total = twice(x)
    np.testing.assert_array_equal(place, x.reshape(2, 3, 20).argmax(-1))
    e = np.exp(x)
    np.testing.assert_allclose(shares, e / e.sum(axis=(2, 3), keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(total, np.log(e.sum(axis=2)), rtol=1e-12)
