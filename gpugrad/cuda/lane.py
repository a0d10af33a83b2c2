"""A stream and a memory pool of our own on a device, where programs are captured into CUDA graphs.

Every graph of a device takes its memory from one pool: as replays follow one another, what one graph uses between its
begin and its end may be used by the next.  Nothing that must outlive a run lies in the pool.
"""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

from ..errors import DeviceError

_PER_THREAD = 2  # the address of CUDA's default stream of each thread, another one in each


class DeviceLane:
    """The lane of the CUDA device that is current when it is made; it lives as long as a program that uses it.

    stream: where programs are captured; copies: for copies from the host.  Neither waits for the default stream.
    """

    def __init__(self, cupy: Any, stream: Any, copies: Any) -> None:
        self._cupy, self.lock = cupy, threading.RLock()
        self._chunks: list[Any] = []
        self._pool = cupy.cuda.MemoryPool(functools.partial(_kept_chunk, cupy, self._chunks))
        self._stream, self._copies, self._latest = stream, copies, stream
        self._device, self._thread = cupy.cuda.runtime.getDevice(), threading.get_ident()

    def follow(self) -> None:
        """Let the current stream wait for the one that used the lane's memory before.

        Raises DeviceError where another device is current.
        """
        cuda, thread = self._cupy.cuda, threading.get_ident()
        if (device := cuda.runtime.getDevice()) != self._device:
            raise DeviceError(
                f"compile: a program for cuda:{self._device} is called where cuda:{device} is the current device; call "
                f"it within `with cupy.cuda.Device({self._device}):`"
            )
        stream = cuda.get_current_stream()
        with self.lock:
            if self._latest.ptr == _PER_THREAD and thread != self._thread:
                cuda.runtime.deviceSynchronize()  # that stream has no name in this thread
            elif stream.ptr != self._latest.ptr:
                stream.wait_event(self._latest.record())
            self._latest, self._thread = stream, thread

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Work on the lane's stream, with memory of its pool, between what the current stream does before and after.

        What is allocated within belongs to this run.
        """
        self.follow()
        outside = self._cupy.cuda.get_current_stream()
        self._stream.wait_event(outside.record())
        try:
            with self._own():
                yield
        finally:
            outside.wait_event(self._stream.record())

    @contextlib.contextmanager
    def copying(self) -> Iterator[None]:
        """Work on a second stream, for copies from the host that overlap a replay; events say what waits for what."""
        with self._copies:
            yield

    def capture(self, work: Callable[[], Any]) -> tuple[Any, Any]:
        """What `work` launches, as a graph with a method `launch`, and what it gives: arrays that each launch fills.

        Raises what CUDA, CuPy or `work` raises where something in it cannot be captured.
        """
        with self._own(), _no_copies_from_host(self._cupy):
            self._stream.begin_capture()
            try:
                outputs = work()
            except BaseException:
                with contextlib.suppress(Exception):  # the capture is of no use; the stream can be used again
                    self._stream.end_capture()
                raise
            graph = self._stream.end_capture()
            graph.upload()
        return graph, outputs

    def pool_bytes(self) -> int:
        """Bytes that the pool has taken from the device."""
        return int(self._pool.total_bytes())

    @contextlib.contextmanager
    def _own(self) -> Iterator[None]:
        with self._stream, self._cupy.cuda.using_allocator(self._pool.malloc):
            yield


def _kept_chunk(cupy: Any, chunks: list[Any], n_bytes: int) -> Any:
    """Memory that the pool cannot give back while the lane lives: graphs have its addresses in them."""
    chunks.append(cupy.cuda.MemoryPointer(cupy.cuda.Memory(n_bytes), 0))
    return chunks[-1]


@contextlib.contextmanager
def _no_copies_from_host(cupy: Any) -> Iterator[None]:
    """Raise where CuPy is about to copy an array from the host for this thread, before it allocates pinned memory.

    It would ask for the event of that copy, which invalidates a capture, and go on asking for ever, so that the pinned
    memory of no later copy would be free again.  After the block, such memory is of CuPy's own pool.
    """
    thread, malloc = threading.get_ident(), cupy.get_default_pinned_memory_pool().malloc

    def allocate(n_bytes: int) -> Any:
        if threading.get_ident() == thread:
            raise DeviceError("an array is copied from the host")
        return malloc(n_bytes)

    cupy.cuda.set_pinned_memory_allocator(allocate)
    try:
        yield
    finally:
        cupy.cuda.set_pinned_memory_allocator(malloc)
