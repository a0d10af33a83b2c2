"""cuBLAS and CuPy's pointwise kernels, by hand: the formulas of reference.py in the case's own dtype."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import reference
from .cases import Case
from .contestant import Contestant, in_turns, n_copies
from .reference import ADAM_EPS, BETA1, BETA2, LR

FUSIBLE = ("bias_gelu", "tanh_grad")


def contestants(
    place: Any, xp: Any, case: Case, arrays: dict[str, np.ndarray]
) -> Iterator[tuple[str, Callable[[], Any]]]:
    """(name, a function that makes it).  CuPy's cuBLAS cannot be captured, so there is no graph."""

    def read(outputs: Any) -> list[np.ndarray]:
        return [np.asarray(place.numpy(a)).astype(np.float64) for a in outputs]

    def copies() -> list[dict[str, Any]]:
        n = 1 if case.family == "train_step" else n_copies(arrays)
        return [{name: place.array(a) for name, a in arrays.items()} for _ in range(n)]

    def by_hand() -> Contestant:
        return Contestant("CuPy", in_turns(_CALLS.get(case.family, _formula)(xp, case), copies()), read)

    def fused() -> Contestant:
        formula = getattr(reference, f"_{case.family}")
        one = xp.fuse()(lambda a, b: formula(xp, a, b)[0])
        return Contestant("CuPy, fused", in_turns(lambda **both: (one(*both.values()),), copies()), read)

    yield "CuPy", by_hand
    if case.family in FUSIBLE:
        yield "CuPy, fused", fused


def _formula(xp: Any, case: Case) -> Callable[..., Any]:
    return lambda **arrays: reference.expected(xp, case, arrays)


class _Adam:
    """Adam's first step in place, its moments kept by the address of the parameters."""

    def __init__(self, xp: Any) -> None:
        self._xp, self._moments = xp, {}

    def update(self, p: Any, g: Any) -> Any:
        """The first moment, after p has been written."""
        if id(p) not in self._moments:
            self._moments[id(p)] = self._xp.zeros_like(p), self._xp.zeros_like(p)
        m, v = self._moments[id(p)]
        m += (1 - BETA1) * (g - m)
        v += (1 - BETA2) * (g * g - v)
        root = (1 - BETA2) ** 0.5
        p -= (LR * root / (1 - BETA1)) * m / (self._xp.sqrt(v) + ADAM_EPS * root)
        return m


def _adam(xp: Any, case: Case) -> Callable[..., Any]:
    adam = _Adam(xp)
    return lambda p, g: (p, adam.update(p, g))


def _train_step(xp: Any, case: Case) -> Callable[..., Any]:
    adam = _Adam(xp)

    def step(**arrays: Any) -> Any:
        loss, *grads = reference.expected(xp, case, arrays)
        for i, g in enumerate(grads):
            adam.update(arrays[f"p{i}"], g)
        return loss, *grads

    return step


_CALLS = {"adam": _adam, "train_step": _train_step}
