"""The page's parts, as HTML."""

import re
from collections.abc import Iterable, Sequence
from html import escape
from statistics import geometric_mean

from bench.report.reasons import by_reason, reason_of
from bench.report.tables import (
    PEERLESS,
    amount,
    by_unit,
    digits,
    grouped,
    handover,
    label,
    legend,
    losers_first,
    lost,
    mark,
    over,
    peers_of,
    per_second,
    remarks,
    with_peers,
)  # fmt: skip
from bench.suites.row import Row, Run

TITLES = {
    "overhead": "Overhead of one operation", "products": "Matrix products and linear layers", "train": "Training steps",
    "cold": "End to end, from a cold process", "calculus": "Derivatives beyond the gradient", "scale": "Scaling",
    "gpu": "On the GPU",
}  # fmt: skip


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table that scrolls by itself where it is too wide; cells are HTML, those of a column "why" are words."""
    kinds = [' class="why"' if cell == "why" else "" for cell in header]
    cells = ("".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(row, kinds, strict=True)) for row in rows)
    lines = "\n".join(f"<tr>{line}</tr>" for line in cells)
    head = "".join(f"<th{kind}>{cell}</th>" for cell, kind in zip(header, kinds, strict=True))
    return f'<div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{lines}\n</tbody></table></div>'


def ratio(value: float | None) -> str:
    """Green above 1, red below."""
    if value is None:
        return "–"
    return f'<span class="{"good" if value >= 1 else "bad"}">{digits(value)}</span>'


def head(run: Run) -> str:
    """Title, machine, versions, ceilings."""
    m, s = run.machine, run.settings
    where = m.get("gpu") or m.get("cpu") or run.device
    made_with = filter(None, [f"device {run.device}", f"threads {s.get('threads')}", str(s.get("precision", ""))])
    lines = [
        f"{escape(str(where))}, {m.get('cores')} cores, {m.get('memory_gib')} GiB, {escape(str(m.get('os')))}; "
        f"{escape(', '.join(made_with))}",
        f"{escape(run.started)}, {run.seconds / 60:.1f} minutes, suite {escape(str(s.get('suite')))}, commit "
        f"{escape(run.commit + run.measured_again)}, kernels {escape(run.kernels)}, seed {s.get('seed', '–')}; "
        f"times are {escape(str(s.get('clock', 'by CUDA events')))}",
        escape(", ".join(f"{name} {version}" for name, version in run.versions.items())),
    ]
    bounds = [f"{escape(name)} {per_second(b['per_s'], b['unit'])}" for name, b in run.ceilings.items()]
    lines += ["Measured ceilings: " + ", ".join(bounds)] if bounds else []
    return "<h1>gpugrad beside its peers</h1>\n" + "\n".join(f'<p class="meta">{line}</p>' for line in lines)


def standing(run: Run) -> str:
    """Geometric means of each suite and way against the best peer and against each."""
    rows = [r for r in with_peers(run) if r.unit == "s"]
    peers = peers_of(rows)
    lines = []
    for alike in grouped(rows).values():
        means = [_mean([over(r, peer) for r in alike]) for peer in peers]
        best = _mean([r.ratio.median for r in alike])
        way = "".join(f"{part}, " for part in [str(alike[0].params.get("way", ""))] if part)
        title = TITLES.get(alike[0].suite, alike[0].suite)
        name = f"{escape(title)} <small>{escape(way)}{len(alike)} row{'s' * (len(alike) > 1)}</small>"
        lines.append([name, ratio(best), *map(ratio, means)])
    if not lines:
        return ""
    text = "Geometric means of the time of a peer over gpugrad's: above 1, gpugrad is faster."
    header = ["suite", "best peer of each row", *map(escape, peers)]
    return f"<h2>Where it stands</h2>\n<p>{text}</p>\n{table(header, lines)}\n{_missing(run)}"


def _mean(values: Iterable[float | None]) -> float | None:
    there = [v for v in values if v]
    return geometric_mean(there) if there else None


def _missing(run: Run) -> str:
    lines = "".join(f"<li>{escape(name)}: {escape(why)}</li>" for name, why in run.missing.items())
    return f"<p>Peers that did not take part:</p><ul>{lines}</ul>" if lines else "<p>All known peers took part.</p>"


def lost_rows(run: Run) -> str:
    """Every row in which a peer is faster, the worst first, and why."""
    rows = lost(run)
    if not rows:
        return "<h2>Rows that gpugrad loses</h2>\n<p>None.</p>" if with_peers(run) else ""
    lines = [
        [
            f"{escape(r.suite)}: {_name(r)}",
            f"{ratio(r.ratio.median)}<br><small>{digits(r.ratio.low)} to {digits(r.ratio.high)}</small>",
            escape(reason_of(r).what),
            escape(r.ratio.peer),
            _cell(r, r.ratio.peer),
            _cell(r, r.ours),
        ]
        for r in rows
        if r.ratio
    ]
    header = ["row", "ratio", "why", "best peer", "its time", "our time"]
    title = f"<h2>Rows that gpugrad loses: {len(rows)} of {len(with_peers(run))}</h2>"
    return f"{title}\n{table(header, lines)}\n{_legend(rows)}{reasons(rows)}"


def _legend(rows: Iterable[Row]) -> str:
    text = legend(rows)
    return f'<p class="note">{escape(text)}</p>\n' if text else ""


def reasons(rows: list[Row]) -> str:
    """What bounds the lost rows, and what was tried."""
    lines = "".join(
        f"<dt>{escape(reason.what)} <small>{len(found)} row{'s' * (len(found) > 1)}</small></dt>"
        f"<dd>{escape(reason.why)}</dd>"
        for reason, found in by_reason(rows).items()
    )
    return f"<dl>{lines}</dl>"


def tables(run: Run) -> str:
    """A table for each suite, lost rows first."""
    parts = []
    for suite in dict.fromkeys(r.suite for r in run.rows if r.suite not in PEERLESS):
        for unit, rows in by_unit(r for r in run.rows if r.suite == suite and r.times).items():
            title = escape(TITLES.get(suite, suite)) + (", bytes" if unit == "bytes" else "")
            said = "".join(f"<p>{escape(text)}</p>\n" for text in remarks(rows))
            parts.append(f"<h2>{title}</h2>\n{said}{_suite(rows, run)}")
    failed = [r for r in run.rows if not r.times]
    if failed:
        lines = [[escape(f"{r.suite}: {r.name}"), escape(r.notes.get("", ""))] for r in failed]
        parts.append(f"<h2>Not measured</h2>\n{table(['row', 'why'], lines)}")
    return "\n".join(parts)


def _suite(rows: list[Row], run: Run) -> str:
    mine = list(dict.fromkeys(who for r in rows for who in r.times if who not in r.peers))
    peers = peers_of(rows)
    header = ["row", "ratio", *map(escape, (*mine, *peers)), *(["of its bound"] if _bounded(rows, run) else [])]
    lines = []
    for r in losers_first(rows):
        cells = [_name(r), ratio(r.ratio.median) if r.ratio else "–"]
        for who in (*mine, *peers):
            cells.append(_cell(r, who))
        if _bounded(rows, run):
            cells.append(_share(r, run))
        lines.append(cells)
    return table(header, lines) + _legend(rows) + _notes(rows)


def _name(r: Row) -> str:
    """A row's name, which breaks between the sizes of a shape and not within one."""
    return re.sub(r"(?<=\d)x(?=\d)", "x<wbr>", escape(label(r))) + mark(r)


