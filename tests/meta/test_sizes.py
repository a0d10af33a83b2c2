"""Small files, a small wheel, and a docstring on every public name."""

import inspect

import gpugrad

MAX_LINES = 300
MAX_WHEEL_BYTES = 2_000_000


def test_no_file_is_too_long(root):
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in (root / "gpugrad").rglob("*.py")}
    assert {str(path): n for path, n in lines.items() if n > MAX_LINES} == {}


def test_wheel_is_small(distributions):
    assert distributions["wheel"].stat().st_size <= MAX_WHEEL_BYTES


def test_public_names_exist_and_have_docstrings():
    assert len(set(gpugrad.__all__)) == len(gpugrad.__all__)
    public = {name: getattr(gpugrad, name) for name in gpugrad.__all__}
    speaking = {name: value for name, value in public.items() if callable(value) or inspect.ismodule(value)}
    assert [name for name, value in speaking.items() if not (inspect.getdoc(value) or "").strip()] == []
