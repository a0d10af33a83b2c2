"""Files that are damaged, cut off, or of something else, for the tests of what is said of them."""

import gzip
import os
import struct

import numpy as np

from .conftest import QUICK, write_rows

ROWS = [f"{i % 7},{i * i % 11},{'red' if i % 3 else 'green'},1,{'a' if i % 2 else 'b'}" for i in range(40)]
TRAIN = ("train", "data.csv", "--target", "kind", *QUICK)


def rows(i, text):
    write_rows("data.csv", [*ROWS[:i], text, *ROWS[i:]])


def target(values):
    write_rows("data.csv", [row.rpartition(",")[0] + "," + value for row, value in zip(ROWS, values, strict=True)])


def truncated_gzip():
    with open("data.csv", "wb") as file:
        file.write(gzip.compress("\n".join(["a,kind", *["1,x", "2,y"] * 4000]).encode())[:-40])


def npz(**arrays):
    np.savez("data.npz", **arrays)


def truncated_npz():
    npz(X=np.ones((100, 3)), y=np.arange(100) % 2)
    content = open_bytes("data.npz")
    with open("data.npz", "wb") as file:
        file.write(content[:-500])


def open_bytes(path):
    with open(path, "rb") as file:
        return file.read()


def content(path, value):
    with open(path, "wb") as file:
        file.write(value)


def truncated_idx():
    content("train-images-idx3-ubyte", struct.pack(">IIII", 0x803, 10, 4, 4) + bytes(100))
    content("train-labels-idx1-ubyte", struct.pack(">II", 0x801, 10) + bytes(10))


def good():
    write_rows("data.csv", ROWS)


def a_file_where_the_folder_goes():
    good()
    content("taken", b"precious")


def a_run():
    """Saved once, and made anew by copying."""
    good()
    assert_done(*TRAIN, "--out", "run")


def a_run_of(name, damage):
    def make():
        a_run()
        value = bytearray(open_bytes(f"run/{name}"))
        content(f"run/{name}", damage(value))

    return make


def flipped(value):
    value[-9] ^= 4
    return value


def of_another_program():
    from safetensors.numpy import save_file

    os.mkdir("run")
    save_file({"w": np.zeros(2)}, "run/best.safetensors")


def with_new(text):
    def make():
        a_run()
        content("new.csv", text)

    return make


def assert_done(*arguments):
    from gpugrad.cli import main

    assert main(list(arguments)) == 0
