"""Each case by every contestant that is installed: checked against float64, then timed in turns."""

from collections.abc import Callable, Iterator
from functools import cached_property
from importlib.util import find_spec
from typing import Any

import numpy as np

from gpugrad.cuda import autotune

from . import reference
from .cases import CASES, Case, inputs
from .clock import ROUNDS, measure, summary
from .contestant import Contestant, error_of
from .small import widened
from .worker import Rows

Made = tuple[str, Callable[[], Contestant]]


class Peers:
    """Who takes part, each imported when first asked for."""

    @cached_property
    def card(self) -> Any:
        from .card import Card

        return Card()

    @cached_property
    def absent(self) -> dict[str, str]:
        """{name: why} of those that cannot take part."""
        checks: dict[str, Callable[[], str]] = {
            "torch": lambda: "" if self.torch.cuda.is_available() else "installed without CUDA",
            "jax": lambda: "" if self.jax.default_backend() == "gpu" else "installed without CUDA",
        }
        return {name: why for name, check in checks.items() if (why := _reason(name, check))}

    @cached_property
    def torch(self) -> Any:
        from .torch_peer import pinned

        return pinned()

    @cached_property
    def jax(self) -> Any:
        from .jax_peer import pinned

        return pinned()

    def contestants(self, case: Case, arrays: dict[str, np.ndarray]) -> Iterator[Made]:
        """gpugrad's, then CuPy's, PyTorch's and JAX's."""
        from . import cupy_peer, jax_peer, ours, torch_peer

        yield from ours.contestants(self.card, case, arrays)
        yield from cupy_peer.contestants(self.card, self.card.cupy, case, arrays)
        if "torch" not in self.absent:
            yield from torch_peer.contestants(self.torch, case, arrays)
        if "jax" not in self.absent:
            yield from jax_peer.contestants(self.jax, case, arrays)

    def wanted(self, case: Case, arrays: dict[str, np.ndarray]) -> list[np.ndarray]:
        """The results in float64, by CuPy on the card, as some cases are too much for a CPU."""
        cupy = self.card.cupy
        there = {name: cupy.asarray(a) for name, a in widened(arrays).items()}
        return [a.get() if hasattr(a, "get") else np.asarray(a) for a in reference.expected(cupy, case, there)]

    def free(self) -> None:
        """Give memory back: to the card, for the next case and for the others."""
        self.card.synchronize()
        self.card.cupy.get_default_memory_pool().free_all_blocks()
        if "torch" not in self.absent:
            self.torch.cuda.empty_cache()
            self.torch.compiler.reset()  # or it counts the cases as one function of many shapes, and stops compiling


def _reason(name: str, check: Callable[[], str]) -> str:
    """Why a peer cannot take part; empty where it can."""
    if find_spec(name) is None:
        return "not installed"
    try:
        return check()
    except Exception as error:  # a broken installation of a peer is no reason to time nothing
        return f"{type(error).__name__}: {error}"[:300]


def admitted(
    made: Iterator[Made], wanted: list[np.ndarray], tolerance: float
) -> tuple[list[Contestant], dict[str, Any]]:
    """(contestants whose first results are right, {name: why not} or {name: its error} of all)."""
    right, told = [], {}
    for name, make in made:
        try:
            contestant = make()
            outputs = contestant.run()
            contestant.wait(outputs)
            off = error_of(contestant.read(outputs), wanted)
        except Exception as error:
            told[name] = {"error": f"{type(error).__name__}: {error}"[:400]}
            continue
        told[name] = {"off": off}
        if off <= tolerance:
            right.append(contestant)
        else:
            told[name]["error"] = f"wrong: off by {off:.1e}, allowed {tolerance:g}; not timed"
    return right, told


def row(peers: Any, case: Case, rounds: int = ROUNDS) -> dict[str, Any]:
    """The row of a case: what it needs, and each contestant's figures or why it has none."""
    autotune.taken.clear()
    arrays = inputs(case)
    right, told = admitted(peers.contestants(case, arrays), peers.wanted(case, arrays), case.tolerance)
    for contestant, times in zip(right, measure(peers.card, right, rounds), strict=True):
        told[contestant.name] |= summary(times)
    del right
    peers.free()
    found = {
        "dtype": case.dtype,
        "bytes": case.n_bytes,
        "flop": case.n_flop,
        "contestants": told,
        "absent": peers.absent,
    }
    found["choices"] = {key: f"{choice.taken} ({choice.why})" for key, choice in sorted(autotune.taken.items())}
    ours = [name for name, t in told.items() if name.startswith("gpugrad") and "us" in t]
    failed = {name: t["error"] for name, t in told.items() if name.startswith("gpugrad") and "error" in t}
    wrong = [name for name, error in failed.items() if not error.startswith("Declined")]
    if ours and not wrong:
        return found
    return {**found, "state": "failed", "error": "; ".join(f"{name}: {error}" for name, error in failed.items())}


def rows(deadline: float) -> Rows:
    """The rows of this stage: most telling first, as time may run out."""
    peers = Peers()
    return [(case.name, lambda case=case: row(peers, case)) for case in CASES]
