"""All kernels under AddressSanitizer with UndefinedBehaviorSanitizer, and under ThreadSanitizer as the race detector.

The sanitizer's library must be the first one loaded, so each run is a process of its own.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LIBRARIES = {"address,undefined": ("libasan.so", "libubsan.so"), "thread": ("libtsan.so",)}
OPTIONS = {"ASAN_OPTIONS": "detect_leaks=0", "TSAN_OPTIONS": "exitcode=66", "OPENBLAS_NUM_THREADS": "1"}
NOT_OF_KERNELS = {  # those of tests/cuda that launch nothing, or the same kernels for much longer
    *("autotune", "device_runtime", "dispatch", "host_backend", "kernel", "mutations", "nvrtc", "requirements"),
    *("runtime", "source", "graph_primitives", "lane", "sent"),
}
TESTS = {path.stem.removeprefix("test_") for path in Path(__file__).parents[1].glob("cuda/test_*.py")}
FILES = (  # a process each: ThreadSanitizer keeps a history for each thread of each library
    *(f"cuda/test_{name}.py" for name in sorted(TESTS - NOT_OF_KERNELS)),
    *("host_cuda/test_tensor_core.py", "host_cuda/test_threads.py"),
)
FAULTY = """
import numpy as np
from pathlib import Path
from tests.host_cuda.module import HostModule
source = Path("tests/host_cuda/kernels/broken.cu").read_text()
kernel = HostModule(source, ["{0}"], "broken.cu").get_function("{0}")
kernel((1,), ({1},), (np.zeros({2}, np.float32),))
"""


def sanitized(sanitize, root, *command):
    """A Python process under that sanitizer."""
    paths = [
        subprocess.check_output(["g++", f"-print-file-name={name}"], text=True).strip() for name in LIBRARIES[sanitize]
    ]
    same_addresses = [shutil.which("setarch"), "-R"] if sanitize == "thread" and shutil.which("setarch") else []
    env = os.environ | OPTIONS | {"GPUGRAD_HOST_CUDA_SANITIZE": sanitize, "PYTHONPATH": str(root)}
    preload = ["env", f"LD_PRELOAD={' '.join(paths)}"]  # of Python alone: setarch has no use for it
    done = subprocess.run(
        [*same_addresses, *preload, sys.executable, *command], cwd=root, env=env, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("sanitize", LIBRARIES)
def test_every_kernel_is_clean(sanitize, file, root):
    """All tests of kernels and of their launchers but those that want something to go wrong."""
    options = ["-q", "-s", "-x", "-p", "no:cacheprovider", "-k", "not without_its_barrier and not not_waited_for"]
    status, output = sanitized(sanitize, root, "-m", "pytest", *options, f"tests/{file}")
    assert status == 0, output[-6000:]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sanitize", "kernel", "n_threads", "size", "message"),
    [
        ("address,undefined", "past_the_end", 32, 28, "heap-buffer-overflow"),
        ("address,undefined", "past_the_end_of_shared", 32, 32, "broken.cu:5:"),
        ("address,undefined", "misaligned", 1, 32, "misaligned address"),
        ("thread", "race_in_a_warp", 32, 32, "data race"),
        ("thread", "missing_barrier", 64, 64, "data race"),
    ],
)
def test_the_sanitizer_sees_what_it_should(sanitize, kernel, n_threads, size, message, root):
    status, output = sanitized(sanitize, root, "-c", FAULTY.format(kernel, n_threads, size))
    assert status != 0
    assert message in output
