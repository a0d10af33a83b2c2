"""One line for each function of gpugrad.numpy that takes Tensors: arguments, and what is compared with NumPy's own.

A shape stands for random float64 numbers that move in the gradient check; `Of` names numbers of another kind; anything
else is passed as it is.  Each line: name, arguments, keywords.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

I = np.array  # noqa: E741
MASK = I([True, False, True])
NAN = np.nan


@dataclass(frozen=True)
class Of:
    """Numbers for one argument: drawn from (low, high), or an array; moving ones are differentiated."""

    shape: tuple[int, ...] = ()
    low: float = 0.2
    high: float = 0.9
    array: Any = None
    moving: bool = True

    def draw(self, rng: np.random.Generator) -> Any:
        return rng.uniform(self.low, self.high, self.shape) if self.array is None else np.array(self.array)


@dataclass(frozen=True)
class Case:
    """A call of gpugrad.numpy.<name>."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.name}-{'-'.join(map(str, self.kwargs))}" if self.kwargs else self.name


A = Of((2, 3), -2.0, 2.0)
B = Of((3,), -2.0, 2.0)
P = Of((2, 3), 0.2, 0.9)  # inside every domain, and no integer
Q = Of((3,), 1.1, 1.9)
FIX = Of((2, 3), -2.0, 2.0, moving=False)
WHOLE = Of(array=I([[3, 5, 2], [1, 7, 4]]), moving=False)
BITS = Of(array=I([3, 5, 2]), moving=False)
ROW = Of((5,), -2.0, 2.0)
SQ = Of((3, 3), -2.0, 2.0)
CUBE = Of((2, 3, 4), -2.0, 2.0)
GAPS = Of(array=I([[0.3, NAN, -1.2], [2.0, 0.7, NAN]]))
GAPS_FIX = Of(array=I([[0.3, NAN, -1.2], [2.0, 0.7, NAN]]), moving=False)
STEPS = Of(array=I([-2.0, -0.5, 0.7, 3.0]))


def each(names: str, *args: Any, **kwargs: Any) -> list[Case]:
    return [Case(name, args, kwargs) for name in names.split()]


