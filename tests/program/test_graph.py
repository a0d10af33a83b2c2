"""What the executor "graph" decides before anything is launched: order, lifetimes, memory that is shared, homes."""

import contextlib
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from gpugrad.program.elementary import Elementary
from gpugrad.program.graph.homes import Preferring, homes
from gpugrad.program.graph.memory import bounds, overlap, same
from gpugrad.program.graph.order import last_readings, updates_last
from gpugrad.program.graph.refusals import on_device, refusal
from gpugrad.program.graph.staging import Staged
from gpugrad.program.ir import Assign, Call, Program, Value

SOME = np.zeros(4, "f4")


def value(kind="temp", array=None):
    return Value(SOME if array is None else array, kind, array)


def call(name, *inputs):
    return Call(Elementary(name, "pointwise"), inputs, (value(),))


def test_updates_come_after_all_that_does_not_need_them():
    x, w = value("input"), value("state", SOME.copy())
    g = call("gradient", x, w)
    update = call("update", w, *g.outputs)
    of_new, of_old = call("of_new", *update.outputs), call("of_old", w)
    program = Program([x], [g, update, of_new, of_old], [Assign(w, update.outputs[0])], list(of_old.outputs))
    before, after = updates_last(program)
    assert [c.primitive.name for c in before] == ["gradient", "of_old"]
    assert [c.primitive.name for c in after] == ["update", "of_new"]


def test_a_value_is_let_go_after_its_last_reading_and_at_once_where_nobody_reads_it():
    x = value("input")
    a = call("a", x)
    unread, b = call("unread", *a.outputs), call("b", *a.outputs)
    c = call("c", *b.outputs, x)
    gone = last_readings([a, unread, b, c], set(c.outputs))
    assert gone == [[], list(unread.outputs), list(a.outputs), list(b.outputs)]


def test_memory_that_is_shared():
    a = np.arange(12.0).reshape(3, 4)
    assert bounds(a) == (a.ctypes.data, a.ctypes.data + 96)
    assert bounds(a[::-1, ::-1]) == bounds(a) and bounds(a[:0]) == (0, 0)
    assert (
        overlap(a[0], a)
        and overlap(a[1:], a[:2])
        and not overlap(a[0], a[1:])
        and not overlap(a[:0], a)
        and not overlap(2.0, a)
    )
    assert same(a, a[:]) and not same(a, a[::-1]) and not same(a, a.reshape(4, 3)) and not same(a, a.view("i8"))


def test_outputs_are_computed_at_home_where_the_program_does_not_read_there():
    x, room = value("input"), np.zeros(8, "f4")
    read = value("state", room[:4])
    a, b, c = call("a", x, read), call("b", x), call("c", x)
    targets = [value("state", array) for array in (room[:4], room[4:], np.zeros(5, "f4")[1:])]
    program = Program([x], [a, b, c], [Assign(t, k.outputs[0]) for t, k in zip(targets, (a, b, c), strict=True)], [])
    found = homes(program, [a, b, c])
    assert list(found) == [1] and found[1][0] is targets[1].array


def test_an_array_of_numpys_is_copied_when_its_place_is_free_and_used_when_it_is_there():
    log = []

    class Event:
        def __getattr__(self, name):
            return lambda: log.append((name, events.index(self)))

    @contextlib.contextmanager
    def copying():
        log.append("on the second stream")
        yield
        log.append("back")

    events = [Event() for _ in range(4)]  # of two places: sent, taken
    now = SimpleNamespace(
        event=iter(events).__next__,
        pinned=np.empty,
        empty=np.empty,
        send=lambda target, source: log.append("send"),
        copy=lambda target, source: log.append("copy"),
    )
    staged = Staged(now, SimpleNamespace(copying=copying), SOME)
    assert log == [("record", 1), ("record", 3)]
    for sent, taken in ((0, 1), (2, 3), (0, 1)):
        log.clear()
        staged.bring(SOME)
        aside = ["on the second stream", ("wait", taken), "send", ("record", sent), "back"]
        assert log == [("synchronize", sent), *aside, ("wait", sent), "copy", ("record", taken)]


def test_a_home_is_given_once_and_to_its_own_thread():
    home, given = np.zeros((2, 3), "f4"), []
    now = SimpleNamespace(empty=lambda shape, dtype: np.empty(shape, dtype), limits=lambda: "limits")
    preferring = Preferring(now, [home])
    other = threading.Thread(target=lambda: given.append(preferring.empty((2, 3), "f4")))
    other.start()
    other.join()
    assert given[0] is not home and preferring.empty((3, 2), "f4") is not home
    assert preferring.empty((2, 3), np.float64) is not home
    assert preferring.empty((2, 3), np.float32) is home and preferring.empty((2, 3), "f4") is not home
    assert preferring.limits() == "limits"


@pytest.mark.parametrize("name, known", [("sort", "sort waits for the device"), ("tanh", None)])
def test_what_is_known_to_be_refused(name, known):
    x = value("input")
    assert refusal(Program([x], [call(name, x)], [], [])) == known


def test_what_is_computed_of_a_devices_values_lies_there():
    here, there = value("input"), value("input")
    there.on_host = False
    a, b, c = call("a", here), call("b", there), call("c", here, there)
    moved = call("to_device", *a.outputs)
    found = on_device(Program([here, there], [a, b, c, moved], [], []))
    assert found == {there, *b.outputs, *c.outputs, *moved.outputs}
