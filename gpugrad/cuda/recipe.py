"""What a generated kernel computes and how it runs through its arrays, and its text in CUDA C++."""

from typing import Any, NamedTuple

import numpy as np

from .expressions import arithmetic, c_name, expression, is_float, number
from .source import kernel_source

NAME = "pointwise"


class Step(NamedTuple):
    """One elementwise function, its result's dtype by name, and parameters of a primitive.

    An operand is ("x", i) for an input, ("v", i) for an earlier step, or ("", number).
    """

    function: str
    operands: tuple[tuple[str, Any], ...]
    dtype: str
    params: tuple[tuple[str, Any], ...] = ()


class Recipe(NamedTuple):
    """Dtypes of the inputs, the steps in order, and which of them are written out."""

    inputs: tuple[str, ...]
    steps: tuple[Step, ...]
    outputs: tuple[int, ...]

    def dtype_of(self, operand: tuple[str, Any]) -> str | None:
        """An operand's dtype, None for a number."""
        kind, i = operand
        return self.inputs[i] if kind == "x" else self.steps[i].dtype if kind == "v" else None


class Way(NamedTuple):
    """How the elements are run through: `pack` at a time, over `rank` axes that could not be merged.

    walks: for each input "one" (the same everywhere), "run" (along the last axis) or "each"; and the axes it moves on.
    """

    pack: int
    rank: int
    walks: tuple[tuple[str, tuple[int, ...]], ...]
    wide: bool


def serves(function: str, operands: tuple[str | None, ...], out: str, params: tuple[tuple[str, Any], ...] = ()) -> bool:
    """True where a step can be written; operands: dtypes, None for a number."""
    loop = _loop(function, operands, out)
    if loop is None or any(c_name(d) is None for d in (*operands, out) if d is not None):
        return False
    if function in ("where", "astype"):
        return operands[0] is not None and all(d in (None, out) for d in operands[1:])
    return all(d in (None, loop) for d in operands) and expression(function, loop, out, params) is not None


def _loop(function: str, operands: tuple[str | None, ...], out: str) -> str | None:
    """The dtype in which a function is computed."""
    return out if function == "where" else next((d for d in operands if d is not None), None)


def source_of(recipe: Recipe, way: Way) -> str:
    """The kernel `pointwise` of a recipe, with the headers that it needs."""
    headers = kernel_source("common.cuh"), kernel_source("activations.cuh")
    return "\n".join((*headers, _SHARED, _computing(recipe), _kernel(recipe, way)))


_SHARED = """
template <typename T, int S> struct __align__(sizeof(T) * S) Some { T at[S]; };  // one access, of 16 bytes at most
template <typename T, typename A> __device__ __forceinline__ T rounded(A x) { return narrow<T>(Acc<T>(x)); }
template <> __device__ __forceinline__ __half rounded<__half>(double x) { return __double2half(x); }
template <> __device__ __forceinline__ __nv_bfloat16 rounded<__nv_bfloat16>(double x) { return __double2bfloat16(x); }
template <typename A> __device__ __forceinline__ A infinite() { return Range<A>::largest() * A(2); }
template <typename A> __device__ __forceinline__ A not_a_number() { return infinite<A>() - infinite<A>(); }
"""


def _computing(recipe: Recipe) -> str:
    """The function of one element."""
    takes = [f"{c_name(d)} x{i}" for i, d in enumerate(recipe.inputs)]
    gives = [f"{c_name(recipe.steps[i].dtype)}& y{k}" for k, i in enumerate(recipe.outputs)]
    lines = [f"__device__ __forceinline__ void compute({', '.join((*takes, *gives))}) {{"]
    for i, step in enumerate(recipe.steps):
        lines.append(f"  {c_name(step.dtype)} v{i};\n  {{ {_step(recipe, step, f'v{i}')} }}")
    return "\n".join((*lines, *(f"  y{k} = v{i};" for k, i in enumerate(recipe.outputs)), "}"))


def _step(recipe: Recipe, step: Step, target: str) -> str:
    dtypes = tuple(recipe.dtype_of(o) for o in step.operands)
    loop: Any = _loop(step.function, dtypes, step.dtype)
    wanted = ["bool", loop, loop] if step.function == "where" else [loop] * len(dtypes)
    given = zip("abc", step.operands, wanted, strict=False)
    names = [f"const {arithmetic(w)} {x} = {_value(o, w)};" for x, o, w in given]
    text, out = _expression(step, loop), c_name(step.dtype)
    if is_float(step.dtype):
        text = f"rounded<{out}>({text})"
    types = f"typedef {arithmetic(loop)} A; typedef {_unsigned(loop)} U;"
    return f"{types} {' '.join(names)} {target} = ({out})({text});"


