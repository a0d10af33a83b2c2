"""Every family of our kernels on a small case, checked: what compute-sanitizer watches, and what repeated runs compare.

python -m bench.gpu.small [--repeat N] [--no-pool]
"""

import argparse
from typing import Any

import numpy as np

from . import ours, reference
from .cases import SMALL, Case, inputs
from .contestant import error_of


def widened(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Floats as float64; integers as they are."""
    return {k: a if a.dtype.kind in "iu" else a.astype(np.float64) for k, a in arrays.items()}


def results(place: Any, case: Case) -> dict[str, list[np.ndarray]]:
    """{way to do it: its results}, without graphs."""
    arrays = inputs(case)
    if case.family == "train_step":
        found = {name: ours.Step(place, arrays, name == "fused")() for name in ("fused", "layers")}
    else:
        found = {"gpugrad": ours.CALLS[case.family](**ours.copies_of(place, case, arrays)[0])}
    return {name: [np.asarray(place.numpy(a)).astype(float) for a in values] for name, values in found.items()}


def checked(place: Any, case: Case) -> dict[str, list[np.ndarray]]:
    """The results; AssertionError where one is off."""
    wanted = reference.expected(np, case, widened(inputs(case)))
    found = results(place, case)
    for name, values in found.items():
        off = error_of(values, wanted)
        assert off <= case.tolerance, f"{case.name}, {name}: off by {off:.1e}, allowed {case.tolerance:g}"
    return found


def repeated(place: Any, n: int) -> dict[str, Any]:
    """Each small case n times: {"differing": names of cases whose bits were not the same each time}."""
    differing = []
    for case in SMALL:
        first = checked(place, case)
        for _ in range(n - 1):
            again = results(place, case)
            if any(not np.array_equal(a, b) for k in first for a, b in zip(first[k], again[k], strict=True)):
                differing.append(case.name)
                break
    return {"differing": differing, "cases": len(SMALL), "runs": n}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--no-pool", action="store_true", help="each array an allocation, whose ends memcheck knows")
    given = parser.parse_args()
    from .card import Card

    card = Card()
    if given.no_pool:
        card.cupy.cuda.set_allocator(None)
    found = repeated(card, given.repeat)
    print(found)
    return 1 if found["differing"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
