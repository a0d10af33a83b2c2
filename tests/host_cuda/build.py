"""Compile CUDA C++ for the CPU: one shared library per source text, kept by the hash of all that went into it."""

import fcntl
import functools
import hashlib
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

INCLUDE = Path(__file__).resolve().parent / "include"
FLAGS = (
    *("-std=c++17", "-O1", "-g1", "-fPIC", "-shared"),
    *("-ffp-contract=off", "-fno-strict-aliasing"),
    *("-Wall", "-Wno-unknown-pragmas", "-Wno-unused-function", "-Wno-unused-variable"),
)
OWN_CHECKS = (  # what they find ends the launch with a message: see include/emu/faults.h
    "-DEMU_OWN_CHECKS",
    "-fsanitize=alignment,bounds,shift,integer-divide-by-zero",
    "-fno-sanitize-recover=all",
)
_DYNAMIC = re.compile(
    r"extern\s+__shared__\s+(?:(?:__align__\(\w+\)|alignas\(\w+\))\s+)?([\w:<>, ]+?)\s*(\w+)\s*\[\s*\]\s*;"
)
_ENTRY = """
extern "C" const char* emu_signature_{i}() {{ return emu::Launch<decltype(&{name})>::signature(); }}
extern "C" const char* emu_run_{i}(const unsigned* grid_block, size_t shared_bytes, void** args) {{
  return emu::launch(&emu::Launch<decltype(&{name})>::call<&{name}>, grid_block, shared_bytes, args);
}}
"""


def cache_folder() -> Path:
    """Where the built libraries are kept: $GPUGRAD_HOST_CUDA_CACHE, else a folder of this user in the temporary one."""
    default = Path(tempfile.gettempdir()) / f"gpugrad_host_cuda_{os.getuid()}"
    return Path(os.environ.get("GPUGRAD_HOST_CUDA_CACHE", default))


def build(source: str, names: Iterable[str], filename: str, options: Iterable[str] = ()) -> Path:
    """The shared library of kernels `names` (name expressions) of `source`.

    $GPUGRAD_HOST_CUDA_SANITIZE, as for g++'s -fsanitize, builds for a sanitizer: see test_sanitizers.py.
    """
    text = _translation_unit(source, tuple(names), filename)
    command = ["g++", *FLAGS, *_checks(), f"-I{INCLUDE}", *options]
    library = cache_folder() / f"{Path(filename).stem}-{_digest(command, text)}.so"
    library.parent.mkdir(parents=True, exist_ok=True)
    with open(library.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes want the same library: one builds, the others wait
        if not library.exists():
            _compile(command, text, library)
    return library


def _translation_unit(source: str, names: tuple[str, ...], filename: str) -> str:
    """The emulator, the kernels with their dynamic shared memory renamed, and one pair of C functions per kernel."""
    body = _DYNAMIC.sub(r"EMU_DYNAMIC_SHARED(\1, \2);", source)
    entries = "".join(_ENTRY.format(i=i, name=name) for i, name in enumerate(names))
    return f'#include "cuda_emu.h"\n#line 1 "{filename}"\n{body}\n#line 1 "entries"{entries}'


def _checks() -> list[str]:
    sanitize = os.environ.get("GPUGRAD_HOST_CUDA_SANITIZE")
    if not sanitize:
        return list(OWN_CHECKS)
    return [f"-fsanitize={sanitize}", "-fno-omit-frame-pointer", "-fno-sanitize-recover=undefined"]


@functools.cache
def _compiler() -> str:
    return subprocess.check_output(["g++", "--version"], text=True)


def _digest(command: list[str], text: str) -> str:
    """Of the compiler, the command, the text, and every header that the text could include."""
    digest = hashlib.sha256(repr((_compiler(), command, text)).encode())
    folders = [Path(option[2:]) for option in command if option.startswith("-I")]
    for header in sorted(path for folder in folders for path in folder.rglob("*") if path.suffix in (".h", ".cuh")):
        digest.update(header.read_bytes())
    return digest.hexdigest()[:24]


def _compile(command: list[str], text: str, library: Path) -> None:
    source, unfinished = library.with_suffix(".cpp"), library.with_suffix(".unfinished")
    source.write_text(text)
    done = subprocess.run([*command, str(source), "-o", str(unfinished)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"g++ cannot compile {source}:\n{done.stderr}")
    os.replace(unfinished, library)
