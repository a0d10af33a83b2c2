"""`python -m bench`: what `gpugrad bench` starts.  Pins threads before anything with threads is imported."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.pinning import pin

DONE, FAILED, USAGE = 0, 1, 2
INTERRUPTED = 130


def parser() -> argparse.ArgumentParser:
    """All options."""
    p = argparse.ArgumentParser(
        prog="gpugrad bench",
        description="Measure gpugrad beside its peers on this machine, or make the page of files measured before.",
        epilog="See docs/benchmarks.md. Exit codes: 0 done, 1 a ratio fell, 2 not understood, 130 interrupted.",
    )
    p.add_argument("--suite", choices=("tiny", "quick", "full"), default="quick", help="how much (default quick)")
    p.add_argument("--only", action="append", metavar="NAME", help="only this suite; may be given again")
    p.add_argument("--peers", help="only these, with commas between; none for gpugrad alone")
    p.add_argument("--device", default="cpu", help="cpu, or cuda for bench/gpu")
    p.add_argument("--threads", type=int, default=1, help="of every library (default 1)")
    p.add_argument("--seed", type=int, help="of the inputs; by default another one each time, kept in the file")
    p.add_argument("--check", type=Path, metavar="FILE", help="exit with 1 where a ratio fell by more than 15 %%")
    p.add_argument("--out", type=Path, metavar="FILE", help="the JSON file (default bench/results/cpu-DATE.json)")
    p.add_argument("--into", type=Path, metavar="FILE", help="put the suites measured in place of those of this file")
    p.add_argument("--report", nargs="*", type=Path, metavar="FILE", help="measure nothing: the page of these files")
    p.add_argument("--page", type=Path, metavar="FOLDER", help="where the page goes (default beside the file)")
    p.add_argument("--readme", action="store_true", help="fill the README's performance table from the last file")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0; 1 where --check found a fall; 2 for what is not understood; 130 where it was interrupted."""
    try:
        return _main(argv)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def _main(argv: Sequence[str] | None) -> int:
    given = parser().parse_args(argv)
    if given.report is None and given.device == "cpu":
        pin(given.threads)
    from bench import command
    from bench.files import BenchError

    try:
        return command.run(given)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that its children end too
    sys.exit(main())