CASES = [
    *each(
        "negative positive absolute abs fabs exp exp2 expm1 square sin cos sinh cosh tanh arcsinh asinh arctan atan "
        "cbrt deg2rad rad2deg radians degrees sinc conj conjugate real nan_to_num copy sign floor ceil trunc rint "
        "isnan isinf isfinite signbit spacing logical_not around round fix imag angle isneginf isposinf isreal "
        "iscomplex modf frexp",
        A,
    ),
    *each("log log2 log10 log1p sqrt reciprocal tan arcsin asin arccos acos arctanh atanh", P),
    *each("arccosh acosh", Q),
    *each(
        "add subtract multiply divide true_divide maximum minimum fmax fmin hypot logaddexp logaddexp2 arctan2 atan2 "
        "copysign equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor heaviside "
        "nextafter isclose",
        A,
        B,
    ),
    *each("power pow float_power", P, B),
    *each("remainder mod fmod floor_divide divmod", A, Q),
    *each(
        "bitwise_and bitwise_or bitwise_xor gcd lcm left_shift right_shift bitwise_left_shift bitwise_right_shift",
        WHOLE,
        BITS,
    ),
    *each("invert bitwise_not bitwise_invert bitwise_count", WHOLE),
    Case("packbits", (I([1, 0, 1]),)),
    Case("ldexp", (A, BITS)),
    Case("around", (A, 1)),
    Case("clip", (A, -0.5, 0.7)),
    *([Case("clip", (A,), {"min": B})] if np.lib.NumpyVersion(np.__version__) >= "2.1.0" else []),
    Case("nan_to_num", (GAPS_FIX,), {"nan": 7.0}),
    Case("angle", (A, True)),
    Case("isclose", (GAPS_FIX, GAPS_FIX), {"equal_nan": True}),
    # reductions
    *each("sum prod max amax min amin ptp mean var std average any all argmax argmin count_nonzero", A),
    *each(
        "sum prod max amax min amin ptp mean var std any all argmax argmin count_nonzero average",
        A,
        axis=-1,
        keepdims=True,
    ),
    *each("sum prod mean", A, axis=0, dtype="float32"),
    *each("sum mean var std max min any all", CUBE, axis=(0, -1)),
    *each("sum prod", A, axis=1, where=MASK, initial=2.0),
    *each("max min", A, axis=1, where=MASK, initial=0.1),
    *each("mean var std any all", A, axis=1, where=MASK),
    *each("var std", A, axis=0, ddof=1),
    Case("average", (A,), {"axis": 1, "weights": Q}),
    Case("average", (A,), {"weights": P, "returned": True}),
    Case("cov", (A,)),
    Case("cov", (A, Of((1, 3))), {"bias": True}),
    Case("cov", (ROW,)),
    Case("cov", (A,), {"rowvar": False, "ddof": 0}),
    Case("corrcoef", (Of((2, 5), -2.0, 2.0),)),
    *each("allclose array_equal array_equiv", A, A),
    Case("array_equal", (GAPS_FIX, GAPS_FIX), {"equal_nan": True}),
    # shapes
    Case("reshape", (CUBE, (4, -1))),
    Case("reshape", (CUBE, (4, -1)), {"order": "F"}),
    Case("ravel", (CUBE,)),
    Case("ravel", (CUBE,), {"order": "F"}),
    *each("transpose permute_dims", CUBE, (2, 0, 1)),
    *each("transpose permute_dims matrix_transpose flip fliplr flipud rot90 diagflat tril triu", A),
    Case("squeeze", (Of((1, 3, 1)),), {"axis": (0, -1)}),
    Case("expand_dims", (A,), {"axis": (0, -1)}),
    Case("swapaxes", (CUBE, 0, -1)),
    Case("moveaxis", (CUBE, (0, -1), (1, 0))),
    Case("rollaxis", (CUBE, -1)),
    Case("rollaxis", (CUBE, 0, 3)),
    *each("atleast_1d atleast_2d atleast_3d", Of()),
    *each("atleast_1d atleast_2d atleast_3d", B),
    *each("atleast_1d atleast_2d atleast_3d", A, B),
    Case("broadcast_to", (B, (2, 3))),
    Case("broadcast_arrays", (A, B, 2.0)),
    Case("flip", (CUBE, (0, -1))),
    *(Case("rot90", (CUBE, k), {"axes": (1, -1)}) for k in (-1, 2, 3, 4)),
    Case("roll", (A, 2)),
    Case("roll", (A, (1, -1)), {"axis": (0, 1)}),
    Case("tile", (A, (2, 1, 2))),
    Case("repeat", (A, 2)),
    Case("repeat", (A, I([1, 0, 2])), {"axis": -1}),
    Case("resize", (A, (4, 2))),
    *(Case("pad", (Of((3, 4)), ((2, 1), (1, 2))), {"mode": m}) for m in ("edge", "reflect", "symmetric", "wrap")),
    Case("pad", (A, 1), {"constant_values": 2.0}),
    Case("mean", (FIX, 1, "int64")),
    Case("pad", (A, ((1, 2), (3, 1))), {"constant_values": ((1.0, 2.0), (3.0, 4.0))}),
    Case("pad", (A, ((3, 0), (1, 2))), {"mode": "linear_ramp", "end_values": ((2.0, 0.0), (1.0, -1.0))}),
    *(Case("pad", (Of((3, 4)), ((2, 1), (1, 2))), {"mode": m}) for m in ("maximum", "mean", "median", "minimum")),
    Case("pad", (Of((3, 4)), 2), {"mode": "mean", "stat_length": ((1, 2), (3, 9))}),
    *(Case("pad", (Of((3, 4)), 5), {"mode": m, "reflect_type": "odd"}) for m in ("reflect", "symmetric")),
    Case("trim_zeros", (Of(array=I([0.0, 0.0, 1.5, 0.0, 2.0, 0.0]), moving=False),)),
    *each("tril triu", CUBE, -1),
    *each("tril triu diag", SQ, 1),
    *each("diag diagflat", B, -2),
    Case("diag", (B,)),
    Case("diagonal", (CUBE,), {"offset": 1, "axis1": 0, "axis2": -1}),
    Case("trace", (CUBE,), {"offset": 1, "axis1": 1, "axis2": 2}),
    Case("trace", (SQ,), {"dtype": "float32"}),
    Case("vander", (B,)),
    Case("vander", (B, 5), {"increasing": True}),
    Case("meshgrid", (B, ROW)),
    Case("meshgrid", (B, ROW, B), {"indexing": "ij", "sparse": True}),
    Case("astype", (A, "float32")),
    Case("astype", (A, "int64")),
    *each("shape ndim size", CUBE),
    Case("size", (CUBE, 1)),
    # joining
    *each("concatenate concat stack vstack hstack dstack column_stack", [A, FIX, A]),
    *each("concatenate concat", [A, B], axis=None),
    *each("concatenate concat stack", [A, A], axis=-1, dtype="float32"),
    *each("stack vstack hstack dstack column_stack", [B, B]),
    Case("block", ([[A, Of((2, 1))], [Of((1, 3)), 2.0]],)),
    Case("append", (A, B)),
    Case("append", (A, A), {"axis": 0}),
    *each("split array_split", CUBE, 2, axis=-1),
    Case("split", (CUBE, [1, 3]), {"axis": 2}),
    Case("array_split", (ROW, 3)),
    *each("vsplit", CUBE, 2),
    *each("hsplit", CUBE, [1]),
    *each("dsplit", CUBE, 2),
    Case("unstack", (CUBE,), {"axis": 1}),
    Case("delete", (CUBE, [0, -1]), {"axis": 2}),
    Case("delete", (CUBE, slice(0, 2))),
    Case("insert", (ROW, 1, Of())),
    Case("insert", (ROW, [1, 3], Of((2,)))),
    Case("insert", (A, 1, 2.0), {"axis": 1}),
    Case("insert", (A, 1, B), {"axis": 0}),
    Case("insert", (A, [0, 2], Of((2, 2))), {"axis": 1}),
    # products
    *each("dot inner", A, B),
    *each("dot matmul", A, Of((3, 2))),
    Case("dot", (A, 2.0)),
    Case("dot", (CUBE, Of((2, 4, 2)))),
    *each("vdot outer", A, Of((2, 3))),
    Case("tensordot", (CUBE, Of((3, 2, 2))), {"axes": ([0, 1], [1, 0])}),
    Case("einsum", ("ij,j->i", A, B)),
    Case("einsum", ("...ij,kj", CUBE, Of((2, 4)))),
    Case("einsum", (SQ, [0, 0])),
    Case("kron", (A, Of((2, 2)))),
    Case("kron", (CUBE, B)),
    Case("cross", (A, B)),
    Case("cross", (Of((3, 2)), Of((3, 2))), {"axis": 0}),
    Case("vecdot", (A, B)),
    Case("vecdot", (Of((3, 2)), Of((3, 2))), {"axis": 0}),
    Case("matvec", (A, B)),
    Case("vecmat", (Of((2,)), A)),
    *(Case(n, (ROW, B), {"mode": m}) for n in ("convolve", "correlate") for m in ("full", "same", "valid")),
    *(Case(n, (B, Of((4,))), {"mode": m}) for n in ("convolve", "correlate") for m in ("full", "same", "valid")),
    Case("polyval", (B, A)),
    # indexing
    Case("where", (MASK, A, B)),
    Case("where", (MASK, A, 0.0)),
    Case("take", (A, I([[0, 5], [5, 1]]))),
    Case("take", (A, [0, 0, 2]), {"axis": -1}),
    *(Case("take", (A, I([-4, 7])), {"axis": 1, "mode": m}) for m in ("wrap", "clip")),
    Case("take_along_axis", (A, I([[0, 0], [2, 1]])), {"axis": 1}),
    Case("take_along_axis", (A, I([5, 0])), {"axis": None}),
    Case("choose", (I([0, 1, 0]), [A, B])),
    Case("choose", (I([0, 3, -1]), [A, B]), {"mode": "clip"}),
    Case("compress", (MASK, A), {"axis": 1}),
    Case("compress", ([False, True], A)),
    Case("extract", (I([[True, False, True], [False, True, False]]), A)),
    Case("select", ([MASK, ~MASK & MASK], [A, B]), {"default": 0.5}),
    Case("bincount", (I([0, 2, 2]), Q)),
    Case("bincount", (BITS,), {"minlength": 7}),
    Case("isin", (WHOLE, BITS)),
    Case("isin", (WHOLE, BITS), {"invert": True}),
    *each("nonzero flatnonzero argwhere", FIX),
    *each("unique unique_all unique_counts unique_inverse unique_values", WHOLE),
    *each("intersect1d union1d setdiff1d setxor1d", WHOLE, BITS),
    *each("histogram histogram_bin_edges", A, bins=3),
    Case("histogram2d", (Of((4,)), Of((4,))), {"bins": 2}),
    Case("histogramdd", (Of((4, 2)),), {"bins": 2}),
    Case("digitize", (FIX, I([-1.0, 0.0, 1.0]))),
    Case("searchsorted", (I([-1.0, 0.0, 1.0]), FIX)),
    Case("lexsort", ((BITS, BITS),)),
    # creation
    *each("array asarray asanyarray ascontiguousarray", A),
    *each("zeros_like ones_like empty_like", A),
    *each("zeros_like ones_like", A, dtype="float32", shape=(2, 2)),
    Case("array", ([Of(), 2.0, Of()],)),
    Case("array", ([[Of(), 1], [Of(), 2.5]],), {"ndmin": 3}),
    Case("full", ((2, 3), Of())),
    Case("full_like", (A, 1.5)),
    Case("full_like", (A, B)),
    *each("linspace logspace", P, Q, num=4),
    Case("linspace", (P, Q), {"num": 3, "endpoint": False, "retstep": True, "axis": -1}),
    Case("geomspace", (P, Q), {"num": 4}),
    *each("tril_indices_from triu_indices_from diag_indices_from", SQ),
    *each("result_type common_type", A, Of((2,), array=I([1.0, 2.0], "float32"))),
    *each("isrealobj iscomplexobj", A),
    Case("einsum_path", ("ij,j", A, B)),
    # along an axis
    *each("cumsum cumprod", A, axis=1),
    *each("cumulative_sum cumulative_prod", A, axis=1, include_initial=True),
    *each("cumsum cumprod sort argsort median ediff1d unwrap", ROW),
    *each("diff sort argsort median gradient trapezoid unwrap", A),
    Case("diff", (ROW,), {"n": 2, "prepend": 0.0}),
    Case("gradient", (CUBE, 0.5), {"axis": 2, "edge_order": 2}),
    Case("trapezoid", (Of((2, 4)), STEPS)),
    Case("interp", (P, I([0.0, 0.3, 1.0]), B)),
    *each("partition argpartition", ROW, 2),
    *each("percentile nanpercentile", A, 30.0),
    *each("quantile nanquantile", A, I([0.2, 0.7]), axis=1),
    *each(
        "nansum nanprod nanmean nanvar nanstd nanmax nanmin nanmedian nanargmax nanargmin nancumsum nancumprod",
        GAPS_FIX,
        axis=1,
    ),
    *each("nansum nanprod nanmean nanvar nanstd nanmax nanmin nanmedian nancumsum nancumprod", A),
]
FUNCTIONS = {  # those whose arguments are functions; lambdas of the namespace under test
    "piecewise": lambda np: lambda x: np.piecewise(x, [x < 0, x > 1], [lambda v: -v, 2.0, np.square]),
    "apply_along_axis": lambda np: lambda x: np.apply_along_axis(lambda row: row[:2] * np.sum(row), 0, x),
    "apply_over_axes": lambda np: lambda x: np.apply_over_axes(np.sum, x, (0, 1)),
}
