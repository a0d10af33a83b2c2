"""A result as Markdown, and the page of what has not been measured."""

import math
from collections.abc import Iterable
from typing import Any

from .cases import CASES
from .probe import ROWS as PROBES
from .sanitizer import REPEATS, TOOLS
from .training import ROWS as DIGITS

OTHER_ROWS = {
    "correctness": ("tests/cuda on the card",),
    "sanitizer": (f"same bits in {REPEATS} runs", *(f"compute-sanitizer {tool}" for tool in TOOLS)),
    "training": tuple(DIGITS),
}
LEGEND = (
    "Microseconds of one call, median (quartiles), by CUDA events, contestants in turns. Roofline: the time that the "
    "bytes or operations which the row needs at least take at this card's measured ceilings. PyTorch and JAX keep "
    "Adam's state in the parameters' dtype, gpugrad in float32."
)
RACES = (
    "Races between blocks over device memory are seen neither by racecheck, which watches shared memory, nor by "
    "memcheck, nor by the run of the kernels on the CPU; the same bits in repeated runs are a sign and no proof."
)


def table(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> list[str]:
    """Lines of a Markdown table."""
    header = list(header)
    lines = [header, ["---"] * len(header), *rows]
    return [
        "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines
    ]


def us(figures: dict[str, Any]) -> str:
    """Median and quartiles."""
    return f"{figures['us']:.1f} ({figures['low']:.1f} to {figures['high']:.1f})"


def best(contestants: dict[str, Any], ours: bool) -> tuple[str, dict[str, Any]] | None:
    """The fastest of ours, or of the others."""
    timed = [(n, f) for n, f in contestants.items() if "us" in f and n.startswith("gpugrad") == ours]
    return min(timed, key=lambda one: one[1]["us"], default=None)


def ratio(row: dict[str, Any]) -> float | None:
    """Time of the best peer over our best."""
    mine, theirs = (best(row.get("contestants", {}), ours) for ours in (True, False))
    return theirs[1]["us"] / mine[1]["us"] if mine and theirs else None


def _contestant_lines(row: dict[str, Any]) -> Iterable[list[str]]:
    if "contestants" not in row:
        yield [row["name"], row["state"], row.get("error", ""), "", ""]
        return
    over = ratio(row)
    for i, (name, figures) in enumerate(row["contestants"].items()):
        share = f"{figures['of_roofline']:.0%}" if "of_roofline" in figures else ""
        first = [row["name"] if i == 0 else "", name]
        text = us(figures) if "us" in figures else figures["error"][:160]
        yield [*first, text, share, f"{over:.2f}" if i == 0 and over is not None else ""]


def _plain(row: dict[str, Any]) -> str:
    """The figures of a row of the other stages, in one line."""
    left_out = {"stage", "name", "state", "error", "seconds", "traceback", "failures", "files", "output", "rounds"}
    parts = []
    for key, value in row.items():
        if key not in left_out and value not in ("", {}):
            parts.append(f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}")
    return "; ".join(filter(None, [row.get("error", "")[:300], *parts]))[:600]


def summary(document: dict[str, Any]) -> list[str]:
    """Geometric means of the ratios, and how many rows are lost."""
    ratios = {row["name"]: r for row in document["rows"] if (r := ratio(row)) is not None}
    if not ratios:
        return ["No row has times of both gpugrad and a peer."]
    mean = math.exp(sum(map(math.log, ratios.values())) / len(ratios))
    lost = [name for name, r in ratios.items() if r < 1]
    return [
        f"Best peer over gpugrad: geometric mean {mean:.2f} over {len(ratios)} rows; slower than the best peer in "
        f"{len(lost)}: {', '.join(lost) or 'none'}."
    ]


def markdown(document: dict[str, Any]) -> str:
    """The page of a result."""
    d = document
    dirty = {True: " with changes not committed", False: "", None: " (no git: changes unknown)"}[d["dirty"]]
    lines = [f"# {d['gpu']}, {d['date']}", ""]
    lines += [f"Commit {d['commit']}{dirty}; kernels {d['kernels']}; driver {d.get('driver', 'none')}; "
              f"CUDA {d.get('runtime_cuda', 'none')}.", ""]  # fmt: skip
    lines += [", ".join(f"{name} {version}" for name, version in d["versions"].items()) + ".", ""]
    lines += [d["precision"][0].upper() + d["precision"][1:] + ".", ""]
    lines += table(
        ("stage", "how it ended", "seconds"), [(s["stage"], s["how"], f"{s['seconds']:.0f}") for s in d["stages"]]
    )
    lines += ["", "## Timings", "", *summary(d), ""]
    lines += [LEGEND, ""]
    timed = [row for row in d["rows"] if row["stage"] == "timings"]
    header = ("case", "by", "microseconds", "of the roofline", "best peer / gpugrad")
    lines += table(header, [line for row in timed for line in _contestant_lines(row)])
    choices = {key: choice for row in timed for key, choice in row.get("choices", {}).items()}
    if choices:
        lines += [
            "",
            "## Which implementation was taken, and why",
            "",
            *table(("for", "taken"), sorted(choices.items())),
        ]
    for stage in dict.fromkeys(row["stage"] for row in d["rows"] if row["stage"] != "timings"):
        rows = [row for row in d["rows"] if row["stage"] == stage]
        lines += ["", f"## {stage.capitalize()}", "", *([RACES, ""] if stage == "sanitizer" else [])]
        lines += table(("row", "state", "figures"), [(row["name"], row["state"], _plain(row)) for row in rows])
        failures = [f for row in rows for f in row.get("failures", [])]
        if failures:
            lines += ["", *table(("test", "message"), [(f["test"], f["message"][:300]) for f in failures])]
    return "\n".join(lines) + "\n"


PAGE = """# What was measured on a GPU

`make gpu` writes `<gpu>-<date>.json` and a table beside it here; they name the card, the commit and the kernels' hash.
`python -m bench.gpu --table FILE` makes the table again from the file.

No result has been committed yet: **no kernel has been run on a GPU for this repository, and every row is unmeasured.**
The kernels are tested on the CPU (tests/host_cuda/README.md), where races between blocks cannot be seen.
"""


def unmeasured() -> str:
    """bench/results/README.md while there is no result: every row the suite has, unmeasured."""
    rows = [("probe", name) for name in PROBES]
    rows += [(stage, name) for stage, names in OTHER_ROWS.items() for name in names]
    rows += [("timings", case.name) for case in CASES]
    lines = table(("stage", "row", "figures"), [(stage, name, "unmeasured") for stage, name in rows])
    return PAGE + "\n" + "\n".join(lines) + "\n"
