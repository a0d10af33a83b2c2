"""The resolver of kernel sources: where they are, how headers are spliced, what the hash covers."""

import re
import shutil
import subprocess

import pytest

from gpugrad.cuda import source
from gpugrad.errors import ArgumentError, StorageError


def write(root, files):
    """Write {relative path: text} under `root` and return `root`."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def test_checkout_folder_is_found():
    assert (source.kernels_dir() / "README.md").is_file()


def test_wheel_folder_wins_over_a_neighbour(tmp_path, monkeypatch):
    for folder in ("kernels", "gpugrad/_kernels"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.setattr(source, "_PACKAGE", tmp_path / "gpugrad")
    assert source.kernels_dir() == tmp_path / "gpugrad" / "_kernels"
    (tmp_path / "gpugrad" / "_kernels").rmdir()
    assert source.kernels_dir() == tmp_path / "kernels"
    (tmp_path / "kernels").rmdir()
    with pytest.raises(StorageError, match="install gpugrad again"):
        source.kernels_dir()


def test_each_header_is_spliced_once_and_lines_keep_their_numbers(tmp_path):
    files = {
        "a.cu": '#include <cuda_fp16.h>\n#include "b.cuh"\n  #  include "c.cuh"  // again\nint a;\n',
        "b.cuh": '#pragma once\n#include "c.cuh"\nint b;\n',
        "c.cuh": "#pragma once\nint c;\n",
    }
    write(tmp_path, files)
    assert source.kernel_source("a.cu", tmp_path).splitlines() == [
        "#include <cuda_fp16.h>",
        '#line 1 "b.cuh"',
        "",
        '#line 1 "c.cuh"',
        "",
        "int c;",
        '#line 3 "b.cuh"',
        "int b;",
        '#line 3 "a.cu"',
        '#line 4 "a.cu"',
        "int a;",
    ]


def test_a_header_beside_the_including_file_comes_first(tmp_path):
    write(tmp_path, {"gemm/a.cu": '#include "x.cuh"\n#include "y.cuh"\n', "gemm/x.cuh": "near\n", "x.cuh": "far\n"})
    write(tmp_path, {"y.cuh": "root\n"})
    lines = source.kernel_source("gemm/a.cu", tmp_path).splitlines()
    assert "near" in lines and "far" not in lines and "root" in lines


def test_commented_include_stays_text(tmp_path):
    write(tmp_path, {"a.cu": '// #include "gone.cuh"\n'})
    assert source.kernel_source("a.cu", tmp_path) == '// #include "gone.cuh"\n'


def test_missing_header_is_named_with_the_line_that_wants_it(tmp_path):
    write(tmp_path, {"a.cu": '#include "b.cuh"\n', "b.cuh": 'int b;\n#include "gone.cuh"\n'})
    with pytest.raises(StorageError, match=r"b\.cuh:2: 'gone\.cuh' not found"):
        source.kernel_source("a.cu", tmp_path)
    with pytest.raises(StorageError, match=r"'none\.cu' not found"):
        source.kernel_source("none.cu", tmp_path)


def test_a_header_outside_the_folder_is_refused(tmp_path):
    write(tmp_path, {"outside.cuh": "int x;\n", "kernels/a.cu": '#include "../outside.cuh"\n'})
    with pytest.raises(StorageError, match=r"a\.cu:1"):
        source.kernel_source("a.cu", tmp_path / "kernels")


def test_cycle_is_named(tmp_path):
    write(tmp_path, {"a.cu": '#include "b.cuh"\n', "b.cuh": '#include "c.cuh"\n', "c.cuh": '#include "b.cuh"\n'})
    with pytest.raises(ArgumentError, match=r"b\.cuh -> c\.cuh -> b\.cuh"):
        source.kernel_source("a.cu", tmp_path)


def test_hash_covers_names_in_byte_order_and_only_kernels(tmp_path):
    assert source.kernels_hash(tmp_path) == "e3b0c44298fc"  # SHA-256 of nothing
    write(tmp_path, {"a.cu": "1", "README.md": "page"})
    before = source.kernels_hash(tmp_path)
    write(tmp_path, {"README.md": "another page"})
    assert source.kernels_hash(tmp_path) == before
    write(tmp_path, {"B.cuh": "2"})
    assert source.kernels_hash(tmp_path) != before


@pytest.mark.skipif(not shutil.which("git") or not shutil.which("sha256sum"), reason="needs git and sha256sum")
def test_hash_equals_the_shell_line_of_the_page(tmp_path):
    root = write(
        tmp_path, {"kernels/a.cu": "1\n", "kernels/Z.cuh": "2\n", "kernels/a_b.cu": "3\n", "kernels/a/c.cu": "4"}
    )
    line = "git ls-files 'kernels/*.cu' 'kernels/*.cuh' | LC_ALL=C sort | xargs cat | sha256sum | cut -c1-12"
    assert line in (source.kernels_dir() / "README.md").read_text(encoding="utf-8")
    script = f"git init -q . && git add . && {line}"
    shell = subprocess.run(["bash", "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert source.kernels_hash(root / "kernels") == shell.stdout.strip()


def test_the_page_names_every_kernel_file_and_no_other():
    page = (source.kernels_dir() / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `([\w.]+\.cuh?)` \|", page, re.MULTILINE)
    assert sorted(named) == sorted(path.name for path in source.kernels_dir().glob("*.cu*"))
