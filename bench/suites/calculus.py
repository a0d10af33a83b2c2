"""Derivatives beyond the gradient: Jacobians, Hessian-vector products, per-sample gradients, checkpointing.

The cases are those of bench/against_autograd.py, bench/jacobian.py and bench/ratio.py.
"""

import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import gpugrad as gg
from bench import against_autograd, jacobian, ratio
from bench.functions import CASES, Case
from bench.peers import ours
from bench.suites.overhead import as_array, parts
from bench.suites.row import Fit, Row, Stat, row_of
from bench.suites.scale import fit_of
from bench.suites.task import Settings, Task, require_close
from gpugrad import ops

PER_SAMPLE = {"tiny": (3, 4), "quick": (256, 64), "full": (1024, 256)}  # samples, width
BLOCKS = {"tiny": 3, "quick": 16, "full": 32}


def tasks(settings: Settings) -> Iterator[Task]:
    """The functions, both modes of Jacobians, backward over forward, per-sample gradients, checkpointing."""
    sizes = settings.pick(("small",), ("small",), ("small", "large"))
    for case in settings.pick(CASES[:1], CASES, CASES):
        for size in sizes:
            for kind in (k for k in against_autograd.KINDS[size] if k in case.kinds):
                what = f"{kind} of {case.name}, {size}"
                yield Task("calculus", what, 0.4, lambda s, c=case, k=kind, z=size: function_rows(c, k, z, s))
    for varied in ("n", "m"):
        cost = settings.pick(1.0, 8.0, 40.0)
        yield Task("calculus", f"Jacobian over {varied}", cost, lambda s, v=varied: jacobian_rows(v, s))
    for width in settings.pick((8,), (64, 512), ratio.WIDTHS):
        yield Task("calculus", f"backward over forward, width {width}", 2.0, lambda s, w=width: ratio_rows(w, s))
    for kind in ("gradients", "norms"):
        yield Task("calculus", f"per-sample {kind}", 2.0, lambda s, k=kind: per_sample_rows(k, s))
    yield Task("calculus", "checkpoint", 2.0, checkpoint_rows)


def function_rows(case: Case, kind: str, size: str, settings: Settings) -> Iterator[Row | Fit]:
    """One function beside autograd, both in float64."""
    runs = {"gpugrad": against_autograd.run_of(against_autograd.our_library(), case, kind, size)}
    if "autograd" in settings.peers and (library := against_autograd.import_autograd()):
        runs["autograd"] = against_autograd.run_of(library, case, kind, size)
        require_close(f"{kind} of {case.name}", "gpugrad", runs["gpugrad"](), runs["autograd"](), 1e-10)
    yield row_of("calculus", f"{kind} of {case.name}", settings.measure(runs), params={"size": size})


def jacobian_rows(varied: str, settings: Settings) -> Iterator[Row | Fit]:
    """Both modes over n or over m; the exponent of each beside the theory's."""
    sizes = settings.pick((2, 4), jacobian.SIZES, jacobian.SIZES)
    other = settings.pick(3, 128, jacobian.OTHER)
    rounds = {}
    for size in sizes:
        n, m = (size, other) if varied == "n" else (other, size)
        jacobian.require_agreement(n, m)
        runs = {f"gpugrad {mode}": jacobian.run_of(n, m, mode) for mode in jacobian.MODES}
        rounds[size] = settings.measure(runs)
        yield row_of("calculus", f"Jacobian over {varied}", rounds[size], params={"n": n, "m": m}, ours="gpugrad auto")
    for mode, theory in jacobian.THEORY[varied].items():
        series = {size: found[f"gpugrad {mode}"] for size, found in rounds.items()}
        yield fit_of("calculus", f"Jacobian, {mode} mode", varied, series, theory)


