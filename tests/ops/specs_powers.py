"""Specs of gpugrad/ops/powers.py."""

import numpy as np

from gpugrad import ops
from tests.ops.spec import Spec

POSITIVE = (0.4, 2.0)
NEGATIVE = (-2.0, -0.4)


def by(exponent):
    """x ** exponent with a Python number, and NumPy's."""

    def power_by(x):
        return ops.power(x, exponent)

    power_by.__name__ = f"power_by_{exponent}"
    return power_by, lambda x: np.power(x, exponent)


def of(base):
    """base ** x with a Python number."""

    def power_of(x):
        return ops.power(base, x)

    power_of.__name__ = f"power_of_{base}"
    return power_of, lambda x: np.power(base, x)


SPECS = [
    Spec(ops.power, ((2, 3), (2, 3)), np.power, domain=(POSITIVE, (-2.0, 2.0))),
    Spec(ops.power, ((3, 1), (4,)), np.power, domain=(POSITIVE, (-2.0, 2.0))),
    Spec(ops.power, ((), ()), np.power, domain=(POSITIVE, (-2.0, 2.0))),
    Spec(ops.power, ((0, 3), ()), np.power, domain=(POSITIVE, (-2.0, 2.0))),
    Spec(ops.power, ((3,), np.array([2.0, 3.0, -1.0])), np.power, domain=NEGATIVE, dtypes=("float64",)),
    Spec(ops.power, ((3,), np.array([2, 3, 0])), np.power, domain=NEGATIVE, dtypes=("float64",)),
    *(Spec(by(n)[0], ((2, 3),), by(n)[1], domain=NEGATIVE) for n in (0, 1, 2, 3, 4, -1, -2, 2.0)),
    *(Spec(by(n)[0], ((2, 3),), by(n)[1], domain=POSITIVE, order=3) for n in (0.5, -0.5, 1.7)),
    Spec(by(2)[0], ((),), by(2)[1]),
    Spec(by(3)[0], ((0, 3),), by(3)[1]),
    Spec(of(2.0)[0], ((2, 3),), of(2.0)[1]),
    Spec(of(3)[0], ((),), of(3)[1]),
    Spec(ops.reciprocal, ((2, 3),), np.reciprocal, domain=(0.5, 2.0)),
    Spec(ops.reciprocal, ((),), np.reciprocal, domain=(-2.0, -0.5)),
    Spec(ops.square, ((2, 3),), np.square, order=3),
    Spec(ops.square, ((),), np.square),
    Spec(ops.square, ((0, 3),), np.square),
    Spec(ops.sqrt, ((2, 3),), np.sqrt, domain=POSITIVE),
    Spec(ops.sqrt, ((),), np.sqrt, domain=POSITIVE),
    Spec(ops.sqrt, ((0, 3),), np.sqrt, domain=POSITIVE),
    Spec(ops.cbrt, ((2, 3),), np.cbrt, domain=NEGATIVE),
    Spec(ops.cbrt, ((),), np.cbrt, domain=POSITIVE),
    Spec(ops.hypot, ((2, 3), (3,)), np.hypot, domain=((-2.0, 2.0), (0.5, 2.0))),
    Spec(ops.hypot, ((), ()), np.hypot, domain=((-2.0, 2.0), (0.5, 2.0))),
]
