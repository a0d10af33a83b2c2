"""Twelve functions of one array, written once for every library that has NumPy's names: `f(np, x, *data)`.

Each gives an array, or a number; what is differentiated by a gradient or a Hessian is its sum.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy

Shape = tuple[int, ...]
Shapes = tuple[Shape, ...]


def logistic(np: Any, w: Any, x: Any, sign: Any) -> Any:
    """Loss of each sample of a logistic regression."""
    return np.log1p(np.exp(-sign * np.dot(x, w)))


def rosenbrock(np: Any, x: Any) -> Any:
    """Terms of Rosenbrock's function."""
    return 100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2


def network(np: Any, w: Any, x: Any, v: Any) -> Any:
    """Two layers, by the weights of the first."""
    return np.dot(np.tanh(np.dot(x, w)), v) ** 2


def cross_entropy(np: Any, z: Any, one_hot: Any) -> Any:
    """Softmax cross entropy of each row of logits."""
    top = np.max(z, axis=1, keepdims=True)
    return np.log(np.sum(np.exp(z - top), axis=1)) + top[:, 0] - np.sum(z * one_hot, axis=1)


def gaussian(np: Any, a: Any, x: Any) -> Any:
    """Negative log density of a normal distribution with covariance I + a a^T, but for a constant."""
    covariance = numpy.eye(len(x)) + np.dot(a, a.T)
    return 0.5 * np.dot(x, np.linalg.solve(covariance, x)) + 0.5 * np.linalg.slogdet(covariance)[1]


def sine_series(np: Any, x: Any) -> Any:
    """Ten terms of the sine's series."""
    term = total = x
    for k in range(1, 10):
        term = -term * x * x / (2 * k * (2 * k + 1))
        total = total + term
    return total


def waves(np: Any, x: Any) -> Any:
    """Elementwise functions."""
    return np.tanh(np.sin(x) * x) + np.sqrt(1.0 + x**2) / (2.0 + np.cos(x))


def product(np: Any, a: Any, b: Any) -> Any:
    """Squares of a matrix product."""
    return np.matmul(a, b) ** 2


def batched(np: Any, a: Any, x: Any) -> Any:
    """Many small matrices, each by its vector."""
    return np.sin(np.einsum("bij,bj->bi", a, x))


def gather(np: Any, x: Any, index: Any) -> Any:
    """Slices, a choice and a look-up, joined."""
    leaky = np.where(x > 0.0, x, 0.1 * x)
    return np.concatenate([x[::2] * x[1::2], leaky[index] ** 2])


def standardized(np: Any, x: Any) -> Any:
    """Cubes of the columns' standard scores."""
    return ((x - np.mean(x, axis=0)) / np.std(x, axis=0)) ** 3


def kernel(np: Any, x: Any, y: Any) -> Any:
    """A Gaussian kernel of every pair of points."""
    return np.exp(-np.sum((x[:, None, :] - y[None, :, :]) ** 2, axis=-1))


class Case(NamedTuple):
    """A function, with the shapes of its arguments small and large."""

    f: Callable[..., Any]
    small: Shapes
    large: Shapes
    kinds: tuple[str, ...] = ("gradient", "hvp", "jacobian")

    @property
    def name(self) -> str:
        return self.f.__name__

    def arguments(self, size: str) -> list[Any]:
        """Normal random numbers; what the function calls sign, one_hot and index is made of them."""
        rng = numpy.random.default_rng(0)
        names = self.f.__code__.co_varnames[1:]
        shapes = self.small if size == "small" else self.large
        return [_MAKE.get(name, _normal)(rng, shape) for name, shape in zip(names, shapes, strict=False)]


def _normal(rng: Any, shape: Shape) -> Any:
    return rng.normal(size=shape) / (shape[-1] ** 0.5 if len(shape) > 1 else 1.0)


_MAKE: dict[str, Callable[[Any, Shape], Any]] = {
    "sign": lambda rng, shape: numpy.sign(rng.normal(size=shape)),
    "one_hot": lambda rng, shape: numpy.eye(shape[1])[rng.integers(0, shape[1], shape[0])],
    "index": lambda rng, shape: rng.integers(0, shape[0], shape),
}

CASES = (
    Case(logistic, ((5,), (20, 5), (20,)), ((50,), (20_000, 50), (20_000,))),
    Case(rosenbrock, ((50,),), ((1_000_000,),)),
    Case(network, ((6, 8), (10, 6), (8, 4)), ((500, 500), (500, 500), (500, 500))),
    Case(cross_entropy, ((8, 10), (8, 10)), ((20_000, 50), (20_000, 50))),
    Case(gaussian, ((6, 6), (6,)), ((500, 500), (500,)), ("gradient", "hvp")),  # one number: J is the gradient
    Case(sine_series, ((20,),), ((200_000,),)),
    Case(waves, ((50,),), ((1_000_000,),)),
    Case(product, ((6, 6), (6, 6)), ((500, 500), (500, 500))),
    Case(batched, ((4, 4, 5), (4, 5)), ((10_000, 10, 10), (10_000, 10))),
    Case(gather, ((40,), (40,)), ((1_000_000,), (1_000_000,))),
    Case(standardized, ((12, 4),), ((20_000, 50),)),
    Case(kernel, ((6, 3), (5, 3)), ((500, 10), (200, 10))),
)
