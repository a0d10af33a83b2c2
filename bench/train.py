"""One training step of five nets with SGD and Adam, by everybody in one run, beside the targets.

    python -m bench.train [--threads 2] [--net 0 1] [--peers torch,jax] [--check] [--alone]

The measurement is that of the suite `train` (bench/suites/train.py), with torch.compile.  Printed are microseconds of a
step, and for each of our ways the best of torch eager, torch.compile and jax over it, and NumPy by hand over it.
--check: exit code 1 where a target is missed.  --alone: each contestant once more, in a process of its own that nobody
shares, which is to show that the turns slow nobody.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from bench.pinning import PROCESSORS, pin

DONE, MISSED = 0, 1


def parser() -> argparse.ArgumentParser:
    """All options."""
    p = argparse.ArgumentParser(prog="python -m bench.train", description=__doc__.splitlines()[0])
    p.add_argument("--threads", type=int, default=len(PROCESSORS), help="of everybody (default: the processors)")
    p.add_argument("--net", type=int, nargs="*", help="which nets, from 0 (default all)")
    p.add_argument("--peers", help="only these, with commas between; none for gpugrad alone")
    p.add_argument("--check", action="store_true", help="exit with 1 where a target is missed")
    p.add_argument("--alone", action="store_true", help="each contestant in a process of its own as well")
    p.add_argument("--scale", choices=("tiny", "quick", "full"), default="full", help="rounds (default full)")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code."""
    given = parser().parse_args(argv)
    pin(given.threads)
    from bench import command, targets
    from bench.peers import registry
    from bench.suites.task import Settings

    peers, missing = registry.find(command.peers(given.peers), given.threads, "full")
    settings = Settings(given.scale, peers, given.threads)
    for name, why in missing.items():
        print(f"peer {name} does not take part: {why}")
    print(f"{given.threads} of {len(PROCESSORS)} processors; microseconds of a step: median (quartiles), rounds")
    found = _measured(settings, given.net, given.alone)
    reached = targets.targets(found)
    print("\n".join(map(str, reached)))
    return MISSED if given.check and any(target.missed for target in reached) else DONE


def _measured(settings: Any, nets: list[int] | None, alone: bool) -> dict[str, Any]:
    """{cell: times}, printed as they come."""
    from bench import targets
    from bench.peers.nets import NETS, OPTIMIZERS
    from bench.suites import train

    found: dict[str, Any] = {}
    for net in [NETS[i] for i in (range(len(NETS)) if nets is None else nets)]:
        for optimizer in OPTIMIZERS:
            rows = list(train.rows(net, optimizer, settings))
            found |= targets.cells(rows)
            print(f"{net}, {optimizer}{handover(rows[0])}")
            print("\n".join(lines(rows[0])), flush=True)
            for who in rows[0].times if alone else ():
                print(f"  {who:24}{_alone(who, net, optimizer, settings, rows[0]):10.1f} alone", flush=True)
    return found


def handover(row: Any) -> str:
    """How far the processors were apart, where that was measured."""
    from bench.suites.row import FAR_NS

    if row.handover_ns is None:
        return ""
    far = f", more than {FAR_NS}: what runs on several threads is slower" if row.is_far else ""
    return f"; a line of memory went there and back in {row.handover_ns:.0f} ns{far}"


def lines(row: Any) -> list[str]:
    """One for each contestant, one for each that is missing."""
    from bench import targets
    from bench.suites.row import OURS

    found = []
    for who, stat in row.times.items():
        text = f"  {who:24}{stat.median * 1e6:10.1f} ({stat.low * 1e6:.1f} to {stat.high * 1e6:.1f}), {stat.rounds}"
        if who.startswith(OURS):
            over = {"best": targets.ratio(row.times, who), "numpy": targets.ratio(row.times, who, targets.BY_HAND)}
            text += "".join(f"   {name} / it {value:.2f}" for name, value in over.items() if value is not None)
        found.append(text + (f"   {row.notes[who]}" if who in row.notes else ""))
    return found + [f"  {who:24}{text}" for who, text in row.notes.items() if who not in row.times]


def _alone(who: str, net: Any, optimizer: str, settings: Any, row: Any) -> float:
    """Microseconds of a step there, the median of as many blocks, on as many threads as were faster here."""
    from contextlib import closing
    from statistics import median

    from bench.peers.apart import Apart

    threads = 1 if "on one thread" in row.notes.get(who, "") else settings.threads
    clock = "process_time" if settings.threads == 1 else "perf_counter"
    with closing(Apart(who, net, optimizer, threads, settings.seed, clock)) as apart:
        return 1e6 * median(apart.turn(settings.pace) for _ in range(row.times[who].rounds))


if __name__ == "__main__":
    sys.exit(main())
