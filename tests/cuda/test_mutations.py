"""Small faults planted in the kernels one by one: for each there is a test that fails."""

import os
import shutil
import subprocess
import sys
from typing import NamedTuple

import pytest

from gpugrad.cuda.source import kernels_dir

pytestmark = pytest.mark.host_only


class Fault(NamedTuple):
    """`old` stands once in kernels/`file`; with `new` in its place, tests/cuda/test_`caught_by` must fail."""

    what: str
    file: str
    old: str
    new: str
    caught_by: str


FAULTS = (
    Fault(
        "a missing barrier before the sum over warps",
        "common.cuh",
        "  __syncthreads();\n  A sum = part[0];",
        "  A sum = part[0];",
        "norm.py::test_rows[shape5-float32]",
    ),
    Fault(
        "a warp's sum without its last halves",
        "common.cuh",
        "for (int o = 16; o; o >>= 1) v += ",
        "for (int o = 8; o; o >>= 1) v += ",
        "norm.py::test_rows[shape2-float32]",
    ),
    Fault(
        "nine rounds of Philox",
        "philox.cuh",
        "round < 10",
        "round < 9",
        "dropout.py::test_a_word_at_the_threshold_is_kept",
    ),
    Fault(
        "> for >= at the threshold of dropout",
        "dropout.cu",
        "words.at[j] >= threshold",
        "words.at[j] > threshold",
        "dropout.py::test_a_word_at_the_threshold_is_kept",
    ),
    Fault(
        "dropout without the elements behind the last whole group",
        "dropout.cu",
        "i * S < n; i += step",
        "(i + 1) * S <= n; i += step",
        "dropout.py::test_the_mask_is_that_of_philox_in_python_integers",
    ),
    Fault(
        "an element too few of those that are not in packs",
        "elementwise.cu",
        "i = n_packs * S + first; i < n;",
        "i = n_packs * S + first; i + 1 < n;",
        "elementwise.py::test_a_view_that_is_not_aligned[float32]",
    ),
    Fault(
        "a swapped stride of rows and columns",
        "elementwise.cu",
        "at = row * n_cols + column;",
        "at = column * n_rows + row;",
        "elementwise.py::test_bias_and_activation_in_place",
    ),
    Fault(
        "a wrong sign in the gradient of silu",
        "activations.cuh",
        "return g * (s + v * (s * (A(1) - s)));",
        "return g * (s - v * (s * (A(1) - s)));",
        "elementwise.py::test_a_view_that_is_not_aligned[float32]",
    ),
    Fault(
        "a missing barrier after the maximum over a block",
        "rows.cuh",
        "v = part[w] > v ? part[w] : v;\n  __syncthreads();",
        "v = part[w] > v ? part[w] : v;",
        "softmax.py::test_infinities_and_nan_as_on_numpy[1200]",
    ),
    Fault(
        "sums that are not rescaled when the maximum rises",
        "softmax.cu",
        "sum *= exp_of(m - held);",
        "",
        "softmax.py::test_infinities_and_nan_as_on_numpy[40]",
    ),
    Fault(
        "a sum of class weights that counts the samples",
        "softmax_xent.cu",
        "sum += widen(weight[label]);",
        "sum += Acc<T>(1);",
        "softmax_xent.py::test_the_mean_over_many_rows_is_the_same_in_every_run[4-3]",
    ),
    Fault(
        "a dropped 1/N in the gradient of the mean",
        "softmax_xent.cu",
        "A(1) / total, slope}",
        "A(1), slope}",
        "softmax_xent.py::test_the_mean_over_many_rows_is_the_same_in_every_run[4-3]",
    ),
    Fault(
        "a missing barrier before the products of a tile",
        "linear_vjp.cu",
        "    __syncthreads();\n    if (threadIdx.x < 16 * M)",
        "    if (threadIdx.x < 16 * M)",
        "linear_vjp.py::test_blocks_with_several_tiles_of_rows[float32]",
    ),
    Fault(
        "a missing barrier before the next tile",
        "linear_vjp.cu",
        "x += TALL_ROWS * n_in;\n    __syncthreads();",
        "x += TALL_ROWS * n_in;",
        "linear_vjp.py::test_blocks_with_several_tiles_of_rows[float32]",
    ),
    Fault(
        "a dropped 1/N in the gradients of a layer",
        "outer.cu",
        "sum *= scale_at ? scale * *scale_at : scale;",
        "sum *= scale_at ? *scale_at : Acc<T>(1);",
        "linear_vjp.py::test_all_gradients_of_a_narrow_layer_in_one_pass[31-3-5-float32]",
    ),
    Fault(
        "pairs of different rows counted once",
        "outer.cu",
        "sum += r == s ? both : both + both;",
        "sum += both;",
        "outer.py::test_norms_of_outer_sums[2-16-31-lead2-float32]",
    ),
    Fault(
        "tiles without the mask of columns behind the end",
        "tiles.cuh",
        "if (r < n_rows && c < n_cols) to[",
        "if (r < n_rows) to[",
        "outer.py::test_the_weighted_sum_over_the_batch[shape1-float32]",
    ),
    Fault(
        "an operand of the second gradient not transposed",
        "batched_matmul_vjp.cu",
        "small_tile<R>(sa, 1, lk, sg,",
        "small_tile<R>(sa, lk, 1, sg,",
        "batched_matmul_vjp.py::test_small_matrices_by_one_launch[3-8-8-8-float32]",
    ),
    Fault(
        "the first sum of a split added to what lay there",
        "batched_matmul_vjp.cu",
        "sum[at] = l == begin ?",
        "sum[at] = l == 0 ?",
        "batched_matmul_vjp.py::test_a_deep_sum_over_few_products_is_split_between_blocks",
    ),
    Fault(
        "a tile's weight gradient stored, not added",
        "mlp_step.cu",
        "dw[r * n_in + c] = first ? product : dw[r * n_in + c] + product;",
        "dw[r * n_in + c] = product;",
        "mlp_step.py::test_blocks_with_several_tiles_of_rows[float32-widths0-232448-True-True-0]",
    ),
    Fault(
        "weights read before they are there",
        "mlp_step.cu",
        "  __syncthreads();\n  return reinterpret_cast<const T*>(shared + plan.w_at[k]);",
        "  return reinterpret_cast<const T*>(shared + plan.w_at[k]);",
        "mlp_step.py::test_blocks_with_several_tiles_of_rows[float32-widths2-17000-False-False-0]",
    ),
    Fault(
        "inputs without the mask of padded columns",
        "mlp_step.cu",
        "row0 + r < plan.n_rows && c < n_in ? x",
        "row0 + r < plan.n_rows ? x",
        "mlp_step.py::test_awkward_sizes_in_three_stepping_orders[33-widths3-0]",
    ),
    Fault(
        "slopes of the loss left in rows behind the end",
        "mlp_step.cu",
        "int c = (inside ? n : 0) + lane;",
        "int c = n + lane;",
        "mlp_step.py::test_awkward_sizes_in_three_stepping_orders[33-widths3-0]",
    ),
    Fault(
        "a swapped flag of transposition in the float product",
        "tile_product.cuh",
        "read_4x4<B_BY_K>(bv,",
        "read_4x4<!B_BY_K>(bv,",
        "mlp_step.py::test_awkward_sizes_in_three_stepping_orders[33-widths3-0]",
    ),
    Fault(
        "a swapped flag of transposition on tensor cores",
        "tile_product.cuh",
        "ldmatrix_x4<!A_BY_K>",
        "ldmatrix_x4<A_BY_K>",
        "mlp_step.py::test_bfloat16_on_tensor_cores[37-widths1-tanh]",
    ),
    Fault(
        "beta2 for beta1",
        "optimizer.cu",
        "x.s[0] += (x.g - x.s[0]) * new1;",
        "x.s[0] += (x.g - x.s[0]) * new2;",
        "optimizer.py::test_parameters_without_gradient_keep_their_own_step_count",
    ),
    Fault(
        "a master weight compared unrounded",
        "optimizer.cu",
        "widen(narrow<T>(kept[j])) == p[j]",
        "kept[j] == p[j]",
        "optimizer.py::test_a_2_byte_parameter_that_somebody_wrote_is_taken_over[float16]",
    ),
    Fault(
        "a variance without the mean",
        "row_norm.cu",
        "squares += (v[k] - mu) * (v[k] - mu);",
        "squares += v[k] * v[k];",
        "norm.py::test_rows[shape2-float32]",
    ),
    Fault(
        "splits merged without the distance of their means",
        "column_norm.cu",
        "m2 += m2_b + d * d * n * share;",
        "m2 += m2_b;",
        "norm.py::test_columns[shape2-float32]",
    ),
)