def _cell(r: Row, who: str) -> str:
    if who not in r.times:
        return "–"
    stat, text = r.times[who], amount(r.times[who].median, r.unit)
    return f"{text}<br><small>{amount(stat.low, r.unit)} to {amount(stat.high, r.unit)}</small>"


def _notes(rows: list[Row]) -> str:
    """Each text once, with the rows it stands in."""
    found: dict[str, list[str]] = {}
    for r in rows:
        for who, text in r.notes.items():
            found.setdefault(f"{who}: {text}" if who else text, []).append(label(r))
    lines = (
        f"<li>{escape(text)} <small>({escape('; '.join(names[:4]))})</small></li>" for text, names in found.items()
    )
    return f'<ul class="note">{"".join(lines)}</ul>' if found else ""


def _bounded(rows: list[Row], run: Run) -> bool:
    return any(r.flop and r.ceiling in run.ceilings for r in rows)


def _share(r: Row, run: Run) -> str:
    """The time that its FLOP or its bytes take at the ceilings, over ours."""
    ceilings = run.ceilings_of(r.suite)
    bound = ceilings.get(r.ceiling or "")
    if not bound or not r.flop or r.ours not in r.times:
        return "–"
    least = r.flop / bound["per_s"]
    if r.bytes and "copy" in ceilings:
        least = max(least, r.bytes / ceilings["copy"]["per_s"])
    return f"{least / r.times[r.ours].median:.0%}"


