"""bench/files.py: what cannot be written is said in one line before anything is measured, and no file is ever half."""

import json
import os
import stat

import pytest

from bench import __main__ as program
from bench import command, files
from bench.gpu import __main__ as on_card
from bench.gpu import results
from bench.suites.row import BenchError, Run

WORDS = ["--suite", "tiny", "--only", "overhead", "--peers", "none"]
EMPTY = Run("cpu", {}, {}, {}, "c", "k", "2026-01-01")


@pytest.fixture
def nothing_is_measured(monkeypatch):
    """Whatever would be measured fails the test."""
    monkeypatch.setattr(program, "pin", lambda threads: None)
    monkeypatch.setattr(command.running, "complete", lambda *given: pytest.fail("it was measured"))


def refused(words, capsys):
    """The one line that is said."""
    assert program.main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def bad_places(folder):
    """{path: why it is refused}, each of another kind."""
    (folder / "file").write_text("kept")
    os.mkfifo(folder / "pipe")
    (folder / "round").symlink_to("round")
    return {
        folder: "is a folder; name a file in it",
        folder / "pipe": "is no regular file",
        folder / "file" / "run.json": "cannot be written (",
        folder / "new" / ("n" * 300) / "run.json": "cannot be written (File name too long)",
        folder / "round": "cannot be written (",
    }


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_out_is_refused_before_anything_is_measured(tmp_path, capsys, nothing_is_measured):
    for path, why in bad_places(tmp_path).items():
        line = refused([*WORDS, "--out", str(path)], capsys)
        assert line.startswith(f"error: --out: {path} ") and why in line
    assert {p.name for p in tmp_path.iterdir()} == {"file", "pipe", "round"}
    assert (tmp_path / "file").read_text() == "kept"


def test_into_is_refused_before_anything_is_measured(tmp_path, capsys, nothing_is_measured, monkeypatch):
    assert refused([*WORDS, "--into", str(tmp_path)], capsys).startswith(f"error: --into: {tmp_path} is a folder")
    kept = tmp_path / "kept.json"
    EMPTY.save(kept)
    monkeypatch.setattr(files.os, "access", lambda path, mode: False)
    assert "kept.json cannot be written (it is read-only)" in refused([*WORDS, "--into", str(kept)], capsys)
    assert list(tmp_path.iterdir()) == [kept]


def test_page_is_refused_before_anything_is_drawn(tmp_path, capsys):
    run, file = tmp_path / "run.json", tmp_path / "file"
    EMPTY.save(run)
    file.write_text("kept")
    words = ["--report", str(run), "--page"]
    assert refused([*words, str(file)], capsys) == f"error: --page: {file} is a file; name a folder"
    assert "cannot be written (" in refused([*words, str(file / "page")], capsys)
    assert file.read_text() == "kept" and {p.name for p in tmp_path.iterdir()} == {"run.json", "file"}


@pytest.mark.parametrize("words", [["--page", "there"], ["--readme"]])
def test_what_nothing_is_measured_for_wants_the_report(words, capsys, nothing_is_measured):
    assert refused([*WORDS, *words], capsys) == f"error: {words[0]}: nothing is measured for it; give --report as well"


def test_the_gpu_suite_refuses_too(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(results, "beginning", lambda: {"gpu": "some card"})
    monkeypatch.setattr(on_card, "run", None)
    assert on_card.main(["--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"error: --out: {tmp_path} is a folder; name a file in it\n"


def test_a_check_leaves_nothing_and_takes_what_can_be_made(tmp_path):
    files.check_file(tmp_path / "a" / "b" / "run.json", "--out")
    files.check_folder(tmp_path / "a" / "b", "--page")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_leaves_the_old_file_and_the_means_are_said(tmp_path, capsys, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    out = tmp_path / "run.json"
    out.write_text("old")
    monkeypatch.setattr(program, "pin", lambda threads: None)
    monkeypatch.setattr(command.running, "complete", lambda *given: EMPTY)
    monkeypatch.setattr(command, "summary", lambda found: print("the means"))
    monkeypatch.setattr("gpugrad.train.files.os.fsync", full)
    assert program.main([*WORDS, "--out", str(out)]) == 2
    said = capsys.readouterr()
    assert said.err == f"error: {out} cannot be written (No space left on device); free it, or name another place\n"
    assert said.out.endswith("the means\n") and out.read_text() == "old" and list(tmp_path.iterdir()) == [out]


def test_a_file_is_whole_before_it_has_its_name(tmp_path, monkeypatch):
    seen, out = [], tmp_path / "deep" / "run.json"
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: seen.append((a.read_text(), b.exists())) or replace(a, b))
    EMPTY.save(out)
    ((text, there),) = seen
    assert json.loads(text)["format"] == "gpugrad-bench-1" and not there and out.read_text() == text
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.skipif(os.name != "posix", reason="modes and links of POSIX")
def test_a_link_stays_and_so_does_the_mode(tmp_path):
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("old")
    file.chmod(0o600)
    link.symlink_to(file)
    files.write(link, b"new")
    assert link.is_symlink() and file.read_bytes() == b"new" and stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_cannot_be_written_is_a_bench_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match="cannot be written"):
        files.write(tmp_path / "file" / "run.json", b"")
