"""What all tests share: hypothesis profiles, the `gpu` marker, and the built distributions."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

try:
    from hypothesis import HealthCheck, settings
except ModuleNotFoundError:  # as on a machine that has only what the GPU suite needs: tests/cuda does without
    settings = None

ROOT = Path(__file__).resolve().parents[1]

# The default profile repeats the same examples on every machine; `thorough` looks for new ones.
if settings is not None:
    settings.register_profile("default", max_examples=25, derandomize=True, database=None, deadline=None)
    settings.register_profile(
        "thorough",
        max_examples=400,
        derandomize=False,
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests marked `gpu` where no CUDA device works, and say why."""
    on_gpu = [item for item in items if item.get_closest_marker("gpu")]
    if not on_gpu:
        return
    from gpugrad.backend.cupy import unavailable_reason

    if reason := unavailable_reason():
        for item in on_gpu:
            item.add_marker(pytest.mark.skip(reason=f"needs a CUDA device: {reason}"))


@pytest.fixture
def planted() -> Iterator[None]:
    """Primitives that the test defines disappear with it."""
    from gpugrad.core.namespace import OPS, PRIMITIVES

    before = set(PRIMITIVES)
    yield
    for name in set(PRIMITIVES) - before:
        del PRIMITIVES[name]
        delattr(OPS, name)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """{"sdist": ..., "wheel": ...}, built once: the sdist from the checkout, the wheel from that sdist."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    return {"sdist": sdist, "wheel": wheel}
