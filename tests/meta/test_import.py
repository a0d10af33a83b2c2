"""`import gpugrad` costs NumPy and little else."""

import json
import os
import re
import statistics
import subprocess
import sys

HEAVY = {
    "cupy",
    "joblib",
    "matplotlib",
    "ml_dtypes",
    "pandas",
    "pyarrow",
    "rich",
    "safetensors",
    "scipy",
    "sklearn",
    "torch",
    "typer",
}

NEW_MODULES = """
import json, sys
before = set(sys.modules)
import gpugrad
print(json.dumps(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""

MILLISECONDS = """
import time
import numpy
start = time.thread_time()
import gpugrad
print(1e3 * (time.thread_time() - start))
"""

LIMIT_MS = 40


def run(program, cwd, **environment):
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | environment
    done = subprocess.run([sys.executable, "-c", program], cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_brings_numpy_and_nothing_heavy(root):
    new = set(json.loads(run(NEW_MODULES, root)))
    assert "gpugrad" in new and "numpy" in new
    assert not new & HEAVY


def test_import_time_over_numpy(root, tmp_path):
    """Time of the importing thread, as BLAS starts others, with bytecode; up to four rounds, for a busy machine."""

    def once():
        return float(run(MILLISECONDS, root, PYTHONPYCACHEPREFIX=str(tmp_path)))

    once()  # writes the bytecode
    medians = []
    for _ in range(4):
        medians.append(statistics.median(once() for _ in range(7)))
        if medians[-1] <= LIMIT_MS:
            return
    raise AssertionError(f"import gpugrad takes {medians} ms over NumPy (medians of 7), limit {LIMIT_MS} ms")


def test_one_version(root):
    import gpugrad

    declared = re.search(r'^version = "(.+)"$', (root / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)[1]
    assert gpugrad.__version__ == declared
    assert f"## [{declared}]" in (root / "CHANGELOG.md").read_text(encoding="utf-8")
