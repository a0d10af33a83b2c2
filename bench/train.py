"""One training step of five nets with SGD and Adam: gpugrad compiled and eager, and PyTorch eager.

    python -m bench.train [--rounds 30] [--net 0 1] [--threads 1]

Float32, ReLU, softmax cross entropy (mean squared error for the net with one output), batches that take turns so that
the cache is not measured.  Every run starts from the same parameters, and its losses are compared before its time
counts.  Printed are microseconds of a step, and how many times as long PyTorch takes; with one thread, by processor
time, as other programs on the machine then do not count.  PyTorch is left out where it is not installed.
"""

import argparse
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

import gpugrad as gg
from bench.timing import Run, geometric, machine, measure, measure_on_one_thread
from gpugrad import nn, optim


class Net(NamedTuple):
    """Widths from input to output, and samples in a batch."""

    sizes: tuple[int, ...]
    batch: int

    def __str__(self) -> str:
        return f"{'-'.join(map(str, self.sizes))}, {self.batch}"


NETS = (
    Net((64, 32, 10), 32),
    Net((784, 128, 10), 64),
    Net((784, 512, 512, 10), 128),
    Net((1024, 2048, 2048, 1000), 256),
    Net((16, 64, 64, 1), 8192),
)
OPTIMIZERS = ("sgd", "adam")
LR = 1e-3
N_BATCHES = 4


def data_of(net: Net) -> list[tuple[np.ndarray, np.ndarray]]:
    """A few batches: labels where the net has several outputs, else numbers."""
    rng = np.random.default_rng(0)

    def target() -> np.ndarray:
        n_out = net.sizes[-1]
        return rng.integers(0, n_out, net.batch) if n_out > 1 else rng.standard_normal((net.batch, 1)).astype("f4")

    return [(rng.standard_normal((net.batch, net.sizes[0])).astype("f4"), target()) for _ in range(N_BATCHES)]


def parameters_of(net: Net) -> list[np.ndarray]:
    """Weights and biases to start from."""
    rng = np.random.default_rng(1)
    shapes = [shape for n_in, n_out in itertools.pairwise(net.sizes) for shape in ((n_out, n_in), (n_out,))]
    bounds = [shape[-1] ** -0.5 for shape in shapes]
    return [rng.uniform(-b, b, shape).astype("f4") for b, shape in zip(bounds, shapes, strict=True)]


def gpugrad_step(net: Net, optimizer: str) -> Callable[..., Any]:
    """The step as a user writes it."""
    model = nn.MLP(list(net.sizes), activation="relu", dtype="float32")
    for p, value in zip(model.parameters(), parameters_of(net), strict=True):
        p.data[...] = value
    rule = {"sgd": optim.SGD, "adam": optim.Adam}[optimizer](model.parameters(), lr=LR)
    loss_of = nn.cross_entropy if net.sizes[-1] > 1 else nn.mse_loss

    def step(x: Any, y: Any) -> Any:
        rule.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        rule.step()
        return loss

    step.model = model  # type: ignore[attr-defined]
    return step


def compiled_step(net: Net, optimizer: str) -> Callable[..., Any]:
    """The same step, compiled."""
    return gg.compile(gpugrad_step(net, optimizer))  # type: ignore[no-any-return]


def torch_step(net: Net, optimizer: str) -> Callable[..., Any]:
    """The same step in PyTorch, eager."""
    import torch

    pairs = [[torch.nn.Linear(a, b), torch.nn.ReLU()] for a, b in itertools.pairwise(net.sizes)]
    model = torch.nn.Sequential(*itertools.chain(*pairs))[:-1]
    with torch.no_grad():
        for p, value in zip(model.parameters(), parameters_of(net), strict=True):
            p.copy_(torch.from_numpy(value))
    rule = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer](model.parameters(), lr=LR)
    functional = torch.nn.functional
    loss_of = functional.cross_entropy if net.sizes[-1] > 1 else functional.mse_loss

    def step(x: Any, y: Any) -> Any:
        rule.zero_grad()
        loss = loss_of(model(torch.from_numpy(x)), torch.from_numpy(y))
        loss.backward()
        rule.step()
        return loss

    step.model = model  # type: ignore[attr-defined]
    return step


STEPS: dict[str, Callable[[Net, str], Callable[..., Any]]] = {"compiled": compiled_step, "eager": gpugrad_step}
if find_spec("torch"):
    STEPS["torch"] = torch_step


def runs_of(net: Net, optimizer: str) -> dict[str, Run]:
    """For each peer a run of one step, on the next batch; AssertionError where the losses of ten steps differ."""
    data = data_of(net)
    steps = {name: make(net, optimizer) for name, make in STEPS.items()}
    losses = {name: [step(*data[i % N_BATCHES]).item() for i in range(10)] for name, step in steps.items()}
    for name, found in losses.items():
        np.testing.assert_allclose(found, losses["eager"], rtol=2e-4, err_msg=f"losses of {name}, {net}, {optimizer}")

    def run(step: Callable[..., Any], batches: Iterator[Any]) -> Run:
        return lambda: step(*next(batches))

    return {name: run(step, itertools.cycle(data)) for name, step in steps.items()}


def main(argv: Sequence[str] = ()) -> None:
    """Print a line for each net and optimizer, and geometric means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--net", type=int, nargs="*", default=range(len(NETS)), help="which nets, from 0")
    parser.add_argument("--threads", type=int, default=1, help="1, or 0 for as many as the libraries take")
    options = parser.parse_args(list(argv))
    timed = measure_on_one_thread if options.threads == 1 else measure
    if options.threads == 1 and "torch" in STEPS:
        __import__("torch").set_num_threads(1)
    print(f"{machine()}; microseconds of a step, median (quartiles), and torch over each")
    ratios: dict[str, list[Any]] = {name: [] for name in STEPS if name != "torch"}
    for net, optimizer in itertools.product([NETS[i] for i in options.net], OPTIMIZERS):
        runs = runs_of(net, optimizer)
        spreads = dict(zip(runs, timed(list(runs.values()), options.rounds), strict=True))
        print(f"{net} {optimizer}")
        for name, spread in spreads.items():
            ratio = spreads["torch"].over(spread) if name in ratios and "torch" in spreads else None
            print(f"  {name:10s}{spread}" + (f"   x{ratio}" if ratio else ""))
            if ratio:
                ratios[name].append(ratio)
    for name, found in ratios.items():
        if found:
            print("geometric mean, torch over {}: {:.2f} ({:.2f} to {:.2f})".format(name, *geometric(found)))


if __name__ == "__main__":
    main(sys.argv[1:])
