"""From a cold process to a trained net: `python -m bench.peers.cold CONTESTANT DATA BEGAN` prints one JSON line.

DATA is an NPZ of x, y, and of x_test, y_test with a share to reach, or of a loss to reach.  Everyone sees the same
batches in the same order.  What counts is the time since BEGAN, when the process was started: interpreter, imports,
compiling, training.
"""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

LIMIT_S = 60.0
EVERY = 20  # steps between two looks at the loss


def main(who: str, data: str, began: float) -> None:
    import numpy as np

    with np.load(data) as file:
        arrays = dict(file)
    taken_off = 0.0 if who.startswith("gpugrad") else _harness()
    from bench.peers import registry

    contestants = registry.trainers(who)
    steps, reached = train(contestants, arrays)
    seconds = time.time() - began - taken_off
    print(
        json.dumps(
            {"seconds": seconds, "peak": peak_bytes(), "steps": steps, "reached": reached, "taken_off": taken_off}
        )
    )


def peak_bytes() -> int:
    """Of this process alone: what getrusage says on Linux begins with the peak of the process that started it."""
    status = Path("/proc/self/status")
    if status.is_file():
        lines = status.read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _harness() -> float:
    """Seconds of importing gpugrad, which bench/overhead.py does for all: no part of another's time."""
    start = time.time()
    import bench.overhead  # noqa: F401

    return time.time() - start


def train(make: Any, arrays: Any) -> tuple[int, float]:
    """Steps taken, and the accuracy or loss reached."""
    import numpy as np

    from bench.peers.nets import Net

    x, y = arrays["x"], arrays["y"]
    net = Net(tuple(int(n) for n in arrays["sizes"]), int(arrays["batch"]))
    trainer = make(net, "adam")
    rng, steps, recent, begin = np.random.default_rng(0), 0, [], time.time()
    while time.time() - begin < LIMIT_S:
        order = rng.permutation(len(x))[: len(x) // net.batch * net.batch]
        for rows in order.reshape(-1, net.batch):
            recent.append(trainer.step(*trainer.put(x[rows], y[rows])))
            steps += 1
            if "loss" in arrays and steps % EVERY == 0 and (mean := sum(recent[-EVERY:]) / EVERY) <= arrays["loss"]:
                return steps, mean
        if "accuracy" in arrays and (share := accuracy(trainer, arrays)) >= arrays["accuracy"]:
            return steps, share
    raise SystemExit(f"not reached in {LIMIT_S:.0f} s")


def accuracy(trainer: Any, arrays: Any) -> float:
    """Of the held-out rows, by NumPy for everyone."""
    from bench.peers.nets import forward

    return float((forward(trainer.weights(), arrays["x_test"]).argmax(1) == arrays["y_test"]).mean())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
