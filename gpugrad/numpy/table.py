"""The table of what gpugrad.numpy offers, and how a call finds its way: Tensors to an operation, the rest to NumPy.

Where no Tensor is the first argument, NumPy's own function is called; it finds Tensors further behind by NumPy's
protocols (protocol.py), which look into this table too.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

import numpy as np

from .. import ops
from ..backend.device import to_numpy
from ..core.batch import Batched
from ..core.tensor import Tensor
from ..errors import ArgumentTypeError, GpugradError

Function = Callable[..., Any]


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
        make: Any = _ufunc if isinstance(plain, np.ufunc) else _function
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
        values = _reading(name, functools.partial(value_of, name))
        enter(group, name, values, "gives plain arrays; not inside vmap", NONE)


def enter_shapes(group: str, names: str) -> None:
    """Offer NumPy's own functions of shape and dtype alone."""
    for name in names.split():
        enter(group, name, _reading(name, _like), "looks at shape and dtype alone", NONE)


def _reading(name: str, what: Function) -> Function:
    """NumPy's function of that name, of what is read of each Tensor."""
    plain = getattr(np, name, len)

    def f(*args: Any, **kwargs: Any) -> Any:
        def read(a: Any) -> Any:
            if isinstance(a, Tensor):
                return what(a)
            return type(a)(map(read, a)) if type(a) in (list, tuple) else a

        return plain(*map(read, args), **{k: read(v) for k, v in kwargs.items()})

    f.__doc__ = f"numpy.{name}; of Tensors it reads {'shape and dtype' if what is _like else 'the values'}."
    return f


def _like(t: Tensor) -> Any:
    """An array of t's shape and dtype that takes no memory."""
    return np.broadcast_to(np.zeros((), t.dtype), tuple(t.shape))


def value_of(name: str, t: Any) -> Any:
    """The raw array of a Tensor; ArgumentTypeError inside vmap, where it stands for many."""
    while isinstance(t, Tensor):
        if isinstance(t, Batched):
            t._concrete(name)
        t = t.data
    return t


def host_value(name: str, t: Any) -> Any:
    """The values of a Tensor or array as a NumPy array; ArgumentTypeError inside vmap."""
    return np.asarray(to_numpy(value_of(name, t)))


def holds_tensor(x: Any) -> bool:
    """True for a Tensor, or a list or tuple with one somewhere inside."""
    if isinstance(x, Tensor):
        return True
    return type(x) in (list, tuple) and any(map(holds_tensor, x))


def stacked(x: Any) -> Any:
    """A nest of lists with Tensors inside as one Tensor."""
    return ops.stack([stacked(v) for v in x]) if type(x) in (list, tuple) and holds_tensor(x) else x


def call_tensor(name: str, f: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """f(*args, **kwargs), where arguments that do not fit f's signature raise ArgumentTypeError."""
    try:
        return f(*args, **kwargs)
    except TypeError as error:
        if isinstance(error, GpugradError) or not _misfit(f, args, kwargs):
            raise
        args, kwargs = _translated(name, f, args, kwargs)
        if fault := _misfit(f, args, kwargs):
            expected = f"{name}{inspect.signature(f)}"
            raise ArgumentTypeError(f"{name}: {fault}; on Tensors expected {expected}") from error
        return f(*args, **kwargs)


def _misfit(f: Function, args: Any, kwargs: Any) -> str:
    """Why the arguments do not fit f's signature; empty where they do."""
    try:
        inspect.signature(f).bind(*args, **kwargs)
    except TypeError as fault:
        return str(fault)
    return ""


def _translated(name: str, f: Function, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """The first argument taken from NumPy's name for it, and no keyword that f has not and that asks for nothing."""
    plain, known = getattr(np, name, f), inspect.signature(f).parameters
    first = next(iter(inspect.signature(plain).parameters), "")
    given = dict(kwargs)
    if not args and first in given:
        args = (given.pop(first),)
    return args, {k: v for k, v in given.items() if k in known or not (v is None or v is False)}


def refuse_options(name: str, options: Any) -> NoReturn:
    """Raise for a ufunc's out=, where= and the like."""
    raise ArgumentTypeError(
        f"np.{name}: got {', '.join(options)} beside a Tensor; expected arrays alone (an array takes the values of "
        "t by array[...] = t.detach().numpy())"
    )


def call_ufunc(name: str, f: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """f(*args, **kwargs) with NumPy's keywords for ufuncs; matmul and its like have some of their own."""
    if getattr(getattr(np, name, None), "signature", None):
        return call_tensor(name, f, args, kwargs)
    return _elementwise(name, f, args, kwargs)


def _elementwise(name: str, f: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """An elementwise operation with what of a ufunc's keywords has a meaning here: dtype, the dtype to compute in."""
    options = {k: v for k, v in kwargs.items() if not (v is None or (k == "where" and v is True))}
    dtype = options.pop("dtype", None)
    if options:
        refuse_options(name, options)
    return f(*args) if dtype is None else f(*(ops.astype(a, dtype) for a in args))


def _ufunc(name: str, plain: Any, tensor: Function, sequence: bool) -> Function:
    make = _function if plain.signature else _unary if plain.nin == 1 else _binary
    return _described(make(name, plain, tensor, False), name, plain, tensor)


ndarray = np.ndarray


def _unary(name: str, plain: Any, tensor: Function, sequence: bool) -> Function:
    def call(x: Any, /, out: Any = None, **kwargs: Any) -> Any:
        if type(x) is ndarray and out is None and not kwargs:
            return plain(x)  # the common call, in a fifth of a microsecond over NumPy's
        if type(x) is list and holds_tensor(x):
            x = stacked(x)
        if isinstance(x, Tensor):
            if out is None and not kwargs:
                return tensor(x)
            return call_ufunc(name, tensor, (x,), {"out": out, **kwargs})
        return plain(x, out, **kwargs)

    return call


def _binary(name: str, plain: Any, tensor: Function, sequence: bool) -> Function:
    def call(a: Any, b: Any, /, out: Any = None, **kwargs: Any) -> Any:
        if out is None and not kwargs:
            if type(a) is ndarray and type(b) is ndarray:
                return plain(a, b)
            return tensor(a, b) if isinstance(a, Tensor) or isinstance(b, Tensor) else plain(a, b)
        if isinstance(a, Tensor) or isinstance(b, Tensor):
            return call_ufunc(name, tensor, (a, b), {"out": out, **kwargs})
        return plain(a, b, out, **kwargs)

    return call


def _function(name: str, plain: Any, tensor: Function, sequence: bool) -> Function:
    def call(*args: Any, **kwargs: Any) -> Any:
        if args:
            x = args[0]
            if isinstance(x, Tensor):
                return call_tensor(name, tensor, args, kwargs)
            if type(x) is list and not sequence and holds_tensor(x):
                return call_tensor(name, tensor, (stacked(x), *args[1:]), kwargs)
        return plain(*args, **kwargs)

    return _described(call, name, plain, tensor)


def _described(call: Any, name: str, plain: Any, tensor: Function) -> Function:
    call.__name__ = call.__qualname__ = name
    call.__module__ = "gpugrad.numpy"
    call.__doc__ = tensor.__doc__ or plain.__doc__
    if isinstance(plain, np.ufunc):
        for part in ("reduce", "accumulate", "reduceat", "outer", "at", "nin", "nout", "identity"):
            setattr(call, part, getattr(plain, part))
    call.__wrapped__ = tensor  # where inspect.signature looks, when asked
    return call
