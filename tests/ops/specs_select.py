"""Specs of gpugrad/ops/select.py."""

import numpy as np

from gpugrad import ops
from tests.ops.spec import Spec

MASK = np.array([True, False, True])

SPECS = [
    Spec(ops.where, (MASK, (2, 3), (3,)), np.where),
    Spec(ops.where, (MASK[:, None], (), (3, 2)), np.where),
    Spec(ops.where, (np.array(True), (), ()), np.where),
    Spec(ops.where, (np.zeros((0, 3), bool), (3,), ()), np.where),
    Spec(ops.where, (np.array([2, 0, -1]), (2, 3), ()), np.where),
    Spec(ops.masked, ((2, 3), MASK), lambda x, mask: np.where(mask, x, 0)),
    Spec(ops.masked, ((), np.array(False)), lambda x, mask: np.where(mask, x, 0)),
    Spec(ops.maximum, ((2, 3), (3,)), np.maximum),
    Spec(ops.maximum, ((2, 1), ()), np.maximum),
    Spec(ops.maximum, ((), ()), np.maximum),
    Spec(ops.minimum, ((2, 3), (3,)), np.minimum),
    Spec(ops.minimum, ((0, 3), ()), np.minimum),
    Spec(ops.minimum, ((), ()), np.minimum),
    Spec(ops.at_least, ((2, 3), (3,)), np.maximum),
    Spec(ops.at_most, ((2, 3), ()), np.minimum),
    Spec(ops.clip, ((3, 4),), np.clip, params={"a_min": -1.0, "a_max": 0.5}, kinks=(-1.0, 0.5)),
    Spec(ops.clip, ((3, 4),), np.clip, params={"a_min": None, "a_max": 0.5}, kinks=(0.5,)),
    Spec(ops.clip, ((),), np.clip, params={"a_min": 0, "a_max": None}, kinks=(0.0,)),
    Spec(ops.clip, ((0, 3),), np.clip, params={"a_min": -1.0, "a_max": 0.5}),
    Spec(ops.clip, ((2, 3), (3,), ()), np.clip, domain=((-2.0, 2.0), (-1.0, -0.5), (0.5, 1.0))),
]
