"""A contestant's training step in a process of its own: for settings that a running process cannot change, and to show
that turns within one process slow nobody.

`python -m bench.peers.apart JSON` builds the trainer, says which course it takes, and then measures a block of steps
for each line it reads.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.pinning import pin
from bench.turns import Pace, block

ROOT = Path(__file__).resolve().parents[2]
MARK = "apart:"  # libraries print lines of their own


class Apart:
    """turn(pace): seconds of a step there.  course: its losses and how far its parameters went, to be checked."""

    def __init__(
        self, who: str, net: Any, optimizer: str, threads: int, seed: int, clock: str = "perf_counter"
    ) -> None:
        with tempfile.TemporaryDirectory() as folder:
            given = {"who": who, "net": net, "optimizer": optimizer, "threads": threads}
            given |= {"seed": seed, "clock": clock, "course": str(Path(folder) / "course.npz")}
            self.process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", "bench.peers.apart", json.dumps(given)], cwd=ROOT, text=True,
                env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for who started this
            )  # fmt: skip
            try:
                self._answer(who)
                self.course = _course(given["course"])
            except BaseException:
                self.process.kill()
                raise

    def turn(self, pace: Pace) -> float:
        """A turn without its rest."""
        assert self.process.stdin
        print(json.dumps(pace), file=self.process.stdin, flush=True)
        return float(self._answer("turn"))

    def _answer(self, what: str) -> str:
        assert self.process.stdout
        for line in self.process.stdout:
            if line.startswith(MARK):
                return line[len(MARK) :].strip()
        self.close()
        raise RuntimeError(f"the process of its own ended ({what}), exit code {self.process.returncode}")

    def close(self) -> None:
        """Let the process end."""
        try:
            self.process.communicate()
        finally:
            self.process.kill()


def _course(path: str) -> tuple[list[float], Any]:
    import numpy as np

    with np.load(path) as file:
        return list(file["losses"]), file["moved"]


def main(given: dict[str, Any]) -> None:
    """What the process does."""
    pin(given["threads"])
    import numpy as np

    from bench.peers import registry
    from bench.peers.nets import Net
    from bench.suites import train
    from bench.suites.task import Settings

    registry.use(given["who"], given["threads"])
    net, settings = Net(tuple(given["net"][0]), *given["net"][1:]), Settings("full", seed=given["seed"])
    batches = train.batches(net, settings)
    trainer = registry.trainers(given["who"])(net, given["optimizer"])
    losses, moved = train.course(trainer, batches)
    np.savez(given["course"], losses=losses, moved=moved)
    print(MARK, "ready", flush=True)
    run, clock = train.run_of(trainer, batches), getattr(time, given["clock"])
    for line in sys.stdin:
        print(MARK, block(run, Pace(*json.loads(line)), clock), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
