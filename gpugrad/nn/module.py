"""Module: a plain Python object whose parameters, buffers and sub-modules are found by looking at its attributes."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..core import parts
from ..core.tensor import Tensor, is_floating, raw
from ..errors import ArgumentTypeError, GradientError, ShapeError
from .convert import convert_all, resolved
from .state import Loaded, load_state, read_state


class Module:
    """Base of layers and models: subclass it, set Tensors and Modules as attributes, and write `forward`.

    - A Tensor with requires_grad that is set as an attribute is a parameter, and stays one when it is frozen.
    - A buffer is declared by `register_buffer`: state that is saved and moved with the module but not trained.
    - Modules are found in attributes, and in lists, tuples and dictionaries there.  Their attribute path, joined by
      dots, names what is in them ("hidden.0.weight").
    - Anything else is a plain attribute.  There is no need to call `super().__init__()`.

    To `grad`, `vjp` and the other transforms a Module is a container of its parameters, so `grad(loss)(model)` is a
    Module that holds the gradients, and its buffers are shared with the original.  Do it under `no_grad()` unless
    `.backward()` is to go through the gradients too.  `copy.deepcopy` and `pickle` work.
    """

    training: bool = True

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes."""
        raise NotImplementedError(f"{type(self).__name__} has no forward; define forward(self, x)")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    # what it holds

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        if name in own.get("_buffers", ()) and value is not None:
            self._set_buffer(name, value)
            return
        if name == "training":
            object.__setattr__(self, name, value)  # which a trace sees
            return
        parameters = own.setdefault("_parameters", {})
        if isinstance(value, Tensor):
            if value.requires_grad and value.is_leaf and not value.level:
                parameters[name] = True
            elif name in parameters and not value.is_leaf and not value.level:
                raise GradientError(
                    f"{type(self).__name__}.{name} is a parameter and cannot become a computed tensor; expected a leaf "
                    "(t.detach().requires_grad_()), or set it under another name"
                )
        elif value is not None and name in parameters:
            raise ArgumentTypeError(
                f"{type(self).__name__}.{name} is a parameter and cannot become a {type(value).__name__}; expected a "
                "Tensor or None (to change its values, use load_state_dict)"
            )
        own[name] = value
        parts.changes += 1

    def register_buffer(self, name: str, value: Any, optional: bool = False) -> None:
        """Declare attribute `name` as state that is not trained, and set it to Tensor(value).

        Later assignments keep the Tensor and its floating dtype, and replace the array, detached.  One that is optional
        may be missing from what `load_state_dict` is given.
        """
        self.__dict__.setdefault("_buffers", {})[name] = optional
        self.__dict__[name] = None if value is None else Tensor(raw(value) if isinstance(value, Tensor) else value)

    def _set_buffer(self, name: str, value: Any) -> None:
        array = raw(value) if isinstance(value, Tensor) else Tensor(value).data
        if getattr(value, "shape", array.shape) != array.shape:
            raise ShapeError(
                f"{type(self).__name__}.{name}: a buffer cannot hold a value that differs between the examples of "
                "vmap; switch its updates off first, for example with model.eval()"
            )
        buffer = self.__dict__.get(name)
        if buffer is None:
            self.__dict__[name] = Tensor(array)
            return
        keep_dtype = is_floating(array.dtype) and is_floating(buffer.dtype)
        # the same Tensor, as a copy of the module that a transform made shares it
        buffer.data = array.astype(buffer.dtype, copy=False) if keep_dtype else array

    def named_children(self) -> Iterator[tuple[str, "Module"]]:
        """(name, module) for the modules directly below this one, in the order of the attributes."""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value
            elif isinstance(value, list | tuple | dict) and name not in _DECLARATIONS:
                yield from _modules_in(f"{type(self).__name__}.{name}", name, value)

    def children(self) -> Iterator["Module"]:
        """The modules directly below this one."""
        return (child for _, child in self.named_children())

    def named_modules(self, prefix: str = "", unique: bool = True) -> Iterator[tuple[str, "Module"]]:
        """(name, module) for this module, named `prefix`, and all below it; with `unique`, each once."""
        return self._walk(prefix, set(), unique)

    def _walk(self, name: str, seen: set[int], unique: bool) -> Iterator[tuple[str, "Module"]]:
        if id(self) in seen:
            return
        if not unique:
            seen = set(seen)  # of the way down alone, so that only a circle ends here
        seen.add(id(self))
        yield name, self
        for child_name, child in self.named_children():
            yield from child._walk(f"{name}.{child_name}" if name else child_name, seen, unique)

    def modules(self) -> Iterator["Module"]:
        """This module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def named_parameters(self, prefix: str = "", unique: bool = True) -> Iterator[tuple[str, Tensor]]:
        """(name, parameter), frozen ones too; with `unique`, a tied one comes once, under its first name."""
        return self._named("_parameters", prefix, unique)

    def named_buffers(self, prefix: str = "", unique: bool = True) -> Iterator[tuple[str, Tensor]]:
        """(name, buffer); with `unique`, each once."""
        return self._named("_buffers", prefix, unique)

    def _named(self, kind: str, prefix: str, unique: bool) -> Iterator[tuple[str, Tensor]]:
        seen: set[int] = set()
        for path, module in self.named_modules(prefix, unique):
            own = vars(module)
            declared = own.get(kind)
            if not declared:
                continue
            for name, value in own.items():
                if name in declared and isinstance(value, Tensor) and not (unique and id(value) in seen):
                    seen.add(id(value))
                    yield f"{path}.{name}" if path else name, value

    def parameters(self) -> Iterator[Tensor]:
        """Every parameter once: what an optimizer takes."""
        return (t for _, t in self.named_parameters())

    def buffers(self) -> Iterator[Tensor]:
        """Every buffer once."""
        return (t for _, t in self.named_buffers())

    # what can be done to it

    def train(self, mode: bool = True) -> "Module":
        """Set training mode here and below (dropout drops, batch normalisation uses the batch); gives the module."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> "Module":
        """Set evaluation mode: `train(False)`."""
        return self.train(False)

    def requires_grad_(self, on: bool = True) -> "Module":
        """Unfreeze every parameter, or freeze it; gives the module."""
        for t in self.parameters():
            t.requires_grad_(on)
        return self

    def zero_grad(self) -> None:
        """Drop the gradient of every parameter."""
        for t in self.parameters():
            if t.requires_grad:
                t.grad = None

    def to(self, *targets: Any) -> "Module":
        """Move to a device, by name, or convert parameters to a floating dtype, or both; in place, gives the module.

        The Tensors stay the same objects, so an optimizer made before still holds them.  Floating buffers are converted
        too, but not to 2-byte dtypes, which cannot add up statistics: they get float32.
        Raises DeviceError for a device that is not there, DTypeError for a dtype that is not floating.
        """
        convert_all(self, [resolved(target) for target in targets])
        return self

    def state_dict(self) -> dict[str, np.ndarray]:
        """{name: NumPy array} of all parameters and buffers: copies, so that later training does not change them.

        Names and order are PyTorch's for the same layers.  A tied parameter comes under each of its names.
        """
        return read_state(self)

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> Loaded:
        """Take the values of `state` (NumPy or other arrays by name), converted to the dtypes and devices here.

        Returns the (missing, unexpected) names.  Raises CheckpointError, with every fault in one message and nothing
        loaded, for shapes that differ and, where `strict`, for missing or unexpected names.
        """
        return load_state(self, state, strict)

    def extra_repr(self) -> str:
        """What stands in the brackets of the module's own line in its repr."""
        return ""

    def __repr__(self) -> str:
        lines = [f"  ({name}): " + repr(child).replace("\n", "\n  ") for name, child in self.named_children()]
        head = f"{type(self).__name__}({self.extra_repr()}"
        return "\n".join([head, *lines, ")"]) if lines else f"{head})"


_DECLARATIONS = ("_parameters", "_buffers")  # the attributes that say which others are what


def _modules_in(owner: str, name: str, value: Any) -> Iterator[tuple[str, Module]]:
    if isinstance(value, Module):
        yield name, value
    elif isinstance(value, list | tuple | dict):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(item, Tensor) and item.requires_grad and item.is_leaf and not item.level:
                raise ArgumentTypeError(
                    f"{owner}[{key!r}] is a Tensor with requires_grad inside a {type(value).__name__}, where it would "
                    "not be trained; set each parameter as an attribute of its own, or wrap it in a Module"
                )
            yield from _modules_in(f"{owner}[{key!r}]", f"{name}.{key}", item)
