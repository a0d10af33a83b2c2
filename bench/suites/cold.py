"""End to end: from a cold process to a trained net, peak memory, import time and size on the disk."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from bench import handover
from bench.suites.machine import ROOT
from bench.suites.row import Fit, Row, row_of
from bench.suites.task import Settings, Task

IMPORTS = {  # who: (module, distribution)
    "gpugrad": ("gpugrad", "gpugrad"),
    "torch": ("torch", "torch"),
    "jax": ("jax", "jax"),
    "autograd": ("autograd", "autograd"),
    "mygrad": ("mygrad", "mygrad"),
    "tinygrad": ("tinygrad", "tinygrad"),
    "scikit-learn": ("sklearn.neural_network", "scikit-learn"),
    "bare NumPy": ("numpy", "numpy"),
}
TARGETS = {"digits": "97 % on digits", "table": "a fixed loss on 100,000 x 50"}
LIMIT_S = 180


def tasks(settings: Settings) -> Iterator[Task]:
    """Training from cold processes, imports, sizes."""
    n = 8 * settings.pick(1, 1, 3)
    for kind in settings.pick(("digits",), tuple(TARGETS), tuple(TARGETS)):
        yield Task("cold", TARGETS[kind], 3.0 * n, lambda s, k=kind: training_rows(k, s))
    yield Task("cold", "import", 1.0 * n, import_rows)
    yield Task("cold", "size on the disk", 1.0, size_rows)


def training_rows(kind: str, settings: Settings) -> Iterator[Row | Fit]:
    """Seconds to the target, and peak memory."""
    names = ["gpugrad", "gpugrad compiled", *settings.having("trainer")]
    names = [who for who in names if settings.scale != "tiny" or who == "gpugrad"]
    found: dict[str, list[dict[str, Any]]] = {}
    notes: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder, handover.around(settings.threads) as seen:
        data = Path(folder) / "data.npz"
        np.savez(data, **(digits(settings) if kind == "digits" else table(settings)))
        for _ in range(settings.pick(1, 1, 5)):
            for who in [name for name in names if name not in notes]:
                result = _python("-m", "bench.peers.cold", who, str(data), repr(time.time()))
                if isinstance(result, str):
                    notes[who] = result
                else:
                    found.setdefault(who, []).append(json.loads(result[0]))
    what = TARGETS[kind]
    steps = "; ".join(f"{who} {runs[0]['steps']}" for who, runs in found.items())
    more = {"notes": {"": f"steps: {steps}", **notes}, "handover_ns": handover.middle(seen)}
    for unit, key, label in (("s", "seconds", "time to"), ("bytes", "peak", "peak memory to")):
        values = {who: [run[key] for run in runs] for who, runs in found.items() if who not in notes}
        yield row_of("cold", f"{label} {what}", values, unit=unit, ours=_better(values), **more)


def _better(values: dict[str, list[float]]) -> str:
    """Which of ours counts: the one a user would take for this work."""
    mine = [who for who in values if who.startswith("gpugrad")]
    return min(mine, key=lambda who: float(np.median(values[who]))) if mine else "gpugrad"


def digits(settings: Settings) -> dict[str, Any]:
    """scikit-learn's digits, 1437 rows to train and 360 held out."""
    from gpugrad import data

    whole = data.load("digits")
    rows, held_out = whole.split((0.8, 0.2), seed=0)
    scaling = data.Preprocessor.fit(whole, rows)
    x, y = scaling.transform(whole)[0].astype(np.float32), scaling.encode_target(whole)
    target = settings.pick(0.5, 0.97, 0.97)
    split = {"x": x[rows], "y": y[rows], "x_test": x[held_out], "y_test": y[held_out]}
    return {**split, "sizes": np.array([x.shape[1], 128, 64, 10]), "batch": 32, "accuracy": target}


def table(settings: Settings) -> dict[str, Any]:
    """100,000 rows of 50 numbers and a smooth function of them, with noise."""
    rng = settings.rng(50)
    n = settings.pick(2000, 100_000, 100_000)
    x = rng.normal(size=(n, 50)).astype(np.float32)
    y = np.sin(x @ rng.normal(size=(50, 3)) / 50**0.5).sum(1, keepdims=True) + 0.1 * rng.normal(size=(n, 1))
    return {"x": x, "y": y.astype(np.float32), "sizes": np.array([50, 64, 64, 1]), "batch": 256, "loss": 0.1}


def import_rows(settings: Settings) -> Iterator[Row | Fit]:
    """Of a fresh interpreter that imports the library and ends."""
    peers = settings.pick((), tuple(settings.peers), tuple(settings.peers))
    names = [who for who in IMPORTS if who in ("gpugrad", "bare NumPy", *peers)]
    rounds: dict[str, list[float]] = {who: [] for who in names}
    for i in range(settings.pick(1, 4, 8)):
        for who in names:
            start = time.perf_counter()
            result = _python("-c", f"import {IMPORTS[who][0]}")
            if isinstance(result, str):
                raise RuntimeError(f"import of {who}: {result}")
            if i or settings.scale == "tiny":  # the first reads the files from the disk
                rounds[who].append(time.perf_counter() - start)
    yield row_of("cold", "import", rounds)


def size_rows(settings: Settings) -> Iterator[Row | Fit]:
    """Bytes of the installed files, with everything that is installed for their sake, but for NumPy."""
    sizes, notes = {}, {}
    for who, (_, distribution) in IMPORTS.items():
        if who == "gpugrad":
            sizes[who] = [float(sum(f.stat().st_size for d in ("gpugrad", "kernels") for f in (ROOT / d).rglob("*")
                                    if f.is_file() and "__pycache__" not in f.parts))]  # fmt: skip
        elif who in settings.peers:
            names = needed_by(distribution) - {"numpy"}
            sizes[who] = [float(sum(map(size_of, names)))]
            if len(names) > 1:
                notes[who] = f"with {', '.join(sorted(names - {distribution}))}"
    yield row_of("cold", "size on the disk without NumPy", sizes, unit="bytes", notes=notes)


def needed_by(distribution: str) -> set[str]:
    """It and all that it requires, of what is installed, extras aside."""
    found, todo = set(), [distribution]
    while todo:
        name = todo.pop().lower().replace("_", "-")
        if name in found or not _installed(name):
            continue
        found.add(name)
        for line in metadata.requires(name) or ():
            if "extra ==" not in line:
                todo.append(re.split(r"[^\w.-]", line.strip(), maxsplit=1)[0])
    return found


@cache
def _installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def size_of(distribution: str) -> int:
    """Bytes of its files, compiled bytecode aside."""
    files = metadata.files(distribution) or ()
    paths = (Path(str(file.locate())) for file in files if "__pycache__" not in file.parts)
    return sum(path.stat().st_size for path in paths if path.is_file())


def _python(*words: str) -> list[str] | str:
    """The lines a fresh interpreter prints; what went wrong, as one line."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # what was installed by pip has its bytecode
    try:
        done = subprocess.run(
            [sys.executable, *words], capture_output=True, text=True, timeout=LIMIT_S, cwd=ROOT, env=env
        )
    except subprocess.TimeoutExpired:
        return f"left out: more than {LIMIT_S} s"
    if done.returncode:
        return f"left out: {(done.stderr.strip() or 'no word').splitlines()[-1][:160]}"
    return done.stdout.strip().splitlines()[-1:]
