"""What is shipped: the sdist and wheel hold the kernels, and a wheel in a fresh environment trains by itself."""

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

WHERE = """
import json, gpugrad
from gpugrad.cuda.source import kernels_dir, kernels_hash
print(json.dumps([gpugrad.__file__, str(kernels_dir()), kernels_hash()]))
"""


def shipped_kernels(root):
    return {path.relative_to(root / "kernels").as_posix() for path in (root / "kernels").rglob("*") if path.is_file()}


def test_wheel_contents(distributions, root):
    with zipfile.ZipFile(distributions["wheel"]) as wheel:
        names = set(wheel.namelist())
        (metadata,) = [wheel.read(name).decode() for name in names if name.endswith(".dist-info/METADATA")]
    assert {name.removeprefix("gpugrad/_kernels/") for name in names if "/_kernels/" in name} == shipped_kernels(root)
    assert "gpugrad/py.typed" in names
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"gpugrad"}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    required = [line for line in metadata.splitlines() if line.startswith("Requires-Dist") and "extra ==" not in line]
    assert required == ["Requires-Dist: numpy<3,>=2.0"]


def test_sdist_contents(distributions, root):
    with tarfile.open(distributions["sdist"]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {f"kernels/{name}" for name in shipped_kernels(root)} <= names
    assert {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "tests/conftest.py"} <= names


class Environment:
    """A virtual environment that holds the wheel, and borrows every other package from the current one."""

    def __init__(self, folder: Path, wheel: Path):
        self.folder = folder
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        self._run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
        self.python = str(folder / ("Scripts" if os.name == "nt" else "bin") / "python")
        self._run(
            [sys.executable, "-m", "pip", "--python", self.python, "install", "--no-deps", "--no-index", str(wheel)]
        )
        # Folders named in a .pth file are searched after the environment's own, and their .pth files are not read: an
        # editable or older gpugrad over there stays out of the way.
        borrowed = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
        (own,) = json.loads(self.output("import json, site; print(json.dumps(site.getsitepackages()[:1]))"))
        Path(own, "borrowed.pth").write_text("\n".join(borrowed) + "\n", encoding="utf-8")

    def _run(self, command: list[str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(command, cwd=cwd or self.folder.parent, env=self.env, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done

    def run(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return self._run([self.python, "-s", *arguments], cwd)

    def output(self, program: str) -> str:
        return self.run("-c", program).stdout


@pytest.fixture(scope="module")
def environment(distributions, tmp_path_factory) -> Environment:
    return Environment(tmp_path_factory.mktemp("fresh") / "venv", distributions["wheel"])


def test_installed_wheel_is_the_one_imported(environment, root):
    from gpugrad.cuda.source import kernels_hash

    package, kernels, digest = json.loads(environment.output(WHERE))
    assert Path(package).is_relative_to(environment.folder)
    assert Path(kernels) == Path(package).parent / "_kernels"
    assert digest == kernels_hash(root / "kernels")


def test_installed_wheel_trains(environment, tmp_path):
    out = tmp_path / "run"
    environment.run("-m", "gpugrad", "train", "digits", "--epochs", "1", "--out", str(out), cwd=tmp_path)
    files = {path.name for path in out.rglob("*") if path.is_file()}
    assert "metrics.jsonl" in files
    assert any(name.endswith(".safetensors") for name in files)


def test_installed_command(environment, tmp_path):
    command = Path(environment.python).with_name("gpugrad")
    assert "train" in environment._run([str(command), "--help"], cwd=tmp_path).stdout
