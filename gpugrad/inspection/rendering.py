"""From DOT to pictures by Graphviz's program `dot`, and into files."""

import shutil
import subprocess
from pathlib import Path

from ..errors import ArgumentError, MissingDependencyError, StorageError

FORMATS = {"svg": ["-Tsvg"], "png": ["-Tpng", "-Gdpi=144"], "pdf": ["-Tpdf"]}
TIME_LIMIT_S = 120


def render(source: str, kind: str, n_nodes: int) -> bytes:
    """The picture that `source` describes, as the content of a file of that kind.

    Raises MissingDependencyError where Graphviz is not installed or cannot make this kind, ArgumentError where laying
    out n_nodes takes longer than two minutes.
    """
    program = shutil.which("dot")
    if program is None:
        raise MissingDependencyError(
            "graph: Graphviz's program 'dot' is not on the PATH; install Graphviz (apt install graphviz, dnf install "
            "graphviz, brew install graphviz, winget install graphviz, or conda install -c conda-forge graphviz; pip's "
            "package of that name does not bring it), or use .text() and .dot(), which need nothing"
        )
    try:
        done = subprocess.run(
            [program, *FORMATS[kind]], input=source.encode(), capture_output=True, timeout=TIME_LIMIT_S
        )
    except subprocess.TimeoutExpired:
        raise ArgumentError(
            f"graph: {n_nodes} nodes were not laid out in {TIME_LIMIT_S} s; draw a part of the network, pass "
            "backward=False, or read .text()"
        ) from None
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise MissingDependencyError(
            f"graph: Graphviz ({program}) could not make a {kind} picture: {reason[-1]}; install a complete Graphviz, "
            "or save as .dot"
        )
    return done.stdout[done.stdout.index(b"<svg") :] if kind == "svg" else done.stdout


def write(path: str | Path, content: bytes) -> None:
    """Write a file; StorageError where that cannot be done."""
    try:
        Path(path).write_bytes(content)
    except OSError as error:
        raise StorageError(
            f"{path}: cannot be written ({error.strerror or error}); choose a folder that exists and is writeable"
        ) from error
