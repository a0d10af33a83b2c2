"""HostArray: a `cupy.ndarray` over host memory, whose arithmetic NumPy does on a view of the same memory.

Attributes, views and basic slices are CuPy's own.  What would launch a kernel, copy or allocate on a device is done by
NumPy instead, so that primitives without a kernel of ours run too.
"""

from collections.abc import Callable
from typing import Any

import cupy
import numpy as np

from .device import HOST_DEVICE, HostDevice


def wrap(array: Any) -> "HostArray":
    """A HostArray over the memory of a NumPy array (which it keeps alive); a NumPy scalar becomes 0-d."""
    array = np.asarray(array)
    memory = cupy.cuda.UnownedMemory(array.ctypes.data, max(array.nbytes, 1), array, device_id=0)
    pointer = cupy.cuda.MemoryPointer(memory, 0)
    return HostArray(array.shape, array.dtype, memptr=pointer, strides=array.strides)


class _Interface:
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
    dtype = array.dtype
    if dtype.isbuiltin == 1:
        return np.asarray(_Interface(array, dtype))
    return np.asarray(_Interface(array, np.dtype(f"V{dtype.itemsize}"))).view(dtype)  # bfloat16


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
            options["out"] = unwrapped(out)
        result = getattr(ufunc, method)(*unwrapped(inputs), **unwrapped(options))
        return rewrapped(result) if out is None else out[0]

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, options: Any) -> Any:
        return rewrapped(function(*unwrapped(args), **unwrapped(options)))

    def __getitem__(self, index: Any) -> Any:
        parts = index if isinstance(index, tuple) else (index,)
        if all(part is None or part is Ellipsis or isinstance(part, int | slice | np.integer) for part in parts):
            return super().__getitem__(index)
        return rewrapped(plain(self)[unwrapped(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        plain(self)[unwrapped(index)] = unwrapped(value)

    def get(self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True) -> np.ndarray:
        if out is None:
            return plain(self).copy(order)
        out[...] = plain(self)
        return out

    def set(self, source: np.ndarray, stream: Any = None) -> None:
        plain(self)[...] = source

    def __repr__(self) -> str:
        return repr(plain(self))


def _answers_itself(value: Any) -> bool:
    """True for what CuPy's operators leave to the other side: neither CuPy's nor NumPy's, with __array_ufunc__."""
    return hasattr(value, "__array_ufunc__") and not isinstance(value, HostArray | np.ndarray | np.generic)


def _through_numpy(name: str) -> Callable[..., Any]:
    def method(self: HostArray, *args: Any, **options: Any) -> Any:
        refuse_numpy_arrays(name, args)
        if any(_answers_itself(a) for a in args):
            return NotImplemented
        result = getattr(plain(self), name)(*unwrapped(args), **unwrapped(options))
        return result if result is NotImplemented else rewrapped(result)

    method.__name__ = name
    return method


def _in_place(name: str) -> Callable[..., Any]:
    def method(self: HostArray, other: Any) -> Any:
        refuse_numpy_arrays(name, (other,))
        getattr(plain(self), name)(unwrapped(other))
        return self

    method.__name__ = name
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
    setattr(HostArray, _name, lambda self, *args, _name=_name: getattr(plain(self), _name)(*args))
HostArray.__hash__ = None  # type: ignore[assignment]  # as an array has none
