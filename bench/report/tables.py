"""What rows come to: means, which are lost, and figures as text."""

from collections.abc import Iterable, Sequence
from statistics import geometric_mean

from bench.suites.row import FAR_NS, Row, Run

REMARKS = {  # on rows by name, where who is faster computes something else
    "per-sample norms": "Per-sample norms: gpugrad takes them from the factors of each gradient, which is never made; "
    "torch and JAX make the gradients by vmap, the way that torch.func and JAX offer, and take their norms.",
}
PEERLESS = ("ops", "ceilings")  # suites whose rows are held against a bound, not a peer
FAR = "†"
LEGEND = (
    f"{FAR} measured while a line of memory took more than {FAR_NS} ns from one processor to the other and back, as "
    "between processors that share no cache: what runs on several threads is slower then, gpugrad's and others'."
)


def remarks(rows: Iterable[Row]) -> list[str]:
    """What is to be said beside these rows."""
    names = {row.name for row in rows}
    return [text for name, text in REMARKS.items() if name in names]


def with_peers(run: Run) -> list[Row]:
    """The rows with a ratio against a peer."""
    return [row for row in run.rows if row.ratio and row.suite not in PEERLESS]


def lost(run: Run) -> list[Row]:
    """Rows in which the best peer is faster, the worst first."""
    return sorted((r for r in with_peers(run) if r.ratio.median < 1), key=lambda r: r.ratio.median)


def losers_first(rows: Iterable[Row]) -> list[Row]:
    """By ratio, smallest first; rows without one last."""
    return sorted(rows, key=lambda r: r.ratio.median if r.ratio else float("inf"))


def means(run: Run) -> list[str]:
    """A line for each suite and way: the geometric mean of the ratios against the best peer, and how many are lost."""
    lines = []
    for what, rows in grouped(with_peers(run)).items():
        ratios = [r.ratio.median for r in rows]
        lines.append(f"{what}: best peer / gpugrad {geometric_mean(ratios):.2f} over {len(ratios)} rows, "
                     f"lost {sum(x < 1 for x in ratios)}")  # fmt: skip
    return lines


def grouped(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows by suite, our way and unit: "train, compiled", "cold, bytes"."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        unit = "" if row.unit == "s" else row.unit
        found.setdefault(", ".join(filter(None, [row.suite, str(row.params.get("way", "")), unit])), []).append(row)
    return found


def by_unit(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """{"s": rows of times, "bytes": rows of sizes}."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.unit, []).append(row)
    return found


def over(row: Row, peer: str) -> float | None:
    """A peer's median over ours."""
    ours, theirs = row.times.get(row.ours), row.times.get(peer)
    return theirs.median / ours.median if ours and theirs and ours.median else None


def peers_of(rows: Sequence[Row]) -> list[str]:
    """The peers that stand in any of these rows, in order of appearance."""
    return list(dict.fromkeys(who for row in rows for who in row.peers))


SCALES = {
    "s": ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")),
    "bytes": ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B")),
}


def amount(value: float, unit: str = "s") -> str:
    """Three digits and a unit.

    >>> amount(1.5e-5), amount(3 * 2**20, "bytes")
    ('15 µs', '3 MiB')
    """
    for scale, name in SCALES[unit]:
        if abs(value) >= scale:
            return f"{digits(value / scale)} {name}"
    return f"{digits(value / SCALES[unit][-1][0])} {SCALES[unit][-1][1]}"


def digits(value: float) -> str:
    """Three significant digits, without an exponent.

    >>> digits(1234.5), digits(12.34), digits(0.01234)
    ('1235', '12.3', '0.0123')
    """
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"


def per_second(value: float, unit: str) -> str:
    """ "12.3 GB/s", "45 GFLOP/s"."""
    name = "B/s" if unit == "bytes" else "FLOP/s"
    for scale, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= scale:
            return f"{digits(value / scale)} {prefix}{name}"
    return f"{digits(value)} {name}"


def label(row: Row) -> str:
    """A row's name with its parameters."""
    params = ", ".join(str(v) if isinstance(v, str) else f"{k} {v}" for k, v in row.params.items())
    return f"{row.name}, {params}" if params else row.name


def mark(row: Row) -> str:
    """What follows a row's name where it was measured while the processors were far apart."""
    return f" {FAR}" if row.is_far else ""


def legend(rows: Iterable[Row]) -> str:
    """What the mark means, where one of these has it."""
    return LEGEND if any(row.is_far for row in rows) else ""


def dtype_of(row: Row) -> str:
    """Where it is another than float32."""
    found = str(row.params.get("dtype", ""))
    return "" if found == "float32" else found


def handover(run: Run) -> str:
    """How far apart the processors were over the rows; empty where it was not measured."""
    seen = [row.handover_ns for row in run.rows if row.handover_ns is not None]
    if not seen:
        return ""
    far = sum(row.is_far for row in run.rows)
    return (
        f"A line of memory went from one processor to the other and back in {min(seen):.0f} to {max(seen):.0f} ns, "
        f"measured before and after each of {len(seen)} rows; in {far} of them it took more than {FAR_NS} ns"
    )
