"""gpugrad's contestants: launchers called one after another, as a graph, and the library as a user writes it."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gpugrad.cuda import (
    autotune,
    batched_matmul_vjp,
    elementwise,
    linear,
    linear_vjp,
    mlp_step,
    norm,
    optimizer,
    outer,
    softmax_xent,
)
from gpugrad.cuda.activations import Activation
from gpugrad.ops.mlp_step import How

from .arrays import overwrite
from .cases import HIDDEN, Case, widths
from .contestant import Contestant, in_turns, n_copies
from .reference import ADAM_EPS, BETA1, BETA2, EPS, LR

_ROOT = (1 - BETA2) ** 0.5
# As optim.Adam has them for the first step; a timed step repeats that step.
COEFFICIENTS = (0.0, 1 - BETA1, BETA2, 1 - BETA2, LR * _ROOT / (1 - BETA1), ADAM_EPS * _ROOT)
NO_RELU = {"activation": "identity", "options": (), "bias": True}
RELU = NO_RELU | {"activation": "relu"}
LIBRARY = {"gpugrad eager": None, "gpugrad compiled, call by call": "list", "gpugrad compiled, graph": "graph"}
Made = tuple[str, Callable[[], Contestant]]


class Declined(Exception):
    """A launcher does not serve this case."""


def served(found: Any) -> Any:
    """What a launcher gave; Declined for NotImplemented."""
    if found is NotImplemented:
        raise Declined("the launcher declines this dtype, shape or layout")
    return found


def tuned(place: Any, call: Callable[[], Any]) -> None:
    """Call once, each choice between implementations made by measuring: before, and outside of, any capture."""
    with autotune.measuring(place.timer):
        call()


def _linear_vjp(g: Any, y: Any, x: Any, w: Any) -> Any:
    return served(linear_vjp.linear_vjp(g, y, x, w, 1 / len(g), **RELU))


def _matmul_vjp(g: Any, a: Any, b: Any) -> Any:
    return served(batched_matmul_vjp.matmul_vjp(g, a, b))


def _outer_sum(g: Any, x: Any) -> Any:
    return (served(outer.outer_sum(g, x)),)


def _outer_each(g: Any, x: Any) -> Any:
    return (served(outer.outer_each(g, x)),)


def _cross_entropy(z: Any, labels: Any) -> Any:
    return served(softmax_xent.cross_entropy_mean(z, labels, smoothing=0.0))[:2]


def _adam(p: Any, g: Any, m: Any, v: Any, master: Any = None) -> Any:
    flat = optimizer.Flat([0], [m, v], master)
    served(optimizer.adam([p], [g], flat, COEFFICIENTS, decay=False, decoupled=False))
    return p, m


def _norm(axis: int) -> Callable[..., Any]:
    def forward_and_vjp(g: Any, x: Any, w: Any, b: Any) -> Any:
        y, mean, var = served(norm.normalize(x, w, b, axis=(axis,), eps=EPS))
        return y, *served(norm.normalize_vjp(g, x, w, mean, var, axis=(axis,), eps=EPS, bias=True))

    return forward_and_vjp


def _bias_gelu(z: Any, b: Any) -> Any:
    return (served(elementwise.bias_act(z, b, Activation("GeluTanh"))),)


def _tanh_grad(g: Any, y: Any) -> Any:
    return (served(elementwise.tanh_grad(g, y)),)


CALLS: dict[str, Callable[..., Any]] = {
    "linear_vjp": _linear_vjp,
    "matmul_vjp": _matmul_vjp,
    "outer_sum": _outer_sum,
    "outer_each": _outer_each,
    "cross_entropy": _cross_entropy,
    "adam": _adam,
    "layer_norm": _norm(1),
    "batch_norm": _norm(0),
    "bias_gelu": _bias_gelu,
    "tanh_grad": _tanh_grad,
}


class Step:
    """One training step by launchers: the whole net fused, or layer by layer; then Adam over all parameters."""

    def __init__(self, place: Any, arrays: dict[str, np.ndarray], fused: bool) -> None:
        self.x, self.labels = place.array(arrays["x"]), place.array(arrays["labels"])
        self._initial = [arrays[f"p{i}"] for i in range(2 * HIDDEN + 2)]
        self.params = [place.array(p) for p in self._initial]
        sizes = [p.size for p in self.params]
        self._starts = np.cumsum([0, *sizes[:-1]]).tolist()
        self._fresh = _adam_state(place, np.concatenate([p.ravel() for p in self._initial]))
        self._place, self.gradients = place, self._fused if fused else self._by_layers
        self._flat = optimizer.Flat(self._starts, [self._fresh["m"], self._fresh["v"]], self._fresh.get("master"))

    def __call__(self) -> Any:
        loss, *grads = self.gradients()
        served(optimizer.adam(self.params, grads, self._flat, COEFFICIENTS, decay=False, decoupled=False))
        return loss, *grads

    def restore(self) -> None:
        """Parameters and state as they were before the first step."""
        for p, initial in zip(self.params, self._initial, strict=True):
            overwrite(p, self._place.array(initial))
        again = _adam_state(self._place, np.concatenate([p.ravel() for p in self._initial]))
        for name, state in self._fresh.items():
            overwrite(state, again[name])

    def _fused(self) -> Any:
        how = How(HIDDEN + 1, "relu", {})
        found = served(mlp_step.mlp_step(self.x, self.labels, None, *self.params, how=how))
        return found[0], *found[2:]

    def _by_layers(self) -> Any:
        weights, biases = self.params[: HIDDEN + 1], self.params[HIDDEN + 1 :]
        hs = [self.x]
        for w, b in zip(weights[:-1], biases[:-1], strict=True):
            hs.append(served(linear.linear_act(hs[-1], w, b, activation="relu", options=()))[0])
        z = served(linear.linear(hs[-1], weights[-1], biases[-1]))
        loss, g, _ = served(softmax_xent.cross_entropy_mean(z, self.labels, smoothing=0.0))
        dw, db, v, how = [], [], None, NO_RELU
        for i in range(HIDDEN, -1, -1):
            *dx, dwi, dbi = served(linear_vjp.linear_vjp(g, v, hs[i], weights[i] if i else None, **how))
            dw, db = [dwi, *dw], [dbi, *db]
            g, v, how = dx[0] if dx else None, hs[i], RELU
        return loss, *dw, *db


def _adam_state(place: Any, p: np.ndarray) -> dict[str, Any]:
    """Moments of zero, in float32, and for parameters of 2 bytes their float32 master weights."""
    state = {name: place.array(np.zeros(p.size, np.float32)) for name in ("m", "v")}
    return state if p.dtype == np.float32 else state | {"master": place.array(p.astype(np.float32))}


def _library_step(name: str, executor: str | None, place: Any, case: Case, arrays: dict[str, np.ndarray]) -> Contestant:
    """As a user writes it: nn.MLP, nn.cross_entropy, backward, optim.Adam; compiled, where an executor is named."""
    from gpugrad import Tensor, compile, nn, optim

    model = nn.MLP(list(widths(case.sizes[1])), dtype=arrays["x"].dtype, device="cuda")
    names = [parameter for parameter, _ in model.named_parameters()]
    order = [*names[::2], *names[1::2]]
    model.load_state_dict({parameter: arrays[f"p{i}"] for i, parameter in enumerate(order)})
    x, labels = Tensor(place.array(arrays["x"])), place.array(arrays["labels"])
    params = list(model.parameters())
    adam = optim.Adam(params, lr=LR)

    def step(x: Any, labels: Any) -> Any:
        adam.zero_grad()
        loss = nn.cross_entropy(model(x), labels)
        loss.backward()
        adam.step()
        return loss

    take_step = step if executor is None else compile(step, executor=executor)

    def run() -> Any:
        loss = take_step(x, labels)
        grads = [p.grad.data for p in params]
        return (loss.data, *grads[::2], *grads[1::2])

    def read(outputs: Any) -> list[np.ndarray]:
        if executor == "graph" and "not captured" in (told := take_step.explain()):  # after the first run
            raise RuntimeError(next(line for line in told.splitlines() if "not captured" in line))
        return _reader(place)(outputs)

    return Contestant(name, run, read)


def _reader(place: Any) -> Callable[[Any], list[np.ndarray]]:
    return lambda outputs: [np.asarray(place.numpy(a)).astype(np.float64) for a in outputs]


def _steps(place: Any, case: Case, arrays: dict[str, np.ndarray]) -> Iterator[Made]:
    def graphed(name: str, fused: bool) -> Contestant:
        step = Step(place, arrays, fused)
        tuned(place, step.gradients)
        replay = place.graph(step)
        step.restore()
        return Contestant(name, replay, _reader(place))

    yield "gpugrad fused, graph", lambda: graphed("gpugrad fused, graph", True)
    yield "gpugrad layers, graph", lambda: graphed("gpugrad layers, graph", False)
    for name, executor in LIBRARY.items():
        yield name, functools.partial(_library_step, name, executor, place, case, arrays)


def copies_of(place: Any, case: Case, arrays: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """The inputs on the card, several times over; with Adam's state where the case is Adam."""
    found = []
    for _ in range(n_copies(arrays)):
        more = _adam_state(place, arrays["p"]) if case.family == "adam" else {}
        found.append({**{name: place.array(a) for name, a in arrays.items()}, **more})
    return found


