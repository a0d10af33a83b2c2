"""Training steps of five nets, eager and compiled, beside the peers.

Everybody starts from the same parameters and sees the same batches.  Before a time counts, ten losses must agree with
those of float64, and so must how far the parameters have come.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from typing import Any

import numpy as np

from bench.peers import by_hand, ours
from bench.peers.apart import Apart
from bench.peers.nets import NETS, OPTIMIZERS, Net, Trainer, batches_of, bytes_of, flop_of
from bench.suites.row import OURS, Fit, Row, row_of
from bench.suites.task import Settings, Task
from bench.turns import Contestant

N_BATCHES, N_CHECKED = 8, 10
LOSS_TOLERANCE = 1e-3
MOVE_TOLERANCE = 0.1  # of the way: small gradients, whose rounding (and eps) Adam's first steps show, are in it

Course = tuple[list[float], np.ndarray]
Batches = list[tuple[np.ndarray, np.ndarray]]


def tasks(settings: Settings) -> Iterator[Task]:
    """One for each net and optimizer."""
    for net in settings.pick((Net((4, 3, 2), 5),), NETS[:3], (*NETS, NETS[1]._replace(dtype="float64"))):
        for optimizer in OPTIMIZERS:
            cost = 3.0 + 10 * 60 * flop_of(net) / 1e11
            yield Task("train", f"{net}, {optimizer}", cost, lambda s, n=net, o=optimizer: rows(n, o, s))


def batches(net: Net, settings: Settings) -> Batches:
    """What everybody trains on, by turns."""
    return batches_of(net, settings.rng(*net.sizes), N_BATCHES)


def rows(net: Net, optimizer: str, settings: Settings) -> Iterator[Row | Fit]:
    """A row for each of our ways to take the step, of one measurement."""
    expected = course(by_hand.trainer(net, optimizer, np.float64), batches(net, settings))
    runs, notes = runs_of(net, optimizer, settings, expected)
    with ExitStack() as stack:
        more = {}
        for who in [who for who in runs if settings.threads > 1 and hasattr(settings.peers.get(who), "APART")]:
            apart = stack.enter_context(closing(Apart(who, net, optimizer, 1, settings.seed)))
            require_same_course(f"{net}, {optimizer}", who, apart.course, expected)
            more[who] = Contestant(apart, how=settings.peers[who].APART)
        rounds = settings.measure(runs, more)
    work = {"flop": flop_of(net), "bytes": bytes_of(net, optimizer), "ceiling": f"gemm {net.dtype}", "notes": notes}
    for who, way in ours.WAYS.items():
        if who in rounds:
            params = {"batch": net.batch, "optimizer": optimizer, "way": way}
            params |= {} if net.dtype == "float32" else {"dtype": net.dtype}
            yield row_of("train", "-".join(map(str, net.sizes)), rounds, params=params, ours=who, **work)


def runs_of(
    net: Net, optimizer: str, settings: Settings, expected: Course
) -> tuple[dict[str, Callable[[], Any]], dict[str, str]]:
    """({who: a run of one step}, {who: why it was left out})."""
    runs, notes = {}, {}
    for who, make in {**ours.TRAINERS, **settings.having("trainer")}.items():
        try:
            trainer = make(net, optimizer)
            require_same_course(f"{net}, {optimizer}", who, course(trainer, batches(net, settings)), expected)
            runs[who] = run_of(trainer, batches(net, settings))
        except Exception as error:  # a peer that fails is named; the others are measured
            if who == OURS:
                raise
            notes[who] = f"left out: {type(error).__name__}: {str(error).splitlines()[0][:160]}"
    return runs, notes


def run_of(trainer: Trainer, batches: Batches) -> Callable[[], Any]:
    """A step, with the next batch each time."""
    return partial(_step, trainer.step, itertools.cycle([trainer.put(*batch) for batch in batches]))


def _step(step: Callable[..., float], turns: Iterator[Any]) -> float:
    return step(*next(turns))


def course(trainer: Trainer, batches: Batches) -> Course:
    """Ten losses, and how far each parameter has gone."""
    start = _flat(trainer)
    turns = itertools.islice(itertools.cycle(batches), N_CHECKED)
    losses = [trainer.step(*trainer.put(*batch)) for batch in turns]
    return losses, _flat(trainer) - start


def _flat(trainer: Trainer) -> np.ndarray:
    return np.concatenate([np.asarray(w, float).ravel() for w in trainer.weights()])


def require_same_course(what: str, who: str, found: Course, expected: Course) -> None:
    """Raise ArithmeticError where losses or parameters part from those of float64."""
    losses, right = np.array(found[0]), np.array(expected[0])
    error = float(np.max(np.abs(losses - right)) / np.max(np.abs(right)))
    if not error <= LOSS_TOLERANCE:
        raise ArithmeticError(f"{what}: the losses of {who} are off by {error:.1e}; {LOSS_TOLERANCE:.0e} is allowed")
    error = float(np.linalg.norm(found[1] - expected[1]) / np.linalg.norm(expected[1]))
    if not error <= MOVE_TOLERANCE:
        raise ArithmeticError(f"{what}: the parameters of {who} went {error:.1e} of their way aside")
