"""The README's performance table, between its markers: no figure there is typed by hand."""

from pathlib import Path
from statistics import geometric_mean

from bench.files import BenchError, write
from bench.report.reasons import by_reason
from bench.report.tables import (
    FAR,
    LEGEND,
    amount,
    digits,
    dtype_of,
    grouped,
    lost,
    mark,
    over,
    peers_of,
    remarks,
    with_peers,
)  # fmt: skip
from bench.suites.row import Row, Run

BEGIN, END = "<!-- performance -->", "<!-- /performance -->"


def fill(readme: Path, run: Run, source: Path) -> None:
    """Put the table of this run between the markers.  Raises BenchError where they are not there, once each."""
    text = readme.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise BenchError(f"{readme}: expected {BEGIN} and then {END}, once each")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    write(readme, f"{before}{BEGIN}\n{markdown(run, source.name)}\n{END}{after}".encode())


def markdown(run: Run, source: str) -> str:
    """Training steps, the other suites by their means, and the rows that are lost."""
    m = run.machine
    versions = ", ".join(f"{name} {run.versions[name]}" for name in ("numpy", "torch", "jax") if name in run.versions)
    n_threads = run.settings.get("threads")
    threads = f"{n_threads} thread" + ("" if n_threads == 1 else "s")
    head = (
        f"{m.get('gpu') or m.get('cpu')}, {m.get('cores')} cores, {threads}, {versions}; "
        f"commit {run.commit}, {run.started[:10]}{run.measured_again}, `bench/results/{source}`. "
        "A ratio is a peer's time over gpugrad's: above 1 gpugrad is faster."
    )
    parts = [head, steps(run), means(run), *remarks(with_peers(run)), losses(run)]
    text = "\n\n".join(filter(None, parts))
    return f"{text}\n\n{LEGEND}" if FAR in text else text


def steps(run: Run) -> str:
    """A line for each training step: our times, and each peer's ratio to the compiled one."""
    rows = [r for r in run.rows if r.suite == "train" and r.times and r.params.get("way") == "compiled"]
    rows = rows or [r for r in run.rows if r.suite == "train" and r.times]
    if not rows:
        return ""
    peers = peers_of(rows)
    lines = [["training step, batch", "eager", "compiled", *(f"{p} /" for p in peers)]]
    for r in rows:
        times = [amount(r.times[who].median) if who in r.times else "–" for who in ("gpugrad", "gpugrad compiled")]
        ratios = [digits(v) if (v := over(r, p)) is not None else "–" for p in peers]
        words = (r.name, str(r.params.get("batch")), str(r.params.get("optimizer")), dtype_of(r))
        lines.append([", ".join(filter(None, words)) + mark(r), *times, *ratios])
    return _table(lines)


def means(run: Run) -> str:
    """Geometric means of each suite, eager and compiled apart."""
    rows = [r for r in with_peers(run) if r.unit == "s"]
    peers = peers_of(rows)
    lines = [["geometric mean", "rows", "best peer", *peers]]
    for what, chosen in grouped(rows).items():
        lines.append([what, str(len(chosen)), _mean([r.ratio.median for r in chosen]),
                      *(_mean([over(r, p) for r in chosen]) for p in peers)])  # fmt: skip
    return _table(lines) if len(lines) > 1 else ""


def _mean(values: list[float | None]) -> str:
    there = [v for v in values if v]
    return digits(geometric_mean(there)) if there else "–"


def losses(run: Run) -> str:
    """How many rows are lost, and why, with the range of their ratios and the one that is lost by most."""
    rows, all_of_them = lost(run), with_peers(run)
    if not rows:
        return "No row is lost." if all_of_them else ""
    lines = [f"- **{reason.what}**, {_range(found)}. {reason.why}" for reason, found in by_reason(rows).items()]
    return f"A peer is faster in {len(rows)} of {len(all_of_them)} rows:\n\n" + "\n".join(lines)


def _range(rows: list[Row]) -> str:
    first, key = rows[0].ratio, f"{rows[0].key}{mark(rows[0])}"
    assert first
    if len(rows) == 1:
        return f"1 row, {digits(first.median)} ({key}; {first.peer})"
    last, far = max(row.ratio.median for row in rows if row.ratio), sum(row.is_far for row in rows)
    text = f"{len(rows)} rows, {digits(first.median)} to {digits(last)}" + (f", {far} of them {FAR}" if far else "")
    return f"{text} (most: {key}; {first.peer})"


def _table(lines: list[list[str]]) -> str:
    head, *rest = lines
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule, *rest])
