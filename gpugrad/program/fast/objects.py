"""What native code reads of NumPy's array objects: the address of the elements, and their strides."""

import ctypes
import functools
from typing import Any

import numpy as np

from .assembly import Function

OTHER_STRIDES = 2


@functools.cache
def offset_of_data() -> int:
    """Bytes from an array object's start to its pointer to the elements: right behind the header of all objects."""
    array = np.empty(3)
    words = (ctypes.c_void_p * 8).from_address(id(array))
    return 8 * list(words).index(array.ctypes.data)


def enter(number: int, objects: list[Any]) -> Function:
    """A function that writes the addresses of arrays like `objects` into the table, and then calls `body`.

    It leaves with a status where an array has other strides.
    """
    f = Function(f"run{number}", ", ".join(f"ptr %o{i}" for i in range(len(objects))), "i32")
    f.first.append("  %table = load ptr, ptr @table")
    at, wrong = offset_of_data(), "0"
    for i, v in enumerate(objects):
        data = f(f"load ptr, ptr {f.at(f'%o{i}', at)}")
        f.do(f"store ptr {data}, ptr {f.at('%table', 8 * i)}, align 8")
        strides = f(f"load ptr, ptr {f.at(f'%o{i}', at + 24)}")
        for axis, (n, step) in enumerate(zip(v.shape, v.strides, strict=True)):
            if n > 1:
                own = f(f"load i64, ptr {f.at(strides, 8 * axis)}")
                wrong = f(f"or i1 {wrong}, {f(f'icmp ne i64 {own}, {step}')}")
    leave, on = f.label(), f.label()
    f.do(f"br i1 {wrong}, label %{leave}, label %{on}")
    f.begin(leave)
    f.do(f"ret i32 {OTHER_STRIDES}")
    f.begin(on)
    f.do(f"ret i32 {f(f'call i32 @body{number}()')}")
    return f
