"""Derivatives: the cases of against_autograd.py, jacobian.py and ratio.py, for pytest-benchmark."""

import numpy as np
import pytest

from bench import against_autograd, jacobian, ratio
from bench.functions import CASES
from bench.timing import one_thread

SMALL = [(case, kind) for case in CASES for kind in against_autograd.KINDS["small"] if kind in case.kinds]


@pytest.fixture(autouse=True)
def blas_on_one_thread():
    with one_thread():
        yield


@pytest.mark.parametrize("library", ["gpugrad", "autograd"])
@pytest.mark.parametrize(("case", "kind"), SMALL, ids=[f"{case.name}-{kind}" for case, kind in SMALL])
def test_against_autograd(benchmark, case, kind, library):
    benchmark.group = f"{kind} of {case.name}"
    found = against_autograd.our_library() if library == "gpugrad" else against_autograd.import_autograd()
    if found is None:
        pytest.skip(against_autograd.MISSING)
    run = against_autograd.run_of(found, case, kind, "small")
    result = benchmark.pedantic(run, rounds=30, iterations=10, warmup_rounds=2)
    assert np.isfinite(result).all()


@pytest.mark.parametrize("mode", ["forward", "reverse", "auto"])
@pytest.mark.parametrize(("n", "m"), [(256, 1024), (1024, 256)])
def test_jacobian(benchmark, n, m, mode):
    benchmark.group = f"Jacobian, {n} inputs, {m} outputs"
    benchmark.pedantic(jacobian.run_of(n, m, mode), rounds=10, warmup_rounds=1)


@pytest.mark.parametrize("part", ["forward", "forward and backward"])
@pytest.mark.parametrize("width", [64, 512])
def test_ratio(benchmark, width, part):
    benchmark.group = f"MLP of width {width}"
    forward, both = ratio.runs_of(width, batch_size=256, with_data=False)
    benchmark(forward if part == "forward" else both)
