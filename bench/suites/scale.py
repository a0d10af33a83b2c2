"""What a training step costs against batch, width, depth and parameters: fitted exponents beside the theory's."""

from collections.abc import Iterator, Sequence
from typing import Any

from bench.peers import ours
from bench.peers.nets import Net, batches_of, flop_of, n_params
from bench.suites.row import Fit, Row, Stat, row_of
from bench.suites.task import Settings, Task
from bench.timing import Spread, exponents

# over: (sizes, net of a size, exponent by theory).  By counting products a step costs batch x parameters.
SERIES: dict[str, tuple[dict[str, Sequence[int]], Any, float]] = {
    "batch": (
        {"tiny": (2, 4), "quick": (256, 512, 1024, 2048), "full": (256, 512, 1024, 2048, 4096, 8192)},
        lambda b: Net((256, 256, 256, 10), b), 1.0),
    "width": (
        {"tiny": (2, 4), "quick": (128, 256, 512, 1024), "full": (128, 256, 512, 1024, 2048)},
        lambda w: Net((w, w, w, w), 128), 2.0),
    "depth": (
        {"tiny": (1, 2), "quick": (2, 4, 8, 16), "full": (2, 4, 8, 16, 32, 64)},
        lambda d: Net((*[128] * (d + 1), 10), 256), 1.0),
    "parameters": (
        {"tiny": (2, 4), "quick": (64, 256, 1024), "full": (64, 128, 256, 512, 1024, 2048)},
        lambda w: Net((w, w, 10), 512), 1.0),
}  # fmt: skip

WAYS = ("gpugrad", ours.COMPILED)


def tasks(settings: Settings) -> Iterator[Task]:
    """One for each series."""
    for over in SERIES:
        yield Task("scale", f"a step over {over}", settings.pick(0.5, 12.0, 60.0), lambda s, o=over: rows(o, s))


def rows(over: str, settings: Settings) -> Iterator[Row | Fit]:
    """A row for each size, eager and compiled in turns, and the exponent of each."""
    sizes, make, theory = SERIES[over]
    found: dict[str, dict[float, Sequence[float]]] = {who: {} for who in WAYS}
    for size in sizes[settings.scale]:
        net = make(size)
        measure = n_params(net) if over == "parameters" else size
        rounds = settings.measure({who: _run(who, net, settings) for who in WAYS})
        for who in WAYS:
            found[who][measure] = rounds[who]
        yield row_of(
            "scale", f"a step over {over}", rounds, params={over: measure}, flop=flop_of(net),
            ceiling="gemm float32",
        )  # fmt: skip
    for who, series in found.items():
        yield fit_of("scale", f"a step, {'compiled' if who.endswith('compiled') else 'eager'}", over, series, theory)


def _run(who: str, net: Net, settings: Settings) -> Any:
    trainer = ours.TRAINERS[who](net, "sgd")
    (batch,) = batches_of(net, settings.rng(*net.sizes), 1)
    return lambda: trainer.step(*batch)


def fit_of(suite: str, name: str, over: str, series: dict[float, Sequence[float]], theory: float) -> Fit:
    """The exponent for each round, so that its quartiles show how sure it is."""
    sizes = list(series)
    fewest = min(map(len, series.values()))
    spreads = [Spread(list(t)[:fewest]) for t in series.values()]
    medians = [s.median for s in spreads]
    return Fit(suite, name, over, [float(s) for s in sizes], medians, Stat.of(exponents(sizes, spreads).rounds), theory)
