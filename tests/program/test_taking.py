"""Iterators, queues and files: what would be taken from them once is refused, and not repeated silently."""

import array
import contextvars
import io
import itertools
import queue
import threading

import numpy as np
import pytest

from gpugrad import data
from gpugrad.errors import TraceError
from gpugrad.program import compile

X = np.array([1.0, -2.0, 3.0])
LINES = "1.0\n2.0\n3.0\n"


def from_iterator(x, source):
    return x * next(source)


def from_queue(x, source):
    return x * source.get()


def from_file(x, source):
    return x * float(source.readline())


def from_end(x, source):
    return x * source.pop()


def filled(kind):
    made = kind()
    for value in (1.0, 2.0, 3.0):
        made.put(value)
    return made


def in_file(tmp_path):
    path = tmp_path / "values"
    path.write_text(LINES)
    return path.open()


SOURCES = {
    "iterator of a list": (from_iterator, lambda _: iter([1.0, 2.0, 3.0]), "takes from the iterator"),
    "generator": (from_iterator, lambda _: (value for value in (1.0, 2.0, 3.0)), "takes from the iterator"),
    "count": (from_iterator, lambda _: itertools.count(1), "takes from the iterator"),
    "zip": (lambda x, s: x * next(s)[0], lambda _: zip([1.0, 2.0], "ab", strict=True), "takes from the iterator"),
    "iterator of a Loader": (
        lambda x, s: x * next(s)[0].sum(),
        lambda _: iter(data.Loader(np.arange(6.0), batch_size=2)),
        "takes from the iterator",
    ),
    "queue": (from_queue, lambda _: filled(queue.Queue), "takes from the queue"),
    "simple queue": (from_queue, lambda _: filled(queue.SimpleQueue), "takes from the queue"),
    "file": (from_file, in_file, "takes from the file"),
    "text in memory": (from_file, lambda _: io.StringIO(LINES), "takes from the file"),
    "bytearray": (from_end, lambda _: bytearray(b"\1\2\3"), "writes into the bytearray"),
    "array of Python's": (from_end, lambda _: array.array("d", [1.0, 2.0, 3.0]), "writes into the array"),
}


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("held", ["closure", "argument", "attribute", "list", "method"])
def test_what_is_taken_away(name, held, tmp_path):
    """Each call would get the first element; after the refusal it is still there."""
    take, make, message = SOURCES[name]
    source, untouched = make(tmp_path), make(tmp_path)

    class Holder:
        def __init__(self):
            self.source = source

        def taken(self, x):
            return take(x, self.source)

    holder, several = Holder(), [source]
    f, args = {
        "closure": (lambda x: take(x, source), ()),
        "argument": (take, (source,)),
        "attribute": (lambda x: take(x, holder.source), ()),
        "list": (lambda x: take(x, several[0]), ()),
        "method": (holder.taken, ()),
    }[held]
    with pytest.raises(TraceError, match=f"{message}.*outside the compiled function"):
        compile(f)(X, *args)
    np.testing.assert_array_equal(take(X, source), take(X, untouched))
    for opened in (source, untouched):
        getattr(opened, "close", int)()


def test_the_line_that_takes_is_named():
    batches = iter([1.0, 2.0])

    def f(x):
        y = x + 1
        return y * next(batches)

    with pytest.raises(TraceError, match=r"`batches`, at .*test_taking\.py:\d+: `return y \* next\(batches\)`"):
        compile(f)(X)


def test_an_iterator_that_runs_on_when_the_function_falls_back():
    batches = iter([1.0, 2.0, 3.0])
    f = compile(lambda x: x * next(batches), fallback=True)
    with pytest.warns(RuntimeWarning, match="takes from the iterator `batches`"):
        np.testing.assert_array_equal(f(X), X)
    np.testing.assert_array_equal(f(X), 2 * X)


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_loop_over_a_loader(shuffle):
    """The order of the first epoch would be that of every one."""
    loader = data.Loader(np.arange(6.0), batch_size=2, shuffle=shuffle)

    def f(x):
        for i, (batch,) in enumerate(loader):
            x = x + i * batch.sum()
        return x

    with pytest.raises(TraceError, match=r"takes from the Loader `loader`, at .*`for i, \(batch,\) in enumerate"):
        compile(f)(X)
    assert (loader.epoch, loader.position) == (0, 0)
    np.testing.assert_array_equal(compile(lambda x: x / len(loader))(X), X / 3)


def test_a_bound_method_that_changes_a_list():
    values = [1.0, 2.0]
    take = values.pop
    with pytest.raises(TraceError, match="changes the list `take`"):
        compile(lambda x: x * take())(X)
    assert values == [1.0, 2.0]


def of_thread():
    local = threading.local()
    local.k = 2.0

    def set_(k):
        local.k = k

    return lambda: local.k, set_


def of_context():
    variable = contextvars.ContextVar("k")
    variable.set(2.0)
    return variable.get, variable.set


@pytest.mark.parametrize("make", [of_thread, of_context])
def test_a_variable_of_a_thread_or_context(make):
    get, set_ = make()
    f = compile(lambda x: x * get())
    np.testing.assert_array_equal(f(X), X * 2)
    np.testing.assert_array_equal(f(X), X * 2)
    assert f.n_traces == 1
    set_(3.0)
    np.testing.assert_array_equal(f(X), X * 3)

    def changed(x):
        set_(get() + 1)
        return x * get()

    with pytest.raises(TraceError, match=r"sets the (attribute|variable) `"):
        compile(changed)(X)
    assert get() == 3.0
