"""DeviceLane, DeviceEvent and pinned memory on a CuPy that is made up: what is asked of CUDA, in which order."""

import contextlib
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from gpugrad.backend import cupy as backend
from gpugrad.cuda.device_runtime import DeviceRuntime
from gpugrad.errors import DeviceError
from tests.cuda.test_device_runtime import FakeCuPy


class Stream:
    def __init__(self, cuda, name):
        self._cuda, self.ptr, self._name = cuda, id(self), name

    def __enter__(self):
        self._cuda.streams.append(self)

    def __exit__(self, *error):
        self._cuda.streams.pop()

    def record(self):
        return f"end of {self._name}"

    def wait_event(self, event):
        self._cuda.log.append(f"{self._name} waits for {event}")

    def begin_capture(self):
        self._cuda.log.append(f"begin on {self._name}")

    def end_capture(self):
        self._cuda.log.append(f"end on {self._name}")
        return Graph(self._cuda.log)


class Graph:
    def __init__(self, log):
        self.upload = lambda: log.append("upload")
        self.launch = lambda: log.append("launch")


class Pool:
    def __init__(self, allocator):
        self.malloc, self.total_bytes = allocator, lambda: 512


class Event:
    def __init__(self, disable_timing):
        assert disable_timing
        self.recorded = None

    def record(self, stream):
        self.recorded = stream

    def synchronize(self):
        return None


class Memory:
    def __init__(self, n_bytes):
        self.size = n_bytes


class Cuda:
    """`cupy.cuda`, with the default stream "user"."""

    MemoryPool, Memory, MemoryPointer, Event = Pool, Memory, (lambda self, memory, at: (memory, at)), Event

    def __init__(self, runtime):
        self.runtime, self.log, self.allocators, self._n = runtime, [], [], iter(("private", "copies"))
        self.streams = [Stream(self, "user")]

    def Stream(self, non_blocking):
        assert non_blocking
        return Stream(self, next(self._n))

    def get_current_stream(self):
        return self.streams[-1]

    @contextlib.contextmanager
    def using_allocator(self, allocator):
        self.allocators.append(allocator)
        yield
        self.allocators.pop()

    def set_pinned_memory_allocator(self, allocator):
        self.alloc_pinned_memory = allocator

    PinnedMemory, PinnedMemoryPointer = bytearray, staticmethod(lambda memory, at: memory[at:])


def pooled(n_bytes):
    return f"{n_bytes} of the pool"


@pytest.fixture
def cuda():
    fake = FakeCuPy()
    fake.cuda = Cuda(fake.cuda.runtime)
    fake.get_default_pinned_memory_pool = lambda: SimpleNamespace(malloc=pooled)
    fake.cuda.runtime.deviceSynchronize = lambda: fake.cuda.log.append("device waits")
    with backend.use(fake):
        yield fake.cuda


def test_a_capture_is_between_begin_and_end_on_the_private_stream_with_the_pools_memory(cuda):
    lane = DeviceRuntime().lane()

    def work():
        assert cuda.get_current_stream()._name == "private"
        (memory, at), cuda.log[:] = cuda.allocators[-1](256), [*cuda.log, "work"]
        assert (memory.size, at) == (256, 0) and lane._chunks == [(memory, 0)]  # stays, whatever the pool does
        return "outputs"

    graph, outputs = lane.capture(work)
    assert (outputs, cuda.log) == ("outputs", ["begin on private", "work", "end on private", "upload"])
    graph.launch()
    assert len(cuda.streams) == 1 and not cuda.allocators


def test_a_capture_that_fails_ends_too(cuda):
    with pytest.raises(ZeroDivisionError):
        DeviceRuntime().lane().capture(lambda: 1 / 0)
    assert cuda.log == ["begin on private", "end on private"] and len(cuda.streams) == 1


def test_work_aside_is_ordered_with_the_current_stream_and_replays_with_the_one_before(cuda):
    lane = DeviceRuntime().lane()
    with lane.aside():
        assert cuda.get_current_stream()._name == "private" and cuda.allocators
    before, after = (
        ["user waits for end of private", "private waits for end of user"],
        ["user waits for end of private"],
    )
    assert cuda.log == before + after
    lane.follow()
    assert cuda.log == before + after  # the same stream as before
    with Stream(cuda, "other"):
        lane.follow()
    assert cuda.log[-1] == "other waits for end of user"


def test_work_aside_that_fails_is_waited_for_too(cuda):
    with pytest.raises(ZeroDivisionError), DeviceRuntime().lane().aside():
        raise ZeroDivisionError
    assert cuda.log[-1] == "user waits for end of private" and len(cuda.streams) == 1


def test_a_copy_from_the_host_is_refused_in_a_capture_and_in_this_thread_alone(cuda):
    lane, found = DeviceRuntime().lane(), []

    def work():
        other = threading.Thread(target=lambda: found.append(cuda.alloc_pinned_memory(8)))
        other.start()
        other.join()
        cuda.alloc_pinned_memory(8)

    with pytest.raises(DeviceError, match="an array is copied from the host"):
        lane.capture(work)
    assert found == ["8 of the pool"] and cuda.alloc_pinned_memory is pooled
    assert cuda.log == ["begin on private", "end on private"]


def test_a_program_of_another_device_than_the_current_one_says_so(cuda):
    lane = DeviceRuntime().lane()
    cuda.runtime.getDevice = lambda: 1
    with pytest.raises(DeviceError, match=r"for cuda:0 is called where cuda:1 .*Device\(0\)"):
        lane.follow()


def test_a_threads_own_default_stream_is_not_taken_for_that_of_another_thread(cuda):
    lane, stream = DeviceRuntime().lane(), Stream(cuda, "of a thread")
    stream.ptr = 2
    with stream:
        lane.follow()
        lane.follow()
        assert cuda.log == ["of a thread waits for end of private"]
        other = threading.Thread(target=lane.follow)
        other.start()
        other.join()
        assert cuda.log[1:] == ["device waits"]
        lane.follow()
    assert cuda.log[2:] == ["device waits"]


def test_a_device_has_one_lane_while_a_program_uses_it_and_one_pair_of_streams_for_ever(cuda):
    runtime = DeviceRuntime()
    first = runtime.lane()
    assert runtime.lane() is first
    stream = first._stream
    del first
    assert runtime.lane()._stream is stream


def test_events_are_recorded_and_waited_for_on_the_current_stream(cuda):
    runtime = DeviceRuntime()
    event = runtime.event()
    with runtime.lane().copying():
        event.record()
        assert event._event.recorded._name == "copies"
    event.wait()
    event.synchronize()
    assert cuda.log == [f"user waits for {event._event}"]


def test_pinned_memory_is_an_array_of_numpy(cuda):
    array = DeviceRuntime().pinned((2, 3), np.float32)
    array[...] = 1
    assert (array.shape, array.dtype) == ((2, 3), np.float32)
    assert DeviceRuntime().pinned((0,), np.float32).size == 0
