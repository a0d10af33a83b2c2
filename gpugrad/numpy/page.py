"""docs/numpy.md, made from the table: python -m gpugrad.numpy.page writes it."""

from collections.abc import Iterator
from pathlib import Path

from . import CONSTANTS, LEFT_OUT, linalg
from .table import EVERY

HEAD = """# gpugrad.numpy

    import gpugrad.numpy as np

NumPy's names and signatures over Tensors, arrays and numbers.  This page is made from the table of the package by
`python -m gpugrad.numpy.page`; a test holds it to that.

- **With a Tensor among the arguments** the function is gpugrad's operation: recorded, and differentiated in both modes,
  to any order, also inside `vmap`.  NumPy's own functions lead there too: `np.sin(t)`, `np.concatenate([t, x])`.
- **Without one** it is NumPy's own function, and plain arrays come back.  CuPy arrays go to CuPy by the same protocols.
- **Creation functions** give plain NumPy arrays: constants need no record.  `array`, `asarray`, `full`, `full_like`
  and `linspace` of Tensors give Tensors, and gradients flow through them.
- **dtypes** are NumPy's; a gradient has the dtype of its input.  float16 and bfloat16 are added up in float32.
- **Complex numbers are not supported.**  A complex array or dtype beside a Tensor raises DTypeError; without a Tensor
  NumPy computes as ever.
- `out=`, a ufunc's `where=`, and orders other than "C" and "F" are refused beside a Tensor.  A ufunc's `dtype=` is the
  dtype to compute in; of its methods, `reduce`, `accumulate` and `outer` work where the operation for it exists.
- Changes are functions: `x.at[index].set(v)`, `.add`, `.subtract`, `.multiply`, `.divide`, `.power`, `.min`, `.max`,
  `.apply(f)` give a changed copy of a Tensor, and `.get()` is `x[index]`.
"""


def lines() -> Iterator[str]:
    """The page, line by line."""
    yield HEAD
    for group in dict.fromkeys(entry.group for entry in EVERY.values()):
        entries = [entry for entry in EVERY.values() if entry.group == group]
        yield f"## {group[0].upper()}{group[1:]}\n"
        plain = [entry.name for entry in entries if entry.tensor is None]
        if len(plain) < len(entries):
            yield "| function | derivative | limits |"
            yield "|---|---|---|"
        yield from (f"| `{e.name}` | {e.modes} | {e.limits} |" for e in entries if e.tensor is not None)
        if len(plain) < len(entries):
            yield ""
        if plain:
            yield f"NumPy's own, without Tensors: {', '.join(f'`{name}`' for name in plain)}.\n"
    yield "## Constants\n"
    yield ", ".join(f"`{name}`" for name in CONSTANTS) + ".\n"
    yield "## linalg\n"
    yield "In `gpugrad.numpy.linalg`: " + ", ".join(f"`{name}`" for name in linalg.__all__) + ".\n"
    yield "## Left out\n"
    yield "| names | reason |"
    yield "|---|---|"
    for reason in dict.fromkeys(LEFT_OUT.values()):
        yield f"| {', '.join(f'`{name}`' for name, why in LEFT_OUT.items() if why == reason)} | {reason} |"


def page() -> str:
    """The text of docs/numpy.md."""
    return "\n".join(lines()) + "\n"


if __name__ == "__main__":
    (Path(__file__).parents[2] / "docs" / "numpy.md").write_text(page(), encoding="utf-8")