def contestants(place: Any, case: Case, arrays: dict[str, np.ndarray]) -> Iterator[Made]:
    """(name, a function that makes it) of each way to do this case."""
    if case.family == "train_step":
        yield from _steps(place, case, arrays)
        return
    call = CALLS[case.family]

    def copies_of_inputs() -> list[dict[str, Any]]:
        copies = copies_of(place, case, arrays)
        if case.family != "adam":  # which writes over its inputs, and has one implementation
            tuned(place, lambda: call(**copies[0]))
        return copies

    def eager() -> Contestant:
        return Contestant("gpugrad", in_turns(call, copies_of_inputs()), _reader(place))

    def graphed() -> Contestant:
        copies = copies_of_inputs()
        replay = place.graph(lambda: [call(**copy) for copy in copies][-1])
        _refresh(place, case, arrays, copies)
        return Contestant("gpugrad, graph", replay, _reader(place), calls=len(copies))

    yield "gpugrad", eager
    yield "gpugrad, graph", graphed


def _refresh(place: Any, case: Case, arrays: dict[str, np.ndarray], copies: list[dict[str, Any]]) -> None:
    """Adam's parameters and state as before its first step, which the capture took once."""
    if case.family != "adam":
        return
    fresh = {"p": place.array(arrays["p"]), **_adam_state(place, arrays["p"])}
    for copy in copies:
        for name, value in fresh.items():
            overwrite(copy[name], value)
