"""States and records of two runs, compared for tests."""

import numpy as np

TIMES = frozenset({"seconds", "samples_per_s"})


def assert_same(a, b, aside=frozenset()):
    """Two nests are equal bit for bit, in types and order as well; entries whose names are `aside` may differ."""
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        for key in a.keys() - aside:
            assert_same(a[key], b[key], aside)
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_same(x, y, aside)
    elif isinstance(a, np.ndarray):
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    else:
        assert a == b


def assert_same_but_times(a, b):
    """Two nests are equal bit for bit, but for how long steps and epochs took."""
    assert_same(a, b, TIMES)
