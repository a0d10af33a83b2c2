import gzip

import pytest

from gpugrad.data.files import current_folder, listing, opened, require
from gpugrad.errors import DataError, MissingDependencyError, StorageError


@pytest.mark.parametrize("name", ["plain.bin", "misnamed.gz"])
def test_opened_goes_by_the_content_not_the_name(write, name):
    path = write(name, b"abc")
    with opened(path) as file:
        assert file.read() == b"abc"
    path.write_bytes(gzip.compress(b"abc"))
    with opened(path) as file:
        assert file.read() == b"abc"


def test_opened_reads_an_empty_file(write):
    with opened(write("empty", b"")) as file:
        assert file.read() == b""


def test_a_missing_file_is_named_with_the_current_folder(tmp_path, refused):
    with refused(StorageError, "nothing.csv", "no such file", current_folder()), opened(tmp_path / "nothing.csv"):
        pass


def test_a_folder_is_no_file(tmp_path, refused):
    with refused(StorageError, str(tmp_path), "is a folder"), opened(tmp_path):
        pass


@pytest.mark.parametrize("damage", [lambda z: z[:-12], lambda z: z[:20] + b"\xff\xff\xff" + z[23:]])
def test_damaged_gzip_is_refused(write, refused, damage):
    path = write("a.gz", damage(gzip.compress(bytes(range(256)) * 9)))
    with refused(DataError, "a.gz", "damaged gzip", "copy it again"), opened(path) as file:
        file.read()


def test_an_unreadable_file_says_permissions(write, refused, monkeypatch):
    path = write("secret.csv", "a\n1\n")

    def denied(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", denied)  # chmod does not stop root, which runs these tests in containers
    with refused(StorageError, "secret.csv", "Permission denied", "check its permissions"), opened(path):
        pass


def test_errors_of_the_body_pass_unchanged(write):
    with pytest.raises(StorageError, match="mine"), opened(write("a", "a")):
        raise StorageError("mine")


def test_require_names_the_command(refused):
    assert require("math", "no need").pi > 3
    with refused(MissingDependencyError, "no_such_package_gpugrad is not installed", "run: pip install it"):
        require("no_such_package_gpugrad.part", "pip install it")


def test_listing_is_complete_up_to_its_limit():
    assert listing(["a", "b"], 2) == "'a', 'b'"
    assert listing(["a", "b", "c", "d"], 2) == "'a', 'b' and 2 more"
