"""The table of what gpugrad.numpy offers; the modules beside this one fill it, and protocol.py looks into it too."""

import functools
from typing import Any, NamedTuple

import numpy as np

from ..core.tensor import Tensor
from ..core.traced import Traced
from .calling import Function, function_call, ufunc_call
from .values import is_tensor, value_of


class Entry(NamedTuple):
    """One name of the namespace."""

    name: str
    group: str
    modes: str  # "forward, reverse" or "no derivative"
    limits: str
    tensor: Function | None  # the operation on Tensors; None where none is taken
    public: Any  # what gpugrad.numpy exports


EVERY: dict[str, Entry] = {}  # also names that only another version of NumPy has
TABLE: dict[str, Entry] = {}
BY_FUNCTION: dict[Any, Entry] = {}  # NumPy's function or ufunc -> entry, for the protocols
BOTH, NONE = "forward, reverse", "no derivative"


def enter(
    group: str, names: str, tensor: Function, limits: str = "", modes: str = BOTH, sequence: bool = False
) -> None:
    """Offer an operation under NumPy's names for it; a name that the installed NumPy lacks is left out.

    sequence: the first argument is a sequence of arrays (concatenate), where otherwise a list stands for an array.
    """
    for name in names.split():
        plain = getattr(np, name, None)
        if plain is None:
            EVERY[name] = Entry(name, group, modes, limits, tensor, None)
            continue
        make: Any = ufunc_call if isinstance(plain, np.ufunc) else function_call
        public = make(name, plain, tensor, sequence)
        EVERY[name] = TABLE[name] = entry = Entry(name, group, modes, limits, tensor, public)
        BY_FUNCTION.setdefault(plain, entry)


def enter_functions(
    group: str, *functions: Function, limits: str = "", modes: str = BOTH, sequence: bool = False
) -> None:
    """Offer operations under their own names."""
    for f in functions:
        enter(group, f.__name__, f, limits, modes, sequence)


def enter_constant(group: str, names: str, tensor: Function, limits: str = "") -> None:
    """Offer an operation that carries no gradient."""
    enter(group, names, tensor, limits, NONE)


def enter_own(group: str, *functions: Function) -> None:
    """Offer functions that take arrays and Tensors alike, because NumPy's own do not look for other types."""
    for f in functions:
        name = f.__name__
        EVERY[name] = TABLE[name] = entry = Entry(name, group, BOTH, "", f, f)
        BY_FUNCTION.setdefault(getattr(np, name), entry)


def enter_plain(group: str, names: str, limits: str = "") -> None:
    """Offer NumPy's own functions, which take no Tensors."""
    for name in names.split():
        EVERY[name] = entry = Entry(name, group, NONE, limits, None, getattr(np, name, None))
        if entry.public is not None:
            TABLE[name] = entry


def enter_values(group: str, names: str) -> None:
    """Offer NumPy's own functions of values alone: Tensors are read, and plain arrays come back."""
    for name in names.split():
        values = _reading(name, functools.partial(_value, name))
        enter(group, name, values, "gives plain arrays; not inside vmap", NONE)


def enter_shapes(group: str, names: str) -> None:
    """Offer NumPy's own functions of shape and dtype alone."""
    for name in names.split():
        enter(group, name, _reading(name, _like), "looks at shape and dtype alone", NONE)


def _reading(name: str, what: Function) -> Function:
    """NumPy's function of that name, of what is read of each Tensor."""
    f = reading(getattr(np, name, len), what)
    f.__doc__ = f"numpy.{name}; of Tensors it reads {'shape and dtype' if what is _like else 'the values'}."
    return f


def reading(plain: Function, what: Function) -> Function:
    """`plain` of `what(t)` for each Tensor t, and each array that is traced, among its arguments."""

    def f(*args: Any, **kwargs: Any) -> Any:
        def read(a: Any) -> Any:
            if is_tensor(a):
                return what(a)
            return type(a)(map(read, a)) if type(a) in (list, tuple) else a

        return plain(*map(read, args), **{k: read(v) for k, v in kwargs.items()})

    return f


def _value(name: str, t: Any) -> Any:
    """The raw array; TraceError while a function is traced, as it stands for other values in every call."""
    value = value_of(name, t)
    return value.refuse_value(f"np.{name}") if type(value) is Traced else value


def _like(t: Tensor) -> Any:
    """An array of t's shape and dtype that takes no memory."""
    return np.broadcast_to(np.zeros((), t.dtype), tuple(t.shape))
