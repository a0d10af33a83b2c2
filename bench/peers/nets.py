"""What every contestant trains: nets, their parameters and batches, and the form of what each contestant gives."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

LR, BETAS, EPS = 1e-3, (0.9, 0.999), 1e-8

Weights = list[np.ndarray]  # w (out, in) and b (out,) of each layer in turn


class Net(NamedTuple):
    """Widths from input to output, samples in a batch, and the dtype of parameters and data."""

    sizes: tuple[int, ...]
    batch: int
    dtype: str = "float32"

    def __str__(self) -> str:
        dtype = "" if self.dtype == "float32" else f", {self.dtype}"
        return f"{'-'.join(map(str, self.sizes))}, {self.batch}{dtype}"


NETS = (
    Net((64, 32, 10), 32),
    Net((784, 128, 10), 64),
    Net((784, 512, 512, 10), 128),
    Net((1024, 2048, 2048, 1000), 256),
    Net((16, 64, 64, 1), 8192),
)
OPTIMIZERS = ("sgd", "adam")


class Trainer(NamedTuple):
    """put(x, y): a batch where the contestant wants it.  step(*batch): one step; its loss before it, as a number.

    weights(): the parameters as new NumPy arrays.  All begin with parameters_of(net).
    """

    put: Callable[[np.ndarray, np.ndarray], Any]
    step: Callable[..., float]
    weights: Callable[[], Weights]


def parameters_of(net: Net) -> Weights:
    """Weights and biases to start from."""
    rng = np.random.default_rng(1)
    shapes = [shape for n_in, n_out in pairwise(net.sizes) for shape in ((n_out, n_in), (n_out,))]
    bounds = [shape[-1] ** -0.5 for shape in shapes]
    return [rng.uniform(-b, b, shape).astype(net.dtype) for b, shape in zip(bounds, shapes, strict=True)]


def is_regression(net: Net) -> bool:
    """One output means mean squared error; several, softmax cross entropy."""
    return net.sizes[-1] == 1


def n_params(net: Net) -> int:
    return sum((n_in + 1) * n_out for n_in, n_out in pairwise(net.sizes))


def flop_of(net: Net) -> int:
    """Of the matrix products of a step: three for each layer, but for the gradient of the data."""
    products = [2 * net.batch * n_in * n_out for n_in, n_out in pairwise(net.sizes)]
    return 3 * sum(products) - products[0]


def bytes_of(net: Net, optimizer: str) -> int:
    """Read and written at least: the batch; the parameters, and for Adam two moments."""
    return np.dtype(net.dtype).itemsize * (net.batch * net.sizes[0] + (2 if optimizer == "sgd" else 6) * n_params(net))


def batches_of(net: Net, rng: np.random.Generator, n: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """n batches of normal data; the target follows from the data, so that there is something to learn."""
    x = rng.normal(size=(n, net.batch, net.sizes[0])).astype(net.dtype)
    scores = x @ rng.normal(size=(net.sizes[0], net.sizes[-1])).astype(net.dtype)
    y = np.tanh(scores) if is_regression(net) else scores.argmax(-1)
    return list(zip(x, y, strict=True))


def forward(weights: Weights, x: np.ndarray) -> np.ndarray:
    """The net's outputs, by NumPy."""
    for i in range(0, len(weights) - 2, 2):
        x = np.maximum(x @ weights[i].T + weights[i + 1], 0)
    return x @ weights[-2].T + weights[-1]
