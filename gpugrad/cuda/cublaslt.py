"""cuBLASLt through ctypes: products with an epilogue, planned once for each kind of call and kept.

Matrices lie in columns, as in `cublas.py`; D = epilogue(alpha op(A) op(B)).
"""

import ctypes
from typing import Any, NamedTuple

from ..errors import DeviceError
from .cublas import COMPUTE_F64, Operand, Workspace, own_handle

BIAS, RELU_BIAS, RELU_AUX_BIAS, DRELU_BGRAD, BGRADB = 4, 6, 134, 152, 512
_DEFAULT_OP = 0
_TRANS_A, _TRANS_B, _EPILOGUE, _BIAS_POINTER, _AUX_POINTER, _AUX_LD = 3, 4, 7, 8, 11, 12
_MAX_WORKSPACE, _MIN_ALIGNMENTS = 1, (5, 6, 7, 8)  # of cublasLtMatmulPreferenceAttributes_t
_MOST_ALIGNED = 256  # what the library assumes unless told
_F32, _F64 = 0, 1
WORKSPACE_BYTES = 32 << 20


class _Heuristic(ctypes.Structure):
    """cublasLtMatmulHeuristicResult_t."""

    _fields_ = (
        ("algorithm", ctypes.c_uint64 * 8),
        ("workspace_bytes", ctypes.c_size_t),
        ("status", ctypes.c_int),
        ("waves", ctypes.c_float),
        ("reserved", ctypes.c_int * 4),
    )


class Kind(NamedTuple):
    """All of a call but its addresses: what a plan is made for."""

    shape: tuple[int, int, int]  # rows of D, columns of D, depth
    a: tuple[int, int, int]  # dtype, op, leading dimension
    b: tuple[int, int, int]
    d: tuple[int, int, int]
    compute: int
    epilogue: int
    aux_ld: int  # bits, of the mask of an epilogue that has one


class Handle:
    """One cuBLASLt handle with its workspaces and plans, used by one thread on one device."""

    def __init__(self, library: Any) -> None:
        self._library, self._handle = library, ctypes.c_void_p()
        self._ask("cublasLtCreate", ctypes.byref(self._handle))
        self.workspace = Workspace(WORKSPACE_BYTES)
        self._plans: dict[tuple[Kind, int], Any] = {}

    def matmul(self, kind: Kind, a: int, b: int, d: int, vector: int, aux: int, alpha: float, stream: int) -> bool:
        """Launch it on these addresses; `vector` is the bias or its gradient, `aux` the mask.  False: not supported."""
        key = kind, _alignment(a, b, d, vector)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = _Plan(self, *key, vector, aux)
        if plan.algorithm is None:
            return False
        plan.point(vector, aux)
        scalar = ctypes.c_double if kind.compute == COMPUTE_F64 else ctypes.c_float
        one, zero = scalar(alpha), scalar(0.0)
        self._ask(
            "cublasLtMatmul",
            *(self._handle, plan.operation, ctypes.byref(one)),
            *(ctypes.c_void_p(a), plan.layouts[0], ctypes.c_void_p(b), plan.layouts[1], ctypes.byref(zero)),
            *(ctypes.c_void_p(d), plan.layouts[2], ctypes.c_void_p(d), plan.layouts[2], ctypes.byref(plan.algorithm)),
            *(
                ctypes.c_void_p(self.workspace.address(stream)),
                ctypes.c_size_t(WORKSPACE_BYTES),
                ctypes.c_void_p(stream),
            ),
        )
        return True

    def choose(self, operation: Any, layouts: list[Any], alignment: int) -> Any:
        """The library's first choice of algorithm for addresses so aligned, None where it has none."""
        preference, found, n_found = self.create("cublasLtMatmulPreferenceCreate"), _Heuristic(), ctypes.c_int()
        wishes = [(_MAX_WORKSPACE, ctypes.c_size_t(WORKSPACE_BYTES))]
        for attribute, value in (*wishes, *((of, ctypes.c_uint32(alignment)) for of in _MIN_ALIGNMENTS)):
            size = ctypes.c_size_t(ctypes.sizeof(value))
            self._ask("cublasLtMatmulPreferenceSetAttribute", preference, attribute, ctypes.byref(value), size)
        a, b, d = layouts
        args = (self._handle, operation, a, b, d, d, preference, 1, ctypes.byref(found), ctypes.byref(n_found))
        status = self._library.cublasLtMatmulAlgoGetHeuristic(*args)
        self._ask("cublasLtMatmulPreferenceDestroy", preference)
        return found.algorithm if not status and n_found.value else None

    def create(self, function: str, *args: Any) -> ctypes.c_void_p:
        """What a function of the library makes."""
        made = ctypes.c_void_p()
        self._ask(function, ctypes.byref(made), *args)
        return made

    def set_attribute(self, operation: Any, attribute: int, value: Any) -> None:
        """Set an attribute of an operation's description."""
        size = ctypes.c_size_t(ctypes.sizeof(value))
        self._ask("cublasLtMatmulDescSetAttribute", operation, attribute, ctypes.byref(value), size)

    def _ask(self, function: str, *args: Any) -> None:
        status = getattr(self._library, function)(*args)
        if status:
            raise DeviceError(f"{function}: cuBLASLt answers {status}; check that the card has memory left")


