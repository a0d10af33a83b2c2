"""The pages tell the truth: their programs run, their names exist, their commands are there."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NOT_THERE = "What is not there yet"
SHORT = {"gg": "gpugrad", "nn": "gpugrad.nn", "optim": "gpugrad.optim", "data": "gpugrad.data"}
FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks whose info string is exactly `language`: "```python" runs, "```python no-run" does not."""
    return [code for info, code in FENCE.findall(page.read_text(encoding="utf-8")) if info.strip() == language]


def promises(page: Path) -> str:
    """The text of a page without fenced blocks and without the section on what is not there."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return re.sub(rf"^## {NOT_THERE}$.*?(?=^## |\Z)", "", text, flags=re.MULTILINE | re.DOTALL)


def resolve(dotted: str) -> object:
    """The object a dotted name stands for: gg.grad, nn.MLP, gpugrad.numpy.sin."""
    first, *rest = dotted.split(".")
    name = SHORT.get(first, first)
    value: object = importlib.import_module(name)
    for part in rest:
        name = f"{name}.{part}"
        value = getattr(value, part) if hasattr(value, part) else importlib.import_module(name)
    return value


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_programs_run(page, tmp_path, monkeypatch):
    """The python blocks of one page run in order, in one namespace, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__page__"}
    for number, code in enumerate(blocks(page, "python"), start=1):
        exec(compile(code, f"{page.name}, python block {number}", "exec"), namespace)


def test_readme_has_a_program():
    assert blocks(ROOT / "README.md", "python")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_names_exist(page):
    """Every `gg.x`, `nn.x`, `optim.x`, `data.x` and `gpugrad.x` in inline code, but in what is not there yet."""
    names = re.findall(r"`((?:gg|nn|optim|data|gpugrad)(?:\.[A-Za-z_]\w*)+)", promises(page))
    for name in names:
        resolve(name)
    if page.name == "README.md":
        assert len(names) > 10


def test_the_test_command_stands_between_its_markers():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"<!-- test-command -->\n```bash\n(.+?)\n```\n<!-- /test-command -->", text, re.DOTALL)
    assert block.strip()
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "test-command" in script and "README.md" in script


def test_make_targets_and_pictures_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in [*PAGES, ROOT / "CONTRIBUTING.md"]:
        text = page.read_text(encoding="utf-8")
        assert set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)) <= targets
        for picture in re.findall(r"!\[[^]]*\]\(([^)]+)\)", text):
            assert (page.parent / picture).is_file(), f"{page.name} shows {picture}, which is not there"


def test_dockerfile_runs_the_readme_s_commands():
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    steps = set(re.findall(r"make [a-z-]+", dockerfile.replace('", "', " ")))
    assert steps and all(re.search(rf"\b{step}\b", readme) for step in steps)