def ratio_rows(width: int, settings: Settings) -> Iterator[Row | Fit]:
    """Backward over forward, which counting products puts at less than two."""
    batch = settings.pick(3, 512, 512)
    forward, both = ratio.runs_of(width, batch, with_data=False)
    rounds = settings.measure({"gpugrad forward": forward, "gpugrad": both})
    over = Stat.of([b / f - 1 for f, b in zip(rounds["gpugrad forward"], rounds["gpugrad"], strict=True)])
    products = f"counting products {ratio.theory(False):.2f}"
    text = f"backward over forward {over.median:.2f} ({over.low:.2f} to {over.high:.2f}); {products}"
    params = {"width": width, "batch": batch}
    yield row_of("calculus", "forward and backward of an MLP", rounds, params=params, notes={"": text})


def per_sample_rows(kind: str, settings: Settings) -> Iterator[Row | Fit]:
    """Gradients of each sample, or their norms, of a net with one hidden layer."""
    n, width = PER_SAMPLE[settings.scale]
    rng = settings.rng(n, width)
    arrays = tuple(rng.normal(size=s).astype(np.float32) / width**0.5 for s in ((width, width), (1, width), (n, width)))
    runs = {"gpugrad": ours.per_sample(kind, *arrays), ours.COMPILED: ours.per_sample(kind, *arrays, compiled=True)}
    runs |= {who: make(kind, *arrays) for who, make in settings.having("per_sample").items()}
    expected = _in_turn(kind, *(a.astype(float) for a in arrays))
    for who, run in runs.items():
        for found, wanted in zip(parts(run()), expected, strict=True):
            require_close(f"per-sample {kind}", who, as_array(found), wanted, 1e-3)
    params, rounds = {"samples": n, "width": width}, settings.measure(runs)
    yield row_of("calculus", f"per-sample {kind}", rounds, params=params)
    compiled = {**params, "way": "compiled"}
    yield row_of("calculus", f"per-sample {kind}", rounds, params=compiled, ours=ours.COMPILED)


def _in_turn(kind: str, w: np.ndarray, v: np.ndarray, x: np.ndarray) -> list[np.ndarray]:
    """In float64 by hand: f = (v tanh(w x))^2 of each sample."""
    h = np.tanh(x @ w.T)
    g = 2 * (h @ v.T)  # (N, 1)
    back = g * v * (1 - h * h)
    grads = [back[:, :, None] * x[:, None, :], g[:, :, None] * h[:, None, :]]
    return grads if kind == "gradients" else [np.sqrt(sum((a * a).sum((1, 2)) for a in grads))]


def checkpoint_rows(settings: Settings) -> Iterator[Row | Fit]:
    """Time and peak memory of a gradient through a deep net, with and without checkpoints of its blocks."""
    n_blocks, width = BLOCKS[settings.scale], settings.pick(4, 128, 256)
    rng = settings.rng(n_blocks)
    w = rng.normal(size=(n_blocks, width, width)) / width**0.5
    x = rng.normal(size=(settings.pick(4, 512, 1024), width))

    def block(h: Any, w: Any) -> Any:
        for _ in range(4):
            h = ops.tanh(ops.linear(h, w))
        return h

    def gradient(each: Callable[..., Any]) -> Callable[[], Any]:
        def f(x: Any, *ws: Any) -> Any:
            for v in ws:
                x = each(x, v)
            return x.sum()

        found = gg.grad(f)
        return lambda: found(x, *w)

    runs = {"gpugrad": gradient(gg.checkpoint(block)), "gpugrad without": gradient(block)}
    require_close("checkpoint", "gpugrad", *(run() for run in runs.values()), 1e-12)
    params = {"blocks": n_blocks, "width": width}
    yield row_of("calculus", "checkpoint: time", settings.measure(runs), params=params)
    peaks = {who: [peak_bytes(run)] for who, run in runs.items()}
    yield row_of("calculus", "checkpoint: peak memory", peaks, params=params, unit="bytes")


def peak_bytes(run: Callable[[], Any]) -> float:
    """Python's and NumPy's memory at its highest during a call, beyond what there was before."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        run()
        return float(tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()