def operations(run: Run) -> str:
    """Every primitive beside a copy of as many bytes, slowest first."""
    rows = losers_first(r for r in run.rows if r.suite == "ops" and r.times)
    if not rows:
        return ""
    lines = [
        [
            f"{escape(r.name)} <small>{escape(r.params['part'])}</small>",
            f"{r.params['n']:,}",
            f"{r.bytes or 0:,}",
            amount(r.times[r.ours].median),
            per_second((r.bytes or 0) / r.times[r.ours].median, "bytes"),
            f"{r.share or 0:.0%}",
        ]
        for r in rows
    ]
    text = (
        "Bytes are those of the arrays that must be read and written. The share is the time of a copy of as many bytes "
        "in the same rounds over ours: 100 % is bound by memory alone; exp, sorting and linear algebra are bound by "
        "arithmetic, small arrays by the call."
    )
    header = ["operation", "elements", "bytes", "time", "bytes a second", "of a copy"]
    shown = table(header, lines)
    return f"<h2>Operations</h2>\n<p>{text}</p>\n<details><summary>All {len(lines)} rows</summary>\n{shown}\n</details>"


def exponents(run: Run) -> str:
    """Fitted beside the theory's."""
    if not run.fits:
        return ""
    lines = [
        [
            escape(f"{f.suite}: {f.name}"),
            escape(f.over),
            f"{f.exponent.median:.2f}",
            f"{f.exponent.low:.2f} to {f.exponent.high:.2f}",
            f"{f.theory:g}",
            f"{f.sizes[0]:g} to {f.sizes[-1]:g}",
        ]
        for f in run.fits
    ]
    text = (
        "Time grows as the size to this power; below the theory's where the cost of calls still shows. Over ranks "
        "nothing is measured: there is no data-parallel training yet."
    )
    header = ["series", "over", "exponent", "quartiles", "theory", "sizes"]
    return f"<h2>Exponents</h2>\n<p>{text}</p>\n{table(header, lines)}"


def method(run: Run) -> str:
    """How it was measured."""
    between = handover(run)
    return (
        "<h2>Method</h2>\n<p>Contestants take turns, so that a drifting machine hurts all: in each turn calls that do "
        "not count, until it is warm, then a block of calls as in a loop. A row has 30 rounds, or as many as fit into "
        "one second (two in the full suite); medians, with quartiles. A ratio is taken round by round. Inputs are "
        "drawn anew for each run; results are compared with float64 before a time counts, and training steps by ten "
        "losses and the way of the parameters. A row in which a peer is faster stays, and stands first."
        f"{escape(f' {between}.') if between else ''}</p>"
    )
