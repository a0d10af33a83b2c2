"""What the training step is to reach: ratios of one run, by cell (net and optimizer) and as geometric means."""

from collections.abc import Iterable
from statistics import geometric_mean
from typing import NamedTuple

from bench.peers.nets import NETS
from bench.suites.row import Row, Stat

FAST, ON_NUMPY, BY_HAND = "gpugrad compiled", "gpugrad NumPy executor", "numpy"
RIVALS = ("torch", "torch.compile", "jax")
FIRST, FIRST_TWO = tuple(map(str, NETS[:1])), tuple(map(str, NETS[:2]))


class Target(NamedTuple):
    """value: what was measured, None where who it needs did not take part."""

    what: str
    least: float
    value: float | None

    @property
    def missed(self) -> bool:
        return self.value is not None and self.value < self.least

    def __str__(self) -> str:
        if self.value is None:
            return f"not measured  {self.what} >= {self.least:g}"
        return f"{'MISSED' if self.missed else 'met':8}{self.value:6.2f}  {self.what} >= {self.least:g}"


def cells(rows: Iterable[Row]) -> dict[str, dict[str, Stat]]:
    """{net, batch, optimizer: {who: time}}, in the order of the rows; the ways of one cell share their times."""
    return {f"{r.name}, {r.params['batch']}, {r.params['optimizer']}": r.times for r in rows if r.times}


def best(times: dict[str, Stat], of: Iterable[str] = RIVALS) -> str | None:
    """The fastest of these."""
    return min((who for who in of if who in times), key=lambda who: times[who].median, default=None)


def ratio(times: dict[str, Stat], ours: str, *peers: str) -> float | None:
    """The best of the peers over ours."""
    peer = best(times, peers or RIVALS)
    return times[peer].median / times[ours].median if peer and ours in times else None


def beyond_spread(times: dict[str, Stat]) -> float | None:
    """The ratio at its best: the rival's upper quartile over our lower one.  Below 1 the loss is no chance."""
    peer = best(times)
    return times[peer].high / times[FAST].low if peer and FAST in times else None


def targets(found: dict[str, dict[str, Stat]]) -> list[Target]:
    """All of them."""
    every = list(found.values())

    def mean(ours: str, chosen: list[dict[str, Stat]], *peers: str) -> float | None:
        values = [v for v in (ratio(times, ours, *peers) for times in chosen) if v is not None]
        return geometric_mean(values) if values else None

    rivals = "the best of torch eager, torch.compile and jax"
    fixed = [
        Target(f"geometric mean, {rivals} over {FAST}", 1.3, mean(FAST, every)),
        Target(f"geometric mean, {rivals} over {ON_NUMPY}", 0.85, mean(ON_NUMPY, every)),
        *(Target(f"{name}: torch over {FAST}", 10, ratio(t, FAST, "torch")) for name, t in _some(found, FIRST)),
        *(Target(f"{name}: scikit-learn over {FAST}", 5, ratio(t, FAST, "scikit-learn"))
          for name, t in _some(found, FIRST_TWO)),
    ]  # fmt: skip
    return fixed + [
        Target(f"{name}: {rivals} over {FAST}, within the spread", 1.0, beyond_spread(t)) for name, t in found.items()
    ]


def _some(found: dict[str, dict[str, Stat]], nets: tuple[str, ...]) -> list[tuple[str, dict[str, Stat]]]:
    return [(name, times) for name, times in found.items() if name.rpartition(", ")[0] in nets]
