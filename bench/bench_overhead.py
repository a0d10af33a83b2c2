"""What an operation costs beside its arithmetic: the cases of overhead.py, for pytest-benchmark."""

import numpy as np
import pytest

from bench.overhead import LINKS, SIZES, gpugrad_cases, operands

sizes = pytest.mark.parametrize("n", SIZES)


@sizes
@pytest.mark.parametrize("case", ["add untracked", "add tracked"])
def test_add(benchmark, case, n):
    benchmark.group = case
    y = benchmark(gpugrad_cases(n)[case])
    x, c, _ = operands(n)
    assert y.requires_grad == (case == "add tracked")
    np.testing.assert_array_equal(y.detach().numpy(), x + c)


@sizes
def test_chain_forward_and_backward(benchmark, n):
    benchmark.group = "chain"
    g = benchmark(gpugrad_cases(n)["chain"])
    x, c, expected = operands(n)  # h' = (1 - h^2) c h' for each link
    for _ in range(LINKS):
        x = np.tanh(x * c + c)
        expected = expected * (1 - x * x) * c
    np.testing.assert_allclose(g.numpy(), expected, rtol=2e-3, atol=1e-12)
