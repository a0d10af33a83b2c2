"""Specs of gpugrad/ops/random.py, against Philox in Python integers."""

import numpy as np

from gpugrad import ops
from tests.ops import philox
from tests.ops.spec import Spec

KEY, COUNTER = np.array(2**40 + 7, dtype=np.uint64), np.array(3, dtype=np.uint64)

SPECS = [
    Spec(ops.dropout, ((3, 4), KEY, COUNTER), philox.dropout, params={"p": 0.4}),
    Spec(ops.dropout, ((2, 1, 3), KEY, COUNTER), philox.dropout, params={"p": 0.0}),
    Spec(ops.dropout, ((), KEY, COUNTER), philox.dropout, params={"p": 0.5}),
    Spec(ops.dropout, ((0, 3), KEY, COUNTER), philox.dropout, params={"p": 0.5}),
]