@pytest.fixture
def kernels(tmp_path):
    """A copy of the kernels."""
    return shutil.copytree(kernels_dir(), tmp_path / "kernels")


def run(root, folder, *tests):
    """(exit status, output) of tests of tests/cuda/ on the kernels of that folder."""
    paths = [f"tests/cuda/test_{test}" for test in tests]
    command = [sys.executable, "-m", "tests.cuda.planted", str(folder), *paths]
    env = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.file}: {fault.what}")
def test_a_planted_fault_is_caught(root, kernels, fault):
    path = kernels / fault.file
    path.write_text(path.read_text(encoding="utf-8").replace(fault.old, fault.new), encoding="utf-8")
    status, output = run(root, kernels, fault.caught_by)
    assert status == pytest.ExitCode.TESTS_FAILED, output
    assert "cannot compile" not in output, output


@pytest.mark.slow
def test_an_unchanged_copy_passes(root, kernels):
    status, output = run(root, kernels, *sorted({fault.caught_by for fault in FAULTS}))
    assert status == pytest.ExitCode.OK, output


def test_every_fault_can_be_planted():
    """Its text stands once in the file: the table moves with the kernels."""
    times = {f: (kernels_dir() / f.file).read_text(encoding="utf-8").count(f.old) for f in FAULTS}
    assert {f"{f.file}: {f.old}": n for f, n in times.items() if n != 1} == {}


def test_there_is_a_fault_in_every_kernel_file():
    assert {path.name for path in kernels_dir().glob("*.cu")} <= {fault.file for fault in FAULTS}
