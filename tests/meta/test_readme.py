"""The pages tell the truth: their programs run, their names exist, their commands are there."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NOT_THERE = "What is not there yet"
SHORT = {"gg": "gpugrad", "nn": "gpugrad.nn", "optim": "gpugrad.optim", "data": "gpugrad.data"}
FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, *languages: str) -> list[tuple[str, str]]:
    """(language, code) of the fences whose info string is exactly that: "```python" runs, "```python no-run" not."""
    fences = FENCE.findall(page.read_text(encoding="utf-8"))
    return [(info.strip(), code) for info, code in fences if info.strip() in languages]


def run(language: str, code: str, name: str, namespace: dict[str, object]) -> None:
    """Run one block in the namespace; a "pycon" block is a session, and must print what the page says it prints."""
    if language == "python":
        exec(compile(code, name, "exec"), namespace)
        return
    session = doctest.DocTestParser().get_doctest(code, namespace, name, None, None)
    session.globs = namespace  # not a copy: the next block goes on with it
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    report: list[str] = []
    result = runner.run(session, out=report.append, clear_globs=False)
    assert result.attempted and not result.failed, "".join(report)


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
    """The python and pycon blocks of one page run in order, in one namespace, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__page__"}
    for number, (language, code) in enumerate(blocks(page, "python", "pycon"), start=1):
        run(language, code, f"{page.name}, {language} block {number}", namespace)


@pytest.mark.parametrize("code", [">>> 1 + 1\n3\n", ">>> 1 / 0\n", "1 + 1\n"])
def test_a_session_that_prints_something_else_fails(code):
    with pytest.raises(AssertionError):
        run("pycon", code, "session", {})


def test_readme_has_a_program():
    assert blocks(ROOT / "README.md", "python")


def test_the_calculus_page_shows_every_rule_and_a_test_bears_its_name():
    text = (ROOT / "docs" / "calculus.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (C\d+)\. .+$", text, flags=re.MULTILINE)[1:]
    rows = dict(zip(parts[::2], parts[1::2], strict=True))
    assert list(rows) == [f"C{i}" for i in range(1, 23)] and len(parts) == 2 * len(rows)
    missing = {row for row, section in rows.items() if "not there yet" in section}
    assert missing == (set() if hasattr(importlib.import_module("gpugrad"), "compile") else {"C17"})
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "calculus").glob("test_*.py"))
    for row in rows.keys() - missing:
        assert re.search(r"^> .+", rows[row], re.MULTILINE), f"{row} has no formula"
        assert re.search(r"^Sources?: .+", rows[row], re.MULTILINE), f"{row} has no source"
        assert "```pycon\n>>> " in rows[row], f"{row} has no code"
        assert f"def test_{row.lower()}_" in tests, f"no test in tests/calculus is named after {row}"


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
