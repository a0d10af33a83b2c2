"""What a run leaves behind: rows, ceilings and fits, and the JSON file they stand in, read by the standard library.

docs/benchmarks.md describes the file; bench/gpu writes the same, so that both join one report.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bench.files import BenchError, write

FORMAT = "gpugrad-bench-1"
OURS = "gpugrad"
NOT_MEASURED = "not measured"
BOUNDS = ("ceiling", "bare NumPy")  # measured in the same rounds, but no peers
FAR_NS = 150  # between a trip within one cache, some 60, and one between two, some 300


@dataclass(frozen=True)
class Stat:
    """Median and quartiles of a number of rounds, in the row's unit."""

    median: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Stat":
        """Of one value for each round."""
        if len(values) == 1:
            return cls(values[0], values[0], values[0], 1)
        low, _, high = quantiles(values, n=4, method="inclusive")
        return cls(median(values), low, high, len(values))


@dataclass(frozen=True)
class Ratio:
    """The best peer's time over ours, round by round: above 1 we win."""

    peer: str
    median: float
    low: float
    high: float


@dataclass
class Row:
    """One line of a table.  bytes and flop: the least the work needs; ceiling: which of the file's bounds it meets.

    times: {who: Stat}, in seconds, or in bytes where unit says so.  Names that begin with "gpugrad" are ours.
    handover_ns: how long a line of memory took between two processors meanwhile (bench/handover.py).
    """

    suite: str
    name: str
    params: dict[str, Any] = field(default_factory=dict)
    times: dict[str, Stat] = field(default_factory=dict)
    ratio: Ratio | None = None
    bytes: int | None = None
    flop: int | None = None
    ceiling: str | None = None
    unit: str = "s"
    ours: str = OURS
    notes: dict[str, str] = field(default_factory=dict)
    handover_ns: float | None = None

    @property
    def key(self) -> str:
        """What a row is found by again in another file."""
        params = ", ".join(f"{k}={v}" for k, v in sorted(self.params.items()))
        return f"{self.suite}: {self.name}" + (f" ({params})" if params else "")

    @property
    def peers(self) -> dict[str, Stat]:
        """The times of the others."""
        return {who: stat for who, stat in self.times.items() if is_peer(who)}

    @property
    def is_far(self) -> bool:
        """Whether the processors were so far apart that what runs on several threads was slower."""
        return self.handover_ns is not None and self.handover_ns > FAR_NS

    @property
    def share(self) -> float | None:
        """The bound's time over ours, where the row was measured beside a bound."""
        bound = self.times.get("ceiling")
        return bound.median / self.times[self.ours].median if bound and self.ours in self.times else None


@dataclass
class Fit:
    """time ~ size^exponent over one size of one series, beside the theory's exponent."""

    suite: str
    name: str
    over: str
    sizes: list[float]
    seconds: list[float]
    exponent: Stat
    theory: float


@dataclass
class Run:
    """A file: where and with what it was measured, and what was found."""

    device: str
    machine: dict[str, Any]
    settings: dict[str, Any]
    versions: dict[str, str]
    commit: str
    kernels: str
    started: str
    seconds: float = 0.0
    missing: dict[str, str] = field(default_factory=dict)
    ceilings: dict[str, dict[str, Any]] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    fits: list[Fit] = field(default_factory=list)
    again: list[dict[str, Any]] = field(default_factory=list)  # suites that were measured later, and of what

    def merged(self, later: "Run") -> "Run":
        """This run with the suites of a later one in place of its own, which are held against ceilings of their own."""
        names = later.settings.get("only", [])
        how = {k: later.settings[k] for k in ("seed", "drift_ms", "others") if k in later.settings}
        part = {"suites": names, "commit": later.commit, "started": later.started, "seconds": later.seconds,
                "settings": how, "ceilings": later.ceilings}  # fmt: skip
        before = [{**p, "suites": [name for name in p["suites"] if name not in names]} for p in self.again]
        return replace(
            self,
            rows=[*(r for r in self.rows if r.suite not in names), *(r for r in later.rows if r.suite in names)],
            fits=[*(f for f in self.fits if f.suite not in names), *(f for f in later.fits if f.suite in names)],
            again=[p for p in (*before, part) if p["suites"]],
        )

    def ceilings_of(self, suite: str) -> dict[str, dict[str, Any]]:
        """The ceilings that were measured with a suite."""
        found = (p.get("ceilings") for p in self.again if suite in p["suites"])
        return next(filter(None, found), self.ceilings)

    @property
    def measured_again(self) -> str:
        """In words; empty where all was measured at once."""
        return "".join(f"; {' and '.join(p['suites'])} again at commit {p['commit']}" for p in self.again)

    def save(self, path: Path) -> None:
        """Write the JSON file, one row a line.  Raises BenchError where it cannot be written."""
        found = {"format": FORMAT, **asdict(self)}
        rows, fits = found.pop("rows"), found.pop("fits")
        head = json.dumps(found, indent=1)[:-2]
        parts = [f'"{k}": [\n' + ",\n".join(map(_dumps, v)) + "\n]" for k, v in (("rows", rows), ("fits", fits))]
        write(path, (f"{head},\n" + ",\n".join(parts) + "\n}\n").encode())

    @classmethod
    def load(cls, path: Path) -> "Run":
        """Read such a file.  Raises BenchError for anything else."""
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if found.pop("format") != FORMAT:
                raise ValueError(f"its format is not {FORMAT}")
            found["rows"] = [_row(r) for r in found["rows"]]
            found["fits"] = [Fit(**{**f, "exponent": Stat(**f["exponent"])}) for f in found.get("fits", [])]
            return cls(**found)
        except (AttributeError, KeyError, OSError, TypeError, ValueError) as error:
            raise BenchError(f"{path}: not a file of gpugrad bench ({error})") from error


def _dumps(value: dict[str, Any]) -> str:
    return json.dumps({k: v for k, v in value.items() if v not in (None, {}, [])})


def _row(found: dict[str, Any]) -> Row:
    times = {who: Stat(**stat) for who, stat in found.pop("times", {}).items()}
    ratio = found.pop("ratio", None)
    return Row(**found, times=times, ratio=Ratio(**ratio) if ratio else None)


def is_peer(who: str) -> bool:
    """Whether a name in `times` is that of another library."""
    return not who.startswith(OURS) and who not in BOUNDS


def ratio_of(times: dict[str, Sequence[float]], ours: str = OURS) -> Ratio | None:
    """The ratio against the best peer: the one with the smallest median; None without peers."""
    peers = [who for who in times if is_peer(who)]
    if not peers or ours not in times:
        return None
    best = min(peers, key=lambda who: median(times[who]))
    stat = Stat.of([a / b for a, b in zip(times[best], times[ours], strict=False)])
    return Ratio(best, stat.median, stat.low, stat.high)


def row_of(suite: str, name: str, times: dict[str, Sequence[float]], **more: Any) -> Row:
    """A row from the rounds of each contestant; `ours`, where another than "gpugrad", names which of ours counts."""
    ratio = ratio_of(times, more.get("ours", OURS))
    more["notes"] = {**getattr(times, "notes", {}), **more.get("notes", {})}
    more.setdefault("handover_ns", getattr(times, "handover_ns", None))
    return Row(suite, name, times={who: Stat.of(t) for who, t in times.items()}, ratio=ratio, **more)
