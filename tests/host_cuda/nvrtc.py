"""Compile kernels with NVRTC, which needs no GPU and no driver, and read what ptxas says of them."""

import ctypes
import functools
import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from .build import cache_folder

# What CuPy passes too.
OPTIONS = ("-std=c++17", "-ftz=true", "--ptxas-options=-v")
_ENTRY = re.compile(
    r"entry function '(?P<name>\w+)'.*?(?P<stores>\d+) bytes spill stores, (?P<loads>\d+) bytes spill loads"
    r".*?Used (?P<registers>\d+) registers(?:[^\n]*?(?P<shared>\d+) bytes smem)?",
    re.DOTALL,
)


class Usage(NamedTuple):
    """Of one instance of a kernel: registers of a thread, bytes spilled, bytes of static shared memory of a block."""

    registers: int
    spilled: int
    shared: int


@functools.cache
def _library() -> Any:
    from cuda.pathfinder import load_nvidia_dynamic_lib

    library = ctypes.CDLL(load_nvidia_dynamic_lib("nvrtc").abs_path)
    library.nvrtcGetErrorString.restype = ctypes.c_char_p
    return library


@functools.cache
def version() -> str:
    """Of NVRTC, such as "13.2"."""
    major, minor = ctypes.c_int(), ctypes.c_int()
    _library().nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    return f"{major.value}.{minor.value}"


def usage(source: str, arch: int, names: Sequence[str], filename: str) -> dict[str, Usage]:
    """What each name expression of `source` takes on compute capability `arch` / 10; kept on disk by hash.

    Raises RuntimeError with the compiler's log where it does not compile.
    """
    digest = hashlib.sha256(repr((source, arch, tuple(names), OPTIONS, version())).encode()).hexdigest()[:24]
    path = cache_folder() / f"{filename}-sm_{arch}-{digest}.json"
    if not path.exists():
        found = dict(_usages(*_compile(source, arch, names, filename)))
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        unfinished.write_text(json.dumps(found))
        os.replace(unfinished, path)
    return {name: Usage(*values) for name, values in json.loads(path.read_text()).items()}


def _compile(source: str, arch: int, names: Sequence[str], filename: str) -> tuple[dict[str, str], str]:
    """{mangled name: name expression} and the compiler's log."""
    from cuda.pathfinder import find_nvidia_header_directory

    nvrtc, program = _library(), ctypes.c_void_p()
    options = [f"-arch=sm_{arch}", *OPTIONS, f"-I{find_nvidia_header_directory('cudart')}"]
    c_options = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), filename.encode(), 0, None, None)
    try:
        for name in names:
            nvrtc.nvrtcAddNameExpression(program, name.encode())
        status = nvrtc.nvrtcCompileProgram(program, len(options), c_options)
        if status:
            why = nvrtc.nvrtcGetErrorString(status).decode()
            raise RuntimeError(f"{filename} for sm_{arch}: {why}\n{_log(program)}")
        return {_mangled(program, name): name for name in names}, _log(program)
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def _log(program: ctypes.c_void_p) -> str:
    size = ctypes.c_size_t()
    _library().nvrtcGetProgramLogSize(program, ctypes.byref(size))
    text = ctypes.create_string_buffer(size.value)
    _library().nvrtcGetProgramLog(program, text)
    return text.value.decode()


def _mangled(program: ctypes.c_void_p, name: str) -> str:
    found = ctypes.c_char_p()
    if _library().nvrtcGetLoweredName(program, name.encode(), ctypes.byref(found)):
        raise RuntimeError(f"{name} is no kernel of the source")
    return (found.value or b"").decode()


def _usages(names: dict[str, str], log: str) -> Iterator[tuple[str, Usage]]:
    for part in log.split("Compiling entry")[1:]:
        if found := _ENTRY.search("entry" + part):
            spilled = int(found["stores"]) + int(found["loads"])
            name = names.get(found["name"], found["name"])
            yield name, Usage(int(found["registers"]), spilled, int(found["shared"] or 0))
