"""cuBLAS through ctypes: a handle of our own for each thread and device, with a workspace for each stream.

CuPy's binding refuses to work while a stream is captured into a graph and cannot set a workspace; ours can do both.
Matrices lie in columns, as cuBLAS has it: `gemm.py` turns row-major views into that.
"""

import ctypes
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..errors import DeviceError
from . import runtime

N, T = 0, 1  # an operand as it lies, or transposed
DATA_TYPES = {"float32": 0, "float64": 1, "float16": 2, "bfloat16": 14}
COMPUTE_F32, COMPUTE_F64, COMPUTE_TF32 = 68, 70, 77
_POINTERS_ON_HOST, _POINTERS_ON_DEVICE = 0, 1
_SUMS_IN_F32 = 16  # math mode: split sums of 2-byte products are not added up in 2 bytes
_ALGORITHM = -1  # the library's choice
_STATUS = {1: "not initialized", 3: "out of memory", 7: "invalid value", 8: "architecture mismatch", 13: "failed"}
_STATUS |= {14: "internal error", 15: "not supported"}


class Operand(NamedTuple):
    """A stack of matrices in columns: where it begins, its leading dimension, elements from one to the next."""

    address: int
    dtype: int
    op: int
    ld: int
    stride: int


class Workspace:
    """Scratch memory of a library, a piece for each stream: what runs on two streams at once must not share it."""

    def __init__(self, n_bytes: int) -> None:
        self.n_bytes, self._of_stream = n_bytes, dict[int, Any]()

    def address(self, stream: int) -> int:
        """Where the piece of the current stream, whose address this is, begins."""
        if stream not in self._of_stream:
            self._of_stream[stream] = runtime.current().empty((self.n_bytes,), np.uint8)
        return int(self._of_stream[stream].data.ptr)


class Handle:
    """One cuBLAS handle with its workspaces, used by one thread on one device."""

    def __init__(self, library: Any) -> None:
        self._library, self._handle = library, ctypes.c_void_p()
        self._ask("cublasCreate_v2", ctypes.byref(self._handle))
        self._ask("cublasSetMathMode", self._handle, _SUMS_IN_F32)
        self.workspace = Workspace((32 if runtime.current().limits().arch >= 90 else 4) << 20)
        self._constants = {value: _filled(value) for value in (0.0, 1.0)}
        self._stream: int | None = None
        self._pointer_mode = _POINTERS_ON_HOST

    def gemm(
        self,
        shape: tuple[int, int, int, int],
        a: Operand,
        b: Operand,
        c: Operand,
        compute: int,
        alpha: Any,
        beta: float,
        stream: int,
    ) -> None:
        """C = alpha op(A) op(B) + beta C for shape = (rows of C, columns of C, depth, number of matrices).

        alpha is a number, or an array of one element in device memory of the compute type; then beta is 0 or 1.
        """
        self._use(stream)
        m, n, k, n_matrices = shape
        alpha_at, beta_at, keep = self._factors(alpha, beta, compute)
        self._ask(
            "cublasGemmStridedBatchedEx",
            *(self._handle, a.op, b.op, m, n, k, alpha_at),
            *(ctypes.c_void_p(a.address), a.dtype, a.ld, ctypes.c_longlong(a.stride)),
            *(ctypes.c_void_p(b.address), b.dtype, b.ld, ctypes.c_longlong(b.stride)),
            *(beta_at, ctypes.c_void_p(c.address), c.dtype, c.ld, ctypes.c_longlong(c.stride)),
            *(n_matrices, compute, _ALGORITHM),
        )
        del keep

    def _factors(self, alpha: Any, beta: float, compute: int) -> tuple[Any, Any, Any]:
        """Addresses of alpha and beta, on the device where alpha is an array, and what must live until the call."""
        on_device = hasattr(getattr(alpha, "data", None), "ptr")
        mode = _POINTERS_ON_DEVICE if on_device else _POINTERS_ON_HOST
        if mode != self._pointer_mode:
            self._ask("cublasSetPointerMode_v2", self._handle, mode)
            self._pointer_mode = mode
        if on_device:
            size = 8 if compute == COMPUTE_F64 else 4
            at = self._constants[beta].data.ptr + (0 if size == 8 else 8)
            return ctypes.c_void_p(alpha.data.ptr), ctypes.c_void_p(at), None
        kind = ctypes.c_double if compute == COMPUTE_F64 else ctypes.c_float
        keep = kind(alpha), kind(beta)
        return ctypes.byref(keep[0]), ctypes.byref(keep[1]), keep

    def _use(self, stream: int) -> None:
        """Work on `stream` from here on.  Setting a stream takes the workspace away, so it is given again."""
        if stream != self._stream:
            self._ask("cublasSetStream_v2", self._handle, ctypes.c_void_p(stream))
            address = ctypes.c_void_p(self.workspace.address(stream))
            self._ask("cublasSetWorkspace_v2", self._handle, address, ctypes.c_size_t(self.workspace.n_bytes))
            self._stream = stream

    def _ask(self, function: str, *args: Any) -> None:
        status = getattr(self._library, function)(*args)
        if status:
            reason = _STATUS.get(status, "see cublasStatus_t")
            raise DeviceError(
                f"{function}: cuBLAS answers {status} ({reason}); check that the card has memory left and that "
                "cuBLAS is of the CUDA version CuPy was built for"
            )


def _filled(value: float) -> Any:
    """`value` on the device, as float64 and, 8 bytes on, as float32."""
    both = np.zeros(2)
    both[0] = value
    both[1:].view(np.float32)[0] = value
    target = runtime.current().zeros((2,), np.float64)  # not `empty`, which may be where a program wants a value
    target.set(both)
    return target


_of_thread = threading.local()


def own_handle(name: str, make: Callable[[Any], Any]) -> tuple[Any, int]:
    """`make(library)` of this thread on the current device, made once, and the address of the current stream."""
    library = runtime.current().library(name)
    device, stream = runtime.current().stream()
    handles = _of_thread.__dict__.setdefault("handles", {})
    key = id(library), name, device
    if key not in handles:
        handles[key] = make(library)
    return handles[key], stream


def handles() -> list[Any]:
    """This thread's handles: a captured product needs their workspaces and constants while its graph lives."""
    return list(_of_thread.__dict__.get("handles", {}).values())


def handle() -> tuple[Handle, int]:
    """The cuBLAS handle of this thread on the current device, and the address of the current stream."""
    return own_handle("cublas", Handle)