class _Plan:
    """The descriptions of one kind of call, and the algorithm chosen for it."""

    def __init__(self, handle: Handle, kind: Kind, alignment: int, vector: int, aux: int) -> None:
        self._handle, self._has_aux = handle, bool(kind.aux_ld)
        scale = _F64 if kind.compute == COMPUTE_F64 else _F32
        self.operation = handle.create("cublasLtMatmulDescCreate", kind.compute, scale)
        m, n, k = kind.shape
        sides = ((kind.a, (m, k)), (kind.b, (k, n)), (kind.d, (m, n)))
        self.layouts = [self._layout(*side) for side in sides]
        for attribute, value in ((_TRANS_A, kind.a[1]), (_TRANS_B, kind.b[1]), (_EPILOGUE, kind.epilogue)):
            handle.set_attribute(self.operation, attribute, ctypes.c_int32(value))
        if kind.aux_ld:
            handle.set_attribute(self.operation, _AUX_LD, ctypes.c_int64(kind.aux_ld))
        self.point(vector, aux)  # the choice depends on how they are aligned
        self.algorithm = handle.choose(self.operation, self.layouts, alignment)

    def _layout(self, side: tuple[int, int, int], shape: tuple[int, int]) -> ctypes.c_void_p:
        dtype, op, ld = side
        rows, columns = shape if op == _DEFAULT_OP else shape[::-1]
        sizes = ctypes.c_uint64(rows), ctypes.c_uint64(columns), ctypes.c_int64(ld)
        return self._handle.create("cublasLtMatrixLayoutCreate", dtype, *sizes)

    def point(self, vector: int, aux: int) -> None:
        """Where the epilogue's bias, or its gradient, and its mask lie in the next call."""
        self._handle.set_attribute(self.operation, _BIAS_POINTER, ctypes.c_void_p(vector))
        if self._has_aux:
            self._handle.set_attribute(self.operation, _AUX_POINTER, ctypes.c_void_p(aux))


def _alignment(*addresses: int) -> int:
    """The largest power of two up to 256 that divides all of them."""
    joint = _MOST_ALIGNED
    for address in addresses:
        joint |= address
    return joint & -joint


def kind_of(
    shape: tuple[int, int, int], a: Operand, b: Operand, d: Operand, compute: int, epilogue: int, aux_ld: int = 0
) -> Kind:
    """The kind of a call of these operands."""
    left, right, result = ((x.dtype, x.op, x.ld) for x in (a, b, d))
    return Kind(shape, left, right, result, compute, epilogue, aux_ld)


def handle() -> tuple[Handle, int]:
    """The cuBLASLt handle of this thread on the current device, and the address of the current stream."""
    return own_handle("cublasLt", Handle)
