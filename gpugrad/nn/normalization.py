"""Normalising layers.  Names and defaults are PyTorch's."""

from typing import Any

import numpy as np

from .. import ops
from ..core.precision import is_narrow
from ..core.tensor import as_dtype, raw
from ..errors import ArgumentError, ShapeError
from .init import ones_
from .layers import parameter, positive
from .module import Module


class LayerNorm(Module):
    """Each sample brought to mean 0 and variance 1 over its last axes, then scaled by `weight` and shifted by `bias`.

    normalized_shape: an int or a tuple, the lengths of those axes.  weight starts at 1 and bias at 0; without
    elementwise_affine there is neither.  Raises ShapeError for an x whose last axes differ.
    Source: Ba, Kiros and Hinton, Layer normalization, 2016.
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        dtype: Any = "float32",
        device: Any = "cpu",
    ) -> None:
        shape = (normalized_shape,) if isinstance(normalized_shape, int | np.integer) else tuple(normalized_shape)
        if not shape:
            raise ArgumentError("LayerNorm: normalized_shape is empty; expected at least one axis")
        for n in shape:
            positive("LayerNorm", normalized_shape=n)
        self.normalized_shape, self.eps = shape, float(eps)
        self.weight = ones_(parameter(shape, dtype, device)) if elementwise_affine else None
        self.bias = parameter(shape, dtype, device) if elementwise_affine and bias else None

    def forward(self, x: Any) -> Any:
        """x (..., *normalized_shape), normalised."""
        n = len(self.normalized_shape)
        if tuple(x.shape[-n:]) != self.normalized_shape:
            raise ShapeError(f"LayerNorm: x has shape {x.shape}; expected its last axes to be {self.normalized_shape}")
        return ops.layer_norm(x, self.weight, self.bias, n_axes=n, eps=self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.weight is not None}"


class BatchNorm1d(Module):
    """Each channel of x (N, C) or (N, C, L) brought to mean 0 and variance 1, then scaled by weight, shifted by bias.

    In training by the mean and biased variance of the batch, while running_mean and running_var (unbiased) follow by
    running = (1 - momentum) running + momentum batch; momentum None takes the mean over all batches so far.  In
    evaluation by the running values, unless track_running_stats is False.  Running values are at least float32.

    In training the samples of a batch depend on each other, so the gradient of the mean loss is not the mean of
    per-sample gradients.  Raises ShapeError for an x that does not fit, or with one value a channel in training.
    Source: Ioffe and Szegedy, Batch normalization, ICML 2015.
    """

    running_mean: Any
    running_var: Any
    num_batches_tracked: Any

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        dtype: Any = "float32",
        device: Any = "cpu",
    ) -> None:
        positive("BatchNorm1d", num_features=num_features)
        if momentum is not None and not 0.0 <= momentum <= 1.0:
            raise ArgumentError(f"BatchNorm1d: momentum is {momentum}; expected 0 to 1, or None for the plain mean")
        self.num_features, self.eps, self.momentum = num_features, float(eps), momentum
        self.weight = ones_(parameter((num_features,), dtype, device)) if affine else None
        self.bias = parameter((num_features,), dtype, device) if affine else None
        self.track_running_stats = track_running_stats
        if track_running_stats:
            wide = np.dtype("float32") if is_narrow(as_dtype(dtype)) else as_dtype(dtype)
            self.register_buffer("running_mean", parameter((num_features,), wide, device))
            self.register_buffer("running_var", ones_(parameter((num_features,), wide, device)))
            self.register_buffer("num_batches_tracked", parameter((), wide, device).data.astype(np.int64))

    def forward(self, x: Any) -> Any:
        """x, normalised."""
        if x.ndim not in (2, 3) or x.shape[1] != self.num_features:
            raise ShapeError(
                f"BatchNorm1d: x has shape {x.shape}; expected (N, {self.num_features}) or (N, {self.num_features}, L)"
            )
        if not self.training and self.track_running_stats:
            return self._by_running_values(x)
        n = x.size // self.num_features
        if self.training and n < 2:
            raise ShapeError(f"BatchNorm1d: x has shape {x.shape}; expected more than one value a channel in training")
        y, mean, var = ops.batch_norm(x, self.weight, self.bias, eps=self.eps)
        if self.training and self.track_running_stats:
            self._follow(mean, var, n / (n - 1))
        return y

    def _by_running_values(self, x: Any) -> Any:
        column = (-1, *(1,) * (x.ndim - 2))
        mean, var = self.running_mean.reshape(column), self.running_var.reshape(column)
        z = (x - mean) * (1.0 / ops.sqrt(var + self.eps))
        return ops.scale_channels(ops.astype(z, x.dtype), self.weight, self.bias)

    def _follow(self, mean: Any, var: Any, unbias: float) -> None:
        count = raw(self.num_batches_tracked) + 1
        part = 1.0 / count if self.momentum is None else self.momentum
        old, new, unbiased = (_number(w, self.running_mean.dtype) for w in (1.0 - part, part, part * unbias))
        self.running_mean = old * self.running_mean + new * mean
        self.running_var = old * self.running_var + unbiased * var
        self.num_batches_tracked = count

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.weight is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )


def _number(x: Any, dtype: Any) -> Any:
    """A number as Python's is in an operation: of the dtype of the array beside it."""
    return x if type(x) is float else x.astype(dtype)
