"""Find the CUDA sources, in a checkout or in an installed wheel, and splice their own headers into one text.

Headers are spliced because CuPy's kernel cache is keyed by the source text: a header reached through `-I` could change
without the cache noticing.
"""

import hashlib
import re
from pathlib import Path

from ..errors import ArgumentError, StorageError

_PACKAGE = Path(__file__).resolve().parents[1]
_INCLUDE = re.compile(r'\s*#\s*include\s*"([^"]+)"')
_ONCE = re.compile(r"\s*#\s*pragma\s+once\b")
GENERATED: dict[str, str] = {}  # by name, the texts that generated.py has written for programs


def kernels_dir() -> Path:
    """The folder of the .cu and .cuh files: `gpugrad/_kernels` in an installed wheel, else the checkout's `kernels`.

    Raises StorageError where neither is there.
    """
    for folder in (_PACKAGE / "_kernels", _PACKAGE.parent / "kernels"):
        if folder.is_dir():
            return folder
    raise StorageError(
        f"kernels: neither {_PACKAGE / '_kernels'} nor {_PACKAGE.parent / 'kernels'} exists; "
        "install gpugrad again, or run it from a full checkout"
    )


def kernel_source(name: str, root: Path | None = None) -> str:
    """The text of kernel file `name` ("linear.cu"), each `#include "x.cuh"` replaced by that header's text, once.

    A header is looked for beside the file that includes it, then in `root` (default: `kernels_dir()`).
    `#include <...>` stays for the compiler, `#pragma once` goes, and `#line` directives keep compiler messages pointing
    at the files written by hand.  Own headers are included outside `#if`: the first place that names one gets its text.

    Raises StorageError naming a missing file and the line that wants it, ArgumentError naming a cycle of headers.
    """
    if name in GENERATED:
        return GENERATED[name]
    root = (kernels_dir() if root is None else root).resolve()
    lines = _splice(_locate(name, (root,), root, wanted_by=None), root, (), set())
    return "\n".join(lines) + "\n"


def kernels_hash(root: Path | None = None) -> str:
    """First 12 hex digits of SHA-256 over the .cu and .cuh files of `root`, concatenated in byte order of paths."""
    root = kernels_dir() if root is None else root
    sources = [path for path in root.rglob("*") if path.suffix in (".cu", ".cuh") and path.is_file()]
    digest = hashlib.sha256()
    for path in sorted(sources, key=lambda path: path.relative_to(root).as_posix().encode()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _splice(path: Path, root: Path, open_files: tuple[Path, ...], done: set[Path]) -> list[str]:
    """Lines of `path` with its headers in place; `open_files` are being spliced, `done` are in the text already."""
    label = path.relative_to(root).as_posix()
    if path in open_files:
        chain = [file.relative_to(root).as_posix() for file in open_files[open_files.index(path) :]]
        raise ArgumentError(f"kernels: headers include each other in a cycle: {' -> '.join([*chain, label])}")
    if path in done:
        return []
    done.add(path)
    out = [f'#line 1 "{label}"'] if open_files else []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if match := _INCLUDE.match(line):
            header = _locate(match[1], (path.parent, root), root, wanted_by=f"{label}:{number}")
            out += _splice(header, root, (*open_files, path), done)
            out.append(f'#line {number + 1} "{label}"')
        else:
            out.append("" if _ONCE.match(line) else line)
    return out


def _locate(name: str, folders: tuple[Path, ...], root: Path, wanted_by: str | None) -> Path:
    """The file `name` in the first of `folders` that has it; it must lie in `root`, or the hash would not cover it."""
    for folder in folders:
        path = (folder / name).resolve()
        if path.is_relative_to(root) and path.is_file():
            return path
    where = f"{wanted_by}: " if wanted_by else ""
    raise StorageError(f"kernels: {where}{name!r} not found in {root}; check the name, or add the file there")
