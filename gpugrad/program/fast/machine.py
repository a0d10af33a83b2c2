"""The processor that code is made for, and LLVM: assembly in, addresses of functions out, objects kept on disk."""

import functools
import hashlib
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

MOST_FILES = 256


class Processor(NamedTuple):
    """Its name and features as LLVM knows them, 4-byte numbers in a vector register, and vector registers."""

    name: str
    features: str
    lanes: int
    registers: int


@functools.cache
def llvm() -> Any:
    """llvmlite's binding, ready for this machine; ImportError where it is not installed."""
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding


@functools.cache
def processor() -> Processor | None:
    """This machine's, or None where no code is made for its kind."""
    features = llvm().get_host_cpu_features()
    name, text = llvm().get_host_cpu_name(), features.flatten()
    if features.get("avx512f") and features.get("avx512vl"):
        return Processor(name, text, 16, 32)
    if features.get("avx2") and features.get("fma"):
        return Processor(name, text, 8, 16)
    if llvm().get_default_triple().startswith(("aarch64", "arm64")):
        return Processor(name, text, 4, 32)
    return None


class Code:
    """Machine code of a text in LLVM's assembly: from disk, or else compiled; `seconds` says how long that took."""

    def __init__(self, text: str) -> None:
        start = time.perf_counter()
        self.was_cached, data = True, _kept(text)
        if data is None:
            self.was_cached, data = False, _compiled(text)
            _keep(text, data)
        module = llvm().parse_assembly("")
        self._engine = llvm().create_mcjit_compiler(module, _target())
        self._engine.add_object_file(llvm().object_file.ObjectFileRef.from_data(data))
        self._engine.finalize_object()
        self.seconds = time.perf_counter() - start

    def address(self, name: str) -> int:
        """Of a function or a variable."""
        return int(self._engine.get_function_address(name) or self._engine.get_global_value_address(name))


def _target() -> Any:
    p = processor()
    assert p is not None
    triple = llvm().Target.from_triple(llvm().get_process_triple())
    return triple.create_target_machine(cpu=p.name, features=p.features, opt=2, reloc="pic", codemodel="jitdefault")


def _compiled(text: str) -> bytes:
    """By LLVM's code generation alone: the passes before it take twice as long, and this code gains nothing by them."""
    module, target = llvm().parse_assembly(text), _target()
    module.triple, module.data_layout = target.triple, str(target.target_data)
    return bytes(target.emit_object(module))


# on disk


def folder() -> Path:
    """Where code and choices are kept: GPUGRAD_CACHE_DIR, or the user's folder for such things."""
    if "GPUGRAD_CACHE_DIR" in os.environ:
        return Path(os.environ["GPUGRAD_CACHE_DIR"])
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", tempfile.gettempdir())) / "gpugrad"
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return (Path.home() / "Library" / "Caches" if sys.platform == "darwin" else home) / "gpugrad"


def _file_of(text: str) -> Path:
    p = processor()
    key = hashlib.sha256(f"{text}\n{p}\n{llvm().llvm_version_info}".encode()).hexdigest()
    return folder() / "programs" / f"{key}.o"


def _kept(text: str) -> bytes | None:
    try:
        return _file_of(text).read_bytes()
    except OSError:
        return None


def _keep(text: str, data: bytes) -> None:
    """On disk, where the least recently made of too many are removed."""
    path = _file_of(text)
    write(path, data)
    try:
        files = sorted(path.parent.glob("*.o"), key=lambda file: file.stat().st_mtime)
        for file in files[:-MOST_FILES]:
            file.unlink()
    except OSError:  # another process has removed it
        return


def write(path: Path, data: bytes) -> None:
    """A file that other processes see whole or not at all; nothing where the folder cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(data)
        os.replace(file.name, path)
    except OSError:
        return
