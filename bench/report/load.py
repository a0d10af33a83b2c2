"""Files of runs: those of bench/suites as they are, those of bench/gpu in the same form."""

import json
from pathlib import Path
from typing import Any

from bench.files import BenchError
from bench.suites.row import NOT_MEASURED, OURS, Ratio, Row, Run, Stat

BOUND_OF = {"float32": "gemm float32", "bfloat16": "gemm bfloat16", "tf32": "gemm tf32"}


def load(path: Path) -> Run:
    """The run in a file.  Raises BenchError where it is neither form."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        on_gpu = "gpu" in found and "stages" in found
    except (OSError, ValueError, TypeError) as error:
        raise BenchError(f"{path}: cannot be read ({error})") from error
    if not on_gpu:
        return Run.load(path)
    try:
        return from_gpu(found)
    except (KeyError, TypeError, ValueError) as error:
        raise BenchError(f"{path}: not a file of bench.gpu ({type(error).__name__}: {error})") from error


def from_gpu(found: dict[str, Any]) -> Run:
    """A document of bench/gpu: microseconds become seconds, contestants that failed become notes."""
    host, limits = found.get("host", {}), found.get("ceilings", {})
    machine = {"id": found["gpu"], "gpu": found["gpu"], "cpu": host.get("machine", ""), "cores": host.get("cpus"),
               "os": host.get("system", ""), "memory_gib": round(found.get("memory_bytes", 0) / 2**30, 1)}  # fmt: skip
    bounds = {("copy" if k == "copy" else BOUND_OF.get(k, k)): _bound(k, v) for k, v in limits.items()}
    return Run(
        device="cuda:0",
        machine=machine,
        settings={"suite": "gpu", "threads": host.get("cpus"), "precision": found.get("precision", "")},
        versions=found["versions"],
        commit=found["commit"][:9] + ("+" if found.get("dirty") else ""),
        kernels=found["kernels"],
        started=found["date"],
        seconds=sum(stage.get("seconds", 0.0) for stage in found["stages"]),
        ceilings=bounds,
        rows=[_row(row) for row in found["rows"] if row["stage"] == "timings"],
    )


def _bound(name: str, per_s: float) -> dict[str, Any]:
    return {"per_s": per_s, "unit": "bytes" if name == "copy" else "flop", "how": f"measured by the probe ({name})"}


def _row(row: dict[str, Any]) -> Row:
    contestants = row.get("contestants", {})
    timed = {who: f for who, f in contestants.items() if "us" in f}
    times = {who: Stat(f["us"] / 1e6, f["low"] / 1e6, f["high"] / 1e6, f.get("rounds", 0)) for who, f in timed.items()}
    mine = [who for who in times if who.startswith(OURS)]
    ours = min(mine, key=lambda who: times[who].median, default=OURS)
    family, _, sizes = row["name"].partition(" ")
    notes = {**row.get("absent", {}), **{who: f["error"][:160] for who, f in contestants.items() if "error" in f}}
    if not times:
        notes[""] = f"{NOT_MEASURED}: {row.get('error', row.get('state', ''))[:160]}"
    return Row(
        "gpu", family, {"shape": sizes}, times, _ratio(times, ours), row.get("bytes"), row.get("flop"),
        BOUND_OF.get(row.get("dtype", "")), ours=ours, notes=notes,
    )  # fmt: skip


def _ratio(times: dict[str, Stat], ours: str) -> Ratio | None:
    """Of medians; its quartiles are those that the two could have at worst."""
    peers = [who for who in times if not who.startswith(OURS)]
    if not peers or ours not in times:
        return None
    best = min(peers, key=lambda who: times[who].median)
    a, b = times[best], times[ours]
    return Ratio(best, a.median / b.median, a.low / b.high, a.high / b.low)
