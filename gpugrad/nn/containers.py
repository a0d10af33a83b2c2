"""Modules in a row: Sequential, and the multilayer perceptron as one."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..errors import ArgumentError, ArgumentTypeError, IndexingError
from . import activations, init
from .init import Rng
from .layers import Dropout, Identity, Linear, positive
from .module import Module
from .normalization import BatchNorm1d, LayerNorm

ACTIVATIONS: dict[str, Callable[[], Module]] = {
    "relu": activations.ReLU,
    "leaky_relu": activations.LeakyReLU,
    "elu": activations.ELU,
    "selu": activations.SELU,
    "gelu": activations.GELU,
    "silu": activations.SiLU,
    "mish": activations.Mish,
    "softplus": activations.Softplus,
    "sigmoid": activations.Sigmoid,
    "tanh": activations.Tanh,
    "identity": Identity,
}
_NORMS = {"batch": BatchNorm1d, "layer": LayerNorm}


class Sequential(Module):
    """Modules applied one after the other; they are its attributes "0", "1", ..., as in PyTorch.

    `model[i]` is a module and `model[a:b]` a Sequential of the same modules.

    >>> Sequential(Linear(2, 3, rng=0), activations.ReLU())
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=True)
      (1): ReLU()
    )
    """

    def __init__(self, *modules: Module) -> None:
        for module in modules:
            self.append(module)

    def append(self, module: Module) -> "Sequential":
        """Put a module at the end; gives the Sequential.  Raises ArgumentTypeError for what is no Module."""
        if not isinstance(module, Module):
            what = f"the class {module.__name__}" if isinstance(module, type) else f"a {type(module).__name__}"
            raise ArgumentTypeError(f"Sequential: got {what}; expected a Module, such as ReLU()")
        setattr(self, str(len(self)), module)
        return self

    def forward(self, x: Any) -> Any:
        """The last module's output."""
        for module in self:
            x = module(x)
        return x

    def __len__(self) -> int:
        return sum(name.isdecimal() for name in vars(self))

    def __iter__(self) -> Iterator[Module]:
        return iter([value for name, value in vars(self).items() if name.isdecimal()])

    def __getitem__(self, index: int | slice) -> Module:
        return Sequential(*list(self)[index]) if isinstance(index, slice) else getattr(self, self._name(index))

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._name(index), module)

    def _name(self, index: int) -> str:
        if not -len(self) <= index < len(self):
            raise IndexingError(f"Sequential: index {index} is out of range; it has {len(self)} modules")
        return str(index % len(self))


class MLP(Sequential):
    """A multilayer perceptron: Linear, [normalisation,] activation[, dropout] for each hidden layer, then a Linear.

    sizes: features of the input, of each hidden layer, and of the output.
    activation: a name (see ACTIVATIONS), or a function without arguments that gives a new Module, such as nn.ReLU.
    norm: None, "batch" or "layer".  dropout: probability after each hidden activation; 0 leaves the layer out.
    rng: a Generator, an int seed, or None for a fresh seed; weights start as Linear's do.

    Parameter names are those of the same torch.nn.Sequential.  Raises ArgumentError for fewer than two sizes, sizes
    below 1, an unknown activation or norm, or a dropout outside [0, 1]; ArgumentTypeError for sizes
    that are no list.

    >>> [name for name, _ in MLP([4, 8, 3]).named_parameters()]
    ['0.weight', '0.bias', '2.weight', '2.bias']
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str | Callable[[], Module] = "relu",
        dropout: float = 0.0,
        norm: str | None = None,
        bias: bool = True,
        dtype: Any = "float32",
        device: Any = "cpu",
        rng: Rng = 0,
    ) -> None:
        if not isinstance(sizes, Sequence | np.ndarray) or isinstance(sizes, str):
            raise ArgumentTypeError(f"MLP: sizes is {sizes!r}; expected a list, such as [64, 128, 10]")
        if len(sizes) < 2:
            raise ArgumentError(
                f"MLP: sizes is {list(sizes)}; expected at least input and output, such as [64, 128, 10]"
            )
        for i, n in enumerate(sizes):
            positive("MLP", **{f"sizes[{i}]": n})
        make_activation = ACTIVATIONS.get(activation) if isinstance(activation, str) else activation
        if make_activation is None:
            raise ArgumentError(
                f"MLP: activation is {activation!r}; expected one of {', '.join(ACTIVATIONS)}, or a class"
            )
        if norm is not None and norm not in _NORMS:
            raise ArgumentError(f"MLP: norm is {norm!r}; expected None, 'batch' or 'layer'")
        rng = init.generator(rng)
        super().__init__()
        for n_in, n_out in pairwise(sizes[:-1]):
            self.append(Linear(n_in, n_out, bias, dtype, device, rng))
            if norm is not None:
                self.append(_NORMS[norm](n_out, dtype=dtype, device=device))
            self.append(make_activation())
            if dropout:
                self.append(Dropout(dropout, rng))
        self.append(Linear(sizes[-2], sizes[-1], bias, dtype, device, rng))
