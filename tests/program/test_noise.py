"""The noise by which results of compiled programs are judged: it reaches every result, and is the same every time."""

import numpy as np

from gpugrad.core.tree import flatten

from .building import BINARY, MODES, UNARY, arguments, build
from .noise import Noisy, noise, noisy


def results(which, mode):
    f = MODES[mode](build([(which, 0, 0)]))
    with noise(), np.errstate(all="ignore"):
        return flatten(f(*map(noisy, arguments(0, "float32"))))[0]


def test_no_operation_ends_it():
    lost = []
    for which in range(len(UNARY) + len(BINARY)):
        for mode in ("forward", "grad", "hvp"):
            lost += [(which, mode) for y in results(which, mode) if not isinstance(y, Noisy)]
    assert lost == []


def test_the_same_noise_every_time():
    for a, b in zip(results(0, "grad"), results(0, "grad"), strict=True):
        np.testing.assert_array_equal(a, b)
