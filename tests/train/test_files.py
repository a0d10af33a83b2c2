"""What stands where a file is written: a link, a file with rights of its own, a pipe, a device, a folder."""

import errno
import os
import stat
import threading

import pytest

from gpugrad.errors import StorageError
from gpugrad.train.files import not_written, write_atomically

as_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may")


def test_a_link_stays_and_its_target_is_written(tmp_path):
    (tmp_path / "far").mkdir()
    target, link = tmp_path / "far" / "real.csv", tmp_path / "link.csv"
    link.symlink_to(target)
    for content in (b"new", b"newer"):  # first where the target is not there yet
        write_atomically(link, content)
        assert link.is_symlink() and target.read_bytes() == content
    assert [path.name for path in (tmp_path / "far").iterdir()] == ["real.csv"]


def test_a_link_that_leads_nowhere_else_is_refused(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(StorageError, match="loop: cannot be written"):
        write_atomically(tmp_path / "loop", b"")
    assert (tmp_path / "loop").is_symlink()


def test_a_file_keeps_its_mode_from_the_first_byte(tmp_path, monkeypatch):
    path, seen, real = tmp_path / "file", [], os.fsync
    path.write_bytes(b"old")
    path.chmod(0o600)

    def look(handle):
        seen.append(os.fstat(handle).st_mode)
        real(handle)

    monkeypatch.setattr(os, "fsync", look)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert [stat.S_IMODE(mode) for mode in (path.stat().st_mode, seen[0])] == [0o600, 0o600]


@as_root
def test_a_file_keeps_its_owner(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    os.chown(path, 12345, 12346)
    write_atomically(path, b"new")
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346)


def test_the_reader_of_a_pipe_gets_the_content(tmp_path):
    path, got = tmp_path / "pipe", []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: got.append(path.read_bytes()), daemon=True)
    reader.start()
    write_atomically(path, b"x" * 200_000)  # more than a pipe holds
    reader.join(10)
    assert got == [b"x" * 200_000] and path.is_fifo()


@as_root
def test_a_device_is_written_into(tmp_path):
    """Nodes made for the test, like /dev/null and /dev/full."""
    null, full = tmp_path / "null", tmp_path / "full"
    try:
        for number, path in ((3, null), (7, full)):
            os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, number))
        null.write_bytes(b"")
    except OSError:
        pytest.skip("no device can be made or opened here")
    write_atomically(null, b"content")
    with pytest.raises(StorageError, match=r"full: cannot be written \(No space left on device\); free some space"):
        write_atomically(full, b"content")
    assert null.is_char_device() and full.is_char_device()


@pytest.mark.parametrize("name", [".", "..", "/", ""])
def test_a_folder_is_no_file(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StorageError, match=r"cannot be written .*; name a file in a folder"):
        write_atomically(name, b"")
    assert list(tmp_path.iterdir()) == []


def test_space_is_asked_for_only_where_there_is_none(tmp_path):
    with pytest.raises(StorageError, match=r"\(No such file or directory\); name a file in a folder that is there"):
        write_atomically(tmp_path / "no" / "file", b"")
    assert "free some space" in str(not_written(tmp_path, OSError(errno.ENOSPC, "full")))
