"""What launchers share."""

import ml_dtypes
import numpy as np
import pytest

from gpugrad.cuda import kernel, runtime


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        (np.float32, "float"),
        ("float64", "double"),
        (np.float16, "__half"),
        (ml_dtypes.bfloat16, "__nv_bfloat16"),
        (np.int64, None),
        (bool, None),
    ],
)
def test_names_of_types(dtype, name):
    assert kernel.type_name(dtype) == name


@pytest.mark.parametrize(
    ("n", "per_block", "most", "blocks"),
    [
        (0, 256, None, 1),
        (1, 256, None, 1),
        (256, 256, None, 1),
        (257, 256, None, 2),
        (10**6, 256, 8, 8),
        (300, 256, 8, 2),
    ],
)
def test_blocks_for(n, per_block, most, blocks):
    assert kernel.blocks_for(n, per_block, most) == blocks


def test_layouts(host):
    x = host.array(np.zeros((4, 8), np.float32))
    assert kernel.c_contiguous(x, None, x[1:]) and not kernel.c_contiguous(x, x.T)
    assert kernel.aligned(x, None, x[1:]) and not kernel.aligned(x, x[0, 1:])


def test_a_launch_goes_to_the_runtime_in_use():
    seen = []

    class Recording:
        def launch(self, *args):
            seen.append(args)

    with runtime.use(Recording()):
        kernel.launch("x.cu", "k<float>", (1,), (32,), (np.int32(1),), 16)
    assert seen == [("x.cu", "k<float>", (1,), (32,), (np.int32(1),), 16)]
