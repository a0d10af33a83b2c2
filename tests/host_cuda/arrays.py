"""HostArray: a `cupy.ndarray` over host memory, whose arithmetic NumPy does on a view of the same memory.

Attributes, views and basic slices are CuPy's own.  What would launch a kernel, copy or allocate on a device is done by
NumPy instead, so that primitives without a kernel of ours run too.
"""

import operator
from collections.abc import Callable
from typing import Any

import cupy
import numpy as np

from .device import HOST_DEVICE, HostDevice
from .performing import perform
from .recording import CaptureError, memory_at, recording, refuse_in_capture, register


def wrap(array: Any) -> "HostArray":
    """A HostArray over the memory of a NumPy array (which it keeps alive); a NumPy scalar becomes 0-d."""
    array = np.asarray(array)
    register(array.ctypes.data, *_root(array))
    memory = cupy.cuda.UnownedMemory(array.ctypes.data, max(array.nbytes, 1), array, device_id=0)
    pointer = cupy.cuda.MemoryPointer(memory, 0)
    return HostArray(array.shape, array.dtype, memptr=pointer, strides=array.strides)


def _root(array: np.ndarray) -> tuple[Any, int, int]:
    """What owns an array's memory in the end, and the bounds of that."""
    owner: Any = array
    while True:
        if isinstance(owner, np.ndarray):
            array, following = owner, owner.base
        elif isinstance(owner, Interface):
            ref, lo, hi = memory_at(owner.array.data.mem.ptr)
            return (owner.array, lo, hi) if ref is None else (ref(), lo, hi)
        else:
            following = getattr(owner, "memory", getattr(owner, "obj", None))  # a pool's block, a memoryview
        if following is None:
            return owner, array.ctypes.data, array.ctypes.data + max(array.nbytes, 1)
        owner = following


class Interface:
    """What NumPy reads to make a view of an array's memory, keeping the array alive."""

    def __init__(self, array: Any, dtype: np.dtype) -> None:
        self.array = array
        self.__array_interface__ = {
            "version": 3,
            "shape": array.shape,
            "strides": array.strides,
            "typestr": dtype.str,
            "data": (array.data.ptr, False),
        }


def plain(array: "HostArray") -> np.ndarray:
    """The NumPy view of a HostArray's memory."""
    return view_of(Interface(array, plain_kind(array.dtype)), array.dtype)


def view_of(interface: Any, dtype: np.dtype) -> np.ndarray:
    seen = np.asarray(interface)
    return seen if dtype.isbuiltin == 1 else seen.view(dtype)


def plain_kind(dtype: np.dtype) -> np.dtype:
    """The dtype itself, or for bfloat16 one that the protocol knows."""
    return dtype if dtype.isbuiltin == 1 else np.dtype(f"V{dtype.itemsize}")


def unwrapped(value: Any) -> Any:
    """`value` with every HostArray in it, also in tuples, lists and dictionaries, replaced by its NumPy view."""
    if isinstance(value, HostArray):
        return plain(value)
    if type(value) in (tuple, list):
        return type(value)(unwrapped(v) for v in value)
    if type(value) is dict:
        return {k: unwrapped(v) for k, v in value.items()}
    return value


def rewrapped(value: Any) -> Any:
    """What a NumPy function gave, as CuPy gives it: arrays and NumPy scalars as arrays, all else as it is."""
    if isinstance(value, np.ndarray | np.generic):
        return wrap(value)
    if type(value) in (tuple, list):
        return type(value)(rewrapped(v) for v in value)
    return type(value)(*map(rewrapped, value)) if isinstance(value, tuple) else value


def refuse_numpy_arrays(name: str, args: Any) -> None:
    """Raise TypeError where CuPy does: NumPy's scalars may stand beside its arrays, NumPy's arrays may not."""
    if any(isinstance(a, np.ndarray) for a in args):
        raise TypeError(f"cupy: {name}: unsupported type numpy.ndarray")


