"""The table of registers in kernels/README.md: `python -m tests.host_cuda.registers` writes it anew."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gpugrad.cuda.source import kernel_source, kernels_dir
from tests.host_cuda import nvrtc

ARCHITECTURES = (75, 80, 86, 89, 90, 100, 120)
BEGIN, END = "<!-- registers: written by python -m tests.host_cuda.registers -->", "<!-- end of registers -->"


def files() -> list[str]:
    """The names of all kernel files."""
    return sorted(path.name for path in kernels_dir().glob("*.cu"))


def instances(file: str, arch: int) -> list[str]:
    """The INSTANCES of a kernel file's launcher module, without what its MIN_ARCH says is for later cards."""
    launchers: Any = importlib.import_module(f"gpugrad.cuda.{Path(file).stem}")
    least: dict[str, int] = getattr(launchers, "MIN_ARCH", {})
    return [n for n in launchers.INSTANCES if all(arch >= least[prefix] for prefix in least if n.startswith(prefix))]


def representatives(file: str, arch: int) -> list[str]:
    """One instance of each kernel, of float where there is one: they are compiled in every run of the tests."""
    chosen: dict[str, str] = {}
    for name in instances(file, arch):
        kernel = name.partition("<")[0]
        if kernel not in chosen or ("float" in name and "float" not in chosen[kernel]):
            chosen[kernel] = name
    return list(chosen.values())


def usage(file: str, arch: int, every: bool = False) -> dict[str, nvrtc.Usage]:
    """What the representatives take, or every instance; empty where there is none for the architecture."""
    names = instances(file, arch) if every else representatives(file, arch)
    return nvrtc.usage(kernel_source(file), arch, names, file) if names else {}


def table() -> str:
    """Registers of a thread, by kernel and architecture, and the static shared memory of a block."""
    head = ["file", "kernel", *(f"sm_{arch}" for arch in ARCHITECTURES), "shared bytes"]
    lines = [head, ["---", "---", *["---:"] * (len(ARCHITECTURES) + 1)]]
    for file in files():
        lines += _rows(file)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _rows(file: str) -> Iterator[list[str]]:
    found = {arch: usage(file, arch) for arch in ARCHITECTURES}
    for name in dict.fromkeys(name for arch in ARCHITECTURES for name in representatives(file, arch)):
        cells = [str(found[arch][name].registers) if name in found[arch] else "-" for arch in ARCHITECTURES]
        yield [file, f"`{name}`", *cells, str(max(of[name].shared for of in found.values() if name in of))]


def section() -> str:
    """What stands between the markers."""
    return f"{BEGIN}\n\nNVRTC {nvrtc.version()}, nothing spilled:\n\n{table()}\n\n{END}"


def split(page: str) -> tuple[str, str, str]:
    """The page before the section, the section, and the page after it."""
    before, begin, rest = page.partition(BEGIN)
    inside, end, after = rest.partition(END)
    return before, begin + inside + end, after


def write() -> None:
    page = kernels_dir() / "README.md"
    before, _, after = split(page.read_text(encoding="utf-8"))
    page.write_text(before + section() + after, encoding="utf-8")


if __name__ == "__main__":
    write()
