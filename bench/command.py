"""What `gpugrad bench` does with its options."""

import argparse
import secrets
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from bench.files import BenchError, check_file, check_folder
from bench.peers import registry
from bench.suites import check
from bench.suites import run as running
from bench.suites.machine import ROOT, new_run
from bench.suites.row import Run
from bench.suites.run import SUITES
from bench.suites.task import Settings

DONE, FAILED = 0, 1
README = ROOT / "README.md"


def run(given: argparse.Namespace) -> int:
    """The exit code.  Raises BenchError for options that do not fit."""
    if given.report is not None:
        return report(given.report or [newest()], given.page, given.readme)
    if given.page or given.readme:
        raise BenchError(f"{'--page' if given.page else '--readme'}: nothing is measured for it; give --report as well")
    if given.device != "cpu":
        return on_gpu(given.device, given.out)
    return measure(given)


def measure(given: argparse.Namespace) -> int:
    """Measure the chosen suites, after all options were looked at, and write the file."""
    names, settings, out = suites(given.only), settings_of(given), out_of(given)
    chosen = {"suite": given.suite, "only": names, "threads": given.threads, "seed": settings.seed}
    stored, whole = (stored_in(getattr(given, name), f"--{name}", chosen) for name in ("check", "into"))
    settings.peers, missing = registry.find(peers(given.peers), given.threads, given.suite)
    chosen["peers"] = list(settings.peers)
    if whole and (reason := check.other_peers(whole, new_run("cpu", chosen, missing))):
        raise BenchError(reason)
    for name, why in missing.items():
        print(f"peer {name} does not take part: {why}")
    with running.progress_bar() as watch:
        found = running.complete(names, settings, chosen, missing, watch, print)
    found = whole.merged(found) if whole else found
    try:
        found.save(out)
        print(f"{len(found.rows)} rows in {found.seconds:.0f} s, in {out}")
    finally:
        summary(found)
    return against(stored, found, names, settings) if stored else DONE


def out_of(given: argparse.Namespace) -> Path:
    """The file to write: --out, else --into, else one of today.  Raises BenchError where it cannot be written."""
    today = ROOT / "bench" / "results" / f"cpu-{datetime.now(timezone.utc):%Y-%m-%d}.json"
    out = given.out or given.into or today
    check_file(out, "--into" if given.into and not given.out else "--out")
    return out


def stored_in(path: Path | None, option: str, chosen: dict[str, Any]) -> Run | None:
    """The file that an option names.  Raises BenchError where it is not of this machine, suite and threads."""
    if path is None:
        return None
    stored = Run.load(path)
    if reason := check.alike(stored, new_run("cpu", chosen, {}), option):
        raise BenchError(reason)
    return stored


def suites(only: list[str] | None) -> list[str]:
    """The chosen suites, in their order."""
    if unknown := set(only or ()) - set(SUITES):
        raise BenchError(f"--only: {', '.join(sorted(unknown))} is not a suite; expected one of {', '.join(SUITES)}")
    return [name for name in SUITES if not only or name in only]


def peers(text: str | None) -> list[str] | None:
    """ "torch,jax" as a list; None for all."""
    if text is None:
        return None
    return [] if text == "none" else [name.strip() for name in text.split(",")]


def settings_of(given: argparse.Namespace) -> Settings:
    """Without a seed, a new one."""
    if given.threads < 1:
        raise BenchError(f"--threads: got {given.threads}; expected 1 or more")
    seed = secrets.randbelow(2**32) if given.seed is None else given.seed
    return Settings(given.suite, threads=given.threads, seed=seed)


def against(stored: Run, found: Run, names: list[str], settings: Settings) -> int:
    """Say which ratios fell beside the stored file."""
    if reason := check.comparable(stored, found):
        raise BenchError(reason)
    fallen = check.confirmed(stored, found, running.tasks_of(names, settings), settings, print)
    failed = check.failed(found)
    for fall in fallen:
        print(f"slower: {fall}")
    for row in failed:
        print(f"failed: {row.key}: {row.notes['']}")
    if not fallen and not failed:
        print(f"no ratio fell by more than {check.allowed_in(found):.0%}")
    return FAILED if fallen or failed else DONE


def summary(found: Run) -> None:
    """The geometric means, and the row that is lost by most."""
    from bench.report.tables import handover, lost, means

    for line in filter(None, [*means(found), handover(found)]):
        print(line)
    if rows := lost(found):
        print(f"{len(rows)} rows are slower than the best peer; the first: {rows[0].key}, {rows[0].ratio.median:.2f}")


def report(files: list[Path], folder: Path | None, readme: bool) -> int:
    """The page and pictures of these files; with `readme` the README's table as well."""
    from bench.report import page
    from bench.report.load import load
    from bench.report.readme import fill

    runs = [load(path) for path in files]
    folder = folder or files[-1].parent / files[-1].stem
    check_folder(folder, "--page")
    where = page.write(runs, folder)
    print(f"wrote {where}")
    if readme:
        fill(README, runs[-1], files[-1])
        print(f"filled the performance table of {README}")
    return DONE


def newest() -> Path:
    """The last file of bench/results."""
    files = sorted((ROOT / "bench" / "results").glob("*.json"), key=lambda path: path.stat().st_mtime)
    if not files:
        raise BenchError("--report: no file is named and bench/results has none; run gpugrad bench first")
    return files[-1]


def on_gpu(device: str, out: Path | None = None) -> int:
    """The GPU suite is a program of its own, with one process for each stage."""
    if not device.startswith("cuda"):
        raise BenchError(f"--device: got {device}; expected cpu or cuda")
    words = ["--out", str(out.absolute())] if out else []
    return subprocess.run([sys.executable, "-m", "bench.gpu", *words], cwd=ROOT).returncode
