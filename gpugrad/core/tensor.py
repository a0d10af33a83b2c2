"""Tensor: an array and its place in the record.  No operation is written here; ops/ hangs its own on the class."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..backend import Device, array_device, is_array_type, resolve_device
from ..backend.device import to_numpy
from ..errors import ArgumentError, ArgumentTypeError, DeviceError, DTypeError, GradientError, ShapeError
from . import tape
from .dtypes import as_dtype, is_floating
from .tape import LEAF, PRIMITIVE, new_leaf

_new = object.__new__


class Tensor:
    """An array that remembers how it was made, so that gradients can be had.

    `Tensor(data, requires_grad=False, dtype=None, device=None)` wraps a NumPy or CuPy array without a copy; lists and
    scalars become NumPy arrays with NumPy's dtypes.  Integer and bool tensors carry no gradient.

    Raises DTypeError for complex or object data, or for requires_grad on a dtype that is not floating;
    ArgumentTypeError for data that is no array.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    Tensor([2., 4.])
    """

    # level 0 is the recording that .backward() sweeps; each transform opens a higher one.  data is the value one
    # level down: a raw array at level 0, and perhaps another Tensor above it.
    # tangent is Dual's: with one layout for all kinds, an in-place operation can change the kind of its Tensor.
    __slots__ = ("__weakref__", "data", "level", "node", "tangent")
    __array_priority__ = 1000.0

    data: Any
    level: int
    node: Any
    tangent: Any

    def __init__(self, data: Any, requires_grad: bool = False, dtype: Any = None, device: str | Device | None = None):
        self.data = as_array(data, dtype, device)
        self.level = 0
        self.node = None
        if requires_grad:
            self.requires_grad_()

    # what the value is

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return self.data.shape

    @property
    def dtype(self) -> Any:
        """NumPy dtype of the elements."""
        return self.data.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.data.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.data.size

    @property
    def nbytes(self) -> int:
        """Bytes of the elements."""
        return self.size * self.dtype.itemsize

    @property
    def device(self) -> Device:
        """Where the array lives."""
        return array_device(raw(self))

    def __len__(self) -> int:
        if not self.ndim:
            raise ArgumentTypeError("len: a 0-d tensor has no length; expected at least one axis")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))  # type: ignore[index]

    def __repr__(self) -> str:
        text = np.array2string(np.asarray(to_numpy(raw(self))), separator=", ", prefix="Tensor(")
        notes = "" if self.dtype in (np.float64, np.int64, np.bool_) else f", dtype={self.dtype}"
        notes += f", device='{self.device}'" if self.device.kind != "cpu" else ""
        notes += ", requires_grad=True" if self.requires_grad else ""
        return f"Tensor({text}{notes})"

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.ndim == 0 and spec else super().__format__(spec)

    __hash__ = object.__hash__

    def __reduce__(self) -> tuple[Any, ...]:
        """For copy and pickle: the values and requires_grad, without gradient, hooks and record."""
        if self.level or not self.is_leaf:
            raise GradientError("copy: the tensor is part of a recording; copy or pickle t.detach() instead")
        return Tensor, (self.data, self.requires_grad)

    # out of the record, into plain values

    def numpy(self) -> np.ndarray:
        """The values as a NumPy array (shared on the CPU, copied from a GPU); raises GradientError while tracked."""
        if self.node is not None or self.level:
            raise GradientError("numpy: the tensor is part of a recording; use t.detach().numpy()")
        return np.asarray(to_numpy(self.data))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.numpy()
        return np.array(array, dtype=dtype, copy=copy) if copy or dtype is not None else array

    @classmethod
    def from_dlpack(cls, value: Any) -> "Tensor":
        """A Tensor over the memory of another library's array, by DLPack; raises ArgumentTypeError where that fails."""
        from ..backend.dlpack import from_dlpack

        return cls(from_dlpack(value))

    def __dlpack__(self, **options: Any) -> Any:
        if self.node is not None or self.level:
            raise GradientError("__dlpack__: the tensor is part of a recording; pass t.detach()")
        return self.data.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[Any, Any]:
        return raw(self).__dlpack_device__()

    def item(self) -> Any:
        """The single element as a Python number."""
        return self._concrete("item").item()

    def tolist(self) -> Any:
        """The elements as nested Python lists."""
        return self._concrete("tolist").tolist()

    def __float__(self) -> float:
        return float(self._concrete("float").item())

    def __int__(self) -> int:
        return int(self._concrete("int").item())

    def __bool__(self) -> bool:
        return bool(self._concrete("bool"))

    def __index__(self) -> int:
        return self._concrete("index").__index__()

    def _concrete(self, asked_by: str) -> Any:
        return raw(self)

    def detach(self) -> "Tensor":
        """The same values outside any recording; the array is shared."""
        return self.data.detach() if isinstance(self.data, Tensor) else wrap(self.data, None, 0)

    # gradients at level 0

    @property
    def requires_grad(self) -> bool:
        """True where an operation on this tensor is recorded."""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, on: bool) -> None:
        self.requires_grad_(on)

    def requires_grad_(self, on: bool = True) -> "Tensor":
        """Make this tensor a leaf that wants a gradient, or no longer one.  Raises DTypeError, GradientError."""
        if not self.is_leaf:
            if on:
                return self
            raise GradientError("requires_grad_: only a leaf can be switched off; use t.detach() on a computed tensor")
        if on and not is_floating(self.dtype):
            raise DTypeError(
                f"requires_grad: a tensor of dtype {self.dtype} carries no gradient; expected float16, bfloat16, "
                "float32 or float64 (convert with t.astype('float32'))"
            )
        if on and self.node is None:
            self.node = new_leaf(self.shape, self.dtype)
        elif not on:
            self.node = None
        return self

    @property
    def is_leaf(self) -> bool:
        """True where no recorded operation made this tensor."""
        return self.node is None or self.node[PRIMITIVE] is LEAF

    @property
    def grad(self) -> "Tensor | None":
        """The gradient that `.backward()` has added up here, or None; kept for leaves and after `retain_grad()`."""
        extra = None if self.node is None else tape.extra_of(self.node)
        return None if extra is None else extra.grad

    @grad.setter
    def grad(self, value: "Tensor | None") -> None:
        if self.node is None:
            raise GradientError("grad: this tensor does not require a gradient; call t.requires_grad_() first")
        if value is not None:
            value = value if isinstance(value, Tensor) else Tensor(value)
            if value.shape != self.shape:
                raise ShapeError(f"grad: got shape {value.shape}; expected {self.shape}, the tensor's own, or None")
        tape.extra_of(self.node, make=True).grad = value  # type: ignore[union-attr]

    def retain_grad(self) -> None:
        """Keep `.grad` on a computed tensor too, for sweeps to come."""
        if self.node is None:
            raise GradientError("retain_grad: this tensor does not require a gradient")
        tape.extra_of(self.node, make=True).keep = True  # type: ignore[union-attr]

    def register_hook(self, hook: Callable[[Any], Any]) -> tape.HookHandle:
        """Call `hook(g)` with this tensor's whole gradient in every sweep; a result other than None replaces g.

        The handle's `remove()` takes it off.  Raises GradientError where no gradient is required, and ArgumentError.
        """
        if not callable(hook):
            raise ArgumentError(f"register_hook: hook is a {type(hook).__name__}; expected a function of the gradient")
        if self.node is None:
            raise GradientError("register_hook: this tensor does not require a gradient")
        return tape.HookHandle(tape.extra_of(self.node, make=True), hook)  # type: ignore[arg-type]

    def to(self, target: Any) -> "Tensor":
        """A tensor on another device (by name) or of another dtype; itself where nothing changes."""
        if isinstance(target, Device) or (isinstance(target, str) and target.partition(":")[0] in ("cpu", "cuda")):
            device = resolve_device(target)[0]
            if device == self.device:
                return self
            if not self.is_leaf:
                raise DeviceError("to: only leaves and constants move between devices; move the inputs instead")
            moved = wrap(device.asarray(raw(self)), None, 0)
            return moved.requires_grad_() if self.requires_grad else moved
        return self.astype(target)  # type: ignore[attr-defined]