def _expression(step: Step, loop: Any) -> str:
    if step.function == "where":
        return "a ? b : c"
    if step.function == "astype":
        return "a != A(0)" if step.dtype == "bool" else "a"
    text = expression(step.function, loop, step.dtype, step.params)
    assert text is not None, step
    return text


def _unsigned(dtype: str) -> str:
    """The type in which integers wrap around."""
    kind = np.dtype(dtype).kind if not is_float(dtype) else "f"
    return {"i": "unsigned long long", "u": "unsigned long long", "b": "bool"}.get(kind, arithmetic(dtype))


def _value(operand: tuple[str, Any], dtype: str) -> str:
    kind, i = operand
    if kind == "":
        return number(i, dtype)
    return f"widen({kind}{i})" if is_float(dtype) else f"{kind}{i}"


def _kernel(recipe: Recipe, way: Way) -> str:
    count = "unsigned long long" if way.wide else "unsigned"
    ins = [f"const {c_name(d)}* x{i}" for i, d in enumerate(recipe.inputs)]
    outs = [f"{c_name(recipe.steps[i].dtype)}* y{k}" for k, i in enumerate(recipe.outputs)]
    extents = [f"{count} e{k}" for k in range(way.rank - 1)]
    moves = [f"long long s{i}_{k}" for i, (_, axes) in enumerate(way.walks) for k in axes]
    once = [f"  const {c_name(d)} u{i} = *x{i};" for i, d in enumerate(recipe.inputs) if way.walks[i][0] == "one"]
    body = _loop_over(recipe, way, way.pack, count)
    if way.pack > 1 and way.rank == 1:
        body += _loop_over(recipe, way, 1, count)
    return "\n".join(
        (
            f"__global__ void {NAME}({', '.join((*ins, *outs, f'{count} n', *extents, *moves))}) {{",
            f"  const {count} first = ({count})blockIdx.x * blockDim.x + threadIdx.x;",
            f"  const {count} step = ({count})gridDim.x * blockDim.x;",
            *once,
            *body,
            "}",
        )
    )


def _loop_over(recipe: Recipe, way: Way, pack: int, count: str) -> list[str]:
    """Lines that run through the packs, or with pack 1 through what is left after them."""
    start = f"n / {way.pack} * {way.pack} + first" if pack < way.pack else "first"
    lines = [f"  for ({count} i = {start}; i < n / {pack}; i += step) {{"]
    lines += _places(way, count)
    for i, d in enumerate(recipe.inputs):
        kind, axes = way.walks[i]
        jumps = "".join(f" + (long long)c{k} * s{i}_{k}" for k in axes if k > 0)
        if kind == "run":
            some, start = f"Some<{c_name(d)}, {pack}>", f"x{i} + (long long)c0 * {pack}{jumps}"
            lines.append(f"    const auto p{i} = *reinterpret_cast<const {some}*>({start});")
        elif kind == "each":
            lines.append(f"    const {c_name(d)}* const p{i} = x{i}{jumps};")
    outs = [c_name(recipe.steps[i].dtype) for i in recipe.outputs]
    lines += [f"    Some<{t}, {pack}> q{k};" for k, t in enumerate(outs)]
    lines += ["#pragma unroll", f"    for (int k = 0; k < {pack}; ++k) {{"]
    given = [_element(i, *walk, pack) for i, walk in enumerate(way.walks)]
    lines += [f"      compute({', '.join((*given, *(f'q{k}.at[k]' for k in range(len(outs)))))});", "    }"]
    stores = [
        f"    *reinterpret_cast<Some<{t}, {pack}>*>(y{k} + (long long)i * {pack}) = q{k};" for k, t in enumerate(outs)
    ]
    return [*lines, *stores, "  }"]


def _places(way: Way, count: str) -> list[str]:
    """Where pack i lies: c0 counts packs along the last axis, c1, c2, ... the axes before it."""
    lines, rest = [], "i"
    for k in range(way.rank - 1):
        lines.append(f"    const {count} c{k} = {rest} % e{k}, r{k} = {rest} / e{k};")
        rest = f"r{k}"
    return [*lines, f"    const {count} c{way.rank - 1} = {rest};"]


def _element(i: int, kind: str, axes: tuple[int, ...], pack: int) -> str:
    if kind == "one":
        return f"u{i}"
    if kind == "run":
        return f"p{i}.at[k]"
    return f"p{i}[((long long)c0 * {pack} + k) * s{i}_0]" if 0 in axes else f"p{i}[0]"
