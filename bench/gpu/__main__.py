"""The GPU suite.  Results are written under bench/results/ after every stage: what ends a run early keeps them."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.files import BenchError, check_file, write

from . import results
from .stages import STAGES, Stage, environment, rows_of, run_stage
from .table import markdown, unmeasured


def run(stages: Sequence[Stage], document: dict[str, Any], path: Path, command: Sequence[str] = ()) -> None:
    """Every stage in its turn; the document and its table are on disk before the first and after each."""
    with tempfile.TemporaryDirectory() as scratch:
        env = environment(Path(scratch))
        save(document, path)
        for stage in stages:
            print(f"{stage.module} ({stage.budget_s:g} s): {stage.about}", flush=True)
            lines, began = Path(scratch) / f"{stage.module}.jsonl", time.monotonic()
            try:
                how = run_stage(stage, lines, command, env)
            except OSError as error:
                how = f"could not be run: {error}"
            told = {"stage": stage.module, "how": how, "seconds": round(time.monotonic() - began, 1)}
            results.add(document, told, rows_of(stage, lines, how))
            save(document, path)
            print(f"{stage.module}: {how}, {told['seconds']:.0f} s", flush=True)


def save(document: dict[str, Any], path: Path) -> None:
    """The JSON, and the table beside it."""
    results.write(document, path)
    write(path.with_suffix(".md"), markdown(document).encode())


def exit_code(document: dict[str, Any]) -> int:
    """1 where a row failed or was lost; what is not present, or was not reached in time, is no failure."""
    return int(any(row["state"] in ("failed", "lost") for row in document["rows"]))


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=[s.module for s in STAGES], help="these stages alone")
    parser.add_argument("--out", type=Path, help="the JSON file (default: bench/results/<gpu>-<date>.json)")
    parser.add_argument("--scale", type=float, default=1.0, help="times the time budget of every stage (default 1)")
    parser.add_argument("--table", type=Path, metavar="FILE", help="make the table of a JSON file again, run nothing")
    parser.add_argument("--page", action="store_true", help="write bench/results/README.md, the rows unmeasured")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """0; 1 where a row failed or was lost, 2 where there is no CUDA device, or where --out cannot be written."""
    given = parsed(argv)
    if given.table:
        page = markdown(json.loads(given.table.read_text(encoding="utf-8")))
        given.table.with_suffix(".md").write_text(page, encoding="utf-8")
        return 0
    if given.page:
        (results.FOLDER / "README.md").write_text(unmeasured(), encoding="utf-8")
        return 0
    document = results.beginning()
    if document["gpu"] == "none":
        print(f"no CUDA device: {document['reason']}", file=sys.stderr)
        return 2
    path = given.out or results.path_for(document)
    try:
        check_file(path, "--out")
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    chosen = [s for s in STAGES if not given.only or s.module in given.only]
    run([s._replace(budget_s=s.budget_s * given.scale) for s in chosen], document, path)
    print(f"{path}\n{path.with_suffix('.md')}")
    return exit_code(document)


if __name__ == "__main__":
    sys.exit(main())