def wrap(data: Any, node: Any, level: int) -> Tensor:
    """A Tensor from parts that are known to fit; the fast way in, with no checks."""
    t = _new(Tensor)
    t.data = data
    t.node = node
    t.level = level
    return t


def raw(value: Any) -> Any:
    """The array under all levels."""
    while isinstance(value, Tensor):
        value = value.data
    return value


def as_array(data: Any, dtype: Any = None, device: str | Device | None = None) -> Any:
    """`data` as a real-valued raw array on `device` (by default where it is), without a copy where possible."""
    if isinstance(data, Tensor):
        if data.level:
            raise GradientError(
                "Tensor: data is a value inside a transform, and a new Tensor of it would lose its derivative; "
                "use it as it is, or gpugrad.stop_gradient(x) for a constant"
            )
        data = raw(data)
    if not is_array_type(type(data)):
        try:
            data = np.asarray(data)
        except ValueError as error:
            raise ArgumentTypeError(
                f"Tensor: data cannot be made an array ({error}); expected a regular nest"
            ) from error
    if data.dtype.kind not in "fiub" and data.dtype.name != "bfloat16":
        raise DTypeError(
            f"Tensor: data has dtype {data.dtype}; expected a float, integer or bool dtype"
            + (" (complex is not supported; pass real and imaginary parts apart)" if data.dtype.kind == "c" else "")
        )
    if dtype is not None:
        data = data.astype(as_dtype(dtype), copy=False)
    return data if device is None else resolve_device(device)[0].asarray(data)


def tensor(data: Any, requires_grad: bool = False, dtype: Any = None, device: str | Device | None = None) -> Tensor:
    """A Tensor with a copy of `data`, so that later writes to `data` are not seen.

    >>> tensor([1.0, 2.0])
    Tensor([1., 2.])
    """
    array = as_array(data, dtype, device)
    return Tensor(array.copy() if array is data or isinstance(data, Tensor) else array, requires_grad)


def methods(*functions: Any, **named: Any) -> None:
    """Hang operations on Tensor, under their own names or those given."""
    for f in functions:
        setattr(Tensor, f.__name__.rstrip("_"), f)
    for name, f in named.items():
        setattr(Tensor, name, f)
