"""Numbers that Python computes, on their way to the device."""

import numpy as np
import pytest

from gpugrad.cuda.sent import BLOCK_BYTES, N_PLACES, Sent


@pytest.mark.host_only
def test_what_is_written_arrives_by_one_copy_for_all(host, monkeypatch):
    copies = []
    monkeypatch.setattr(
        host, "send", lambda target, source: (copies.append(source), type(host).send(host, target, source))
    )
    sent = Sent()
    rooms = [sent.room(n, dtype) for n, dtype in ((3, "float32"), (2, "float64"), (1, "uint64"))]
    for turn in range(2 * N_PLACES):
        for place, _ in rooms:
            place[...] = turn + np.arange(place.size)
        sent.send()
        for place, array in rooms:
            assert array.dtype == place.dtype
            np.testing.assert_array_equal(host.numpy(array), place)
    assert len(copies) == 2 * N_PLACES and len({c.ctypes.data for c in copies}) == N_PLACES
    assert {c.nbytes for c in copies} == {16 + 16 + 8}


def test_more_than_a_block_holds_gets_another(host):
    sent = Sent()
    rooms = [sent.room(300, "float64") for _ in range(3)]
    large = sent.room(BLOCK_BYTES, "float64")
    for i, (place, _) in enumerate([*rooms, large]):
        place[...] = i
    sent.send()
    assert [float(host.numpy(array).mean()) for _, array in [*rooms, large]] == [0, 1, 2, 3]


@pytest.mark.host_only
def test_a_place_is_written_again_once_its_copy_is_done_and_after_the_run_before(host, monkeypatch):
    log, names = [], iter(range(N_PLACES))

    class Event:
        def __init__(self):
            self.name = next(names)

        def __getattr__(self, name):
            return lambda: log.append((name, self.name))

    monkeypatch.setattr(host, "event", Event)
    monkeypatch.setattr(host, "send", lambda target, source: log.append("send"))
    monkeypatch.setattr(type(host.lane()), "follow", lambda lane: log.append("follow"))
    sent = Sent()
    sent.room(1, "float32")
    for i in range(N_PLACES + 1):
        log.clear()
        sent.send()
        place = i % N_PLACES
        assert log == ["follow", ("synchronize", place), "send", ("record", place)]