class HostArray(cupy.ndarray):
    """A `cupy.ndarray` over host memory."""

    def __array_finalize__(self, source: Any) -> None:
        """Nothing to take over; CuPy asks for the method of a subclass."""

    @property
    def device(self) -> HostDevice:
        return HOST_DEVICE

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        # NumPy makes 0-d arrays of its own scalars on the way here
        refuse_numpy_arrays(ufunc.__name__, [x for x in inputs if getattr(x, "ndim", 0)])
        if out is not None:
            options["out"] = out
        changes = inputs[0] if method == "at" else None if out is None else out[0]
        return perform(ufunc.__name__, getattr(ufunc, method), inputs, options, changes)

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, options: Any) -> Any:
        return perform(function.__name__, function, args, options)

    def __getitem__(self, index: Any) -> Any:
        parts = index if isinstance(index, tuple) else (index,)
        if all(part is None or part is Ellipsis or isinstance(part, int | slice | np.integer) for part in parts):
            return super().__getitem__(index)
        _require_indices_on_device(parts)
        return perform("take", operator.getitem, (self, index), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        _require_indices_on_device(index if isinstance(index, tuple) else (index,), value)
        perform("put", operator.setitem, (self, index, value), {}, changes=self)

    def get(self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True) -> np.ndarray:
        refuse_in_capture("a copy to the host")
        if out is None:
            return plain(self).copy(order)
        out[...] = plain(self)
        return out

    def set(self, source: np.ndarray, stream: Any = None) -> None:
        refuse_in_capture("a copy from the host")
        plain(self)[...] = source

    def __repr__(self) -> str:
        return repr(plain(self))


class _Method:
    """The method of NumPy's arrays of that name, as a function."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, array: np.ndarray, *args: Any, **options: Any) -> Any:
        return getattr(array, self._name)(*args, **options)


def _require_indices_on_device(parts: tuple[Any, ...], value: Any = None) -> None:
    """Raise CaptureError where CuPy would copy an index from the host, or count the elements of a mask."""
    if recording() is None:
        return
    for part in parts:
        if isinstance(part, np.ndarray | list):
            raise CaptureError("an index that comes from the host is copied to the device")
        if getattr(getattr(part, "dtype", None), "kind", "") == "b" and (value is None or np.ndim(value)):
            raise CaptureError("indexing by a mask waits for the number of its elements")


def _answers_itself(value: Any) -> bool:
    """True for what CuPy's operators leave to the other side: neither CuPy's nor NumPy's, with __array_ufunc__."""
    return hasattr(value, "__array_ufunc__") and not isinstance(value, HostArray | np.ndarray | np.generic)


def _through_numpy(name: str) -> Callable[..., Any]:
    def method(self: HostArray, *args: Any, **options: Any) -> Any:
        refuse_numpy_arrays(name, args)
        if any(_answers_itself(a) for a in args):
            return NotImplemented
        changes = self if name in ("fill", "put", "sort", "partition") else None
        return perform(name, _Method(name), (self, *args), options, changes)

    method.__name__ = name
    return method


def _in_place(name: str) -> Callable[..., Any]:
    def method(self: HostArray, other: Any) -> Any:
        refuse_numpy_arrays(name, (other,))
        return perform(name, _Method(name), (self, other), {}, changes=self)

    method.__name__ = name
    return method


def _reading(name: str) -> Callable[..., Any]:
    def method(self: HostArray, *args: Any) -> Any:
        refuse_in_capture(f"{name} of an array on the device")
        return getattr(plain(self), name)(*args)

    return method


_BINARY = "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift divmod".split()  # noqa: SIM905
_METHODS = """
    __abs__ __neg__ __pos__ __invert__ __eq__ __ne__ __lt__ __le__ __gt__ __ge__ __copy__ __deepcopy__
    all any argmax argmin argpartition argsort astype choose clip compress conj conjugate copy cumprod cumsum diagonal
    dot fill flatten max mean min nonzero partition prod put ravel repeat reshape round searchsorted sort std sum take
    trace var
""".split()  # noqa: SIM905
for _name in [*_METHODS, *(f"__{name}__" for name in _BINARY), *(f"__r{name}__" for name in _BINARY)]:
    setattr(HostArray, _name, _through_numpy(_name))
for _name in _BINARY[:-1]:
    setattr(HostArray, f"__i{_name}__", _in_place(f"__i{_name}__"))
for _name in ["__bool__", "__int__", "__float__", "__complex__", "__index__", "item", "tolist", "tobytes"]:
    setattr(HostArray, _name, _reading(_name))
HostArray.__hash__ = None  # type: ignore[assignment]  # as an array has none
