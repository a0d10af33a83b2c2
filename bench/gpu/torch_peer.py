"""PyTorch's contestants: eager, and torch.compile with one CUDA graph around the whole call or step."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .cases import HIDDEN, Case, widths
from .contestant import Contestant, in_turns, n_copies
from .reference import EPS, LR

Made = tuple[str, Callable[[], Contestant]]


def pinned() -> Any:
    """torch, with float32 products in float32: no TF32."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    return torch


def tensor(torch: Any, array: np.ndarray, device: str) -> Any:
    """A copy of the array on the device."""
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16).copy()).to(device).view(torch.bfloat16)
    return torch.from_numpy(array.copy()).to(device)


def read(outputs: Any) -> list[np.ndarray]:
    """The results as float64 arrays."""
    return [t.detach().double().cpu().numpy() for t in outputs]


def _formulas(torch: Any) -> dict[str, Callable[..., Any]]:
    """Families without autograd: results from inputs."""
    relu_vjp, tanh_vjp = torch.ops.aten.threshold_backward, torch.ops.aten.tanh_backward
    functional = torch.nn.functional

    def linear_vjp(g: Any, y: Any, x: Any, w: Any) -> Any:
        delta = relu_vjp(g, y, 0)
        return delta @ w, delta.T @ x / len(g), delta.sum(0) / len(g)

    return {
        "linear_vjp": linear_vjp,
        "matmul_vjp": lambda g, a, b: (torch.bmm(g, b.mT), torch.bmm(a.mT, g)),
        "outer_sum": lambda g, x: (g.T @ x,),
        "outer_each": lambda g, x: (g[:, :, None] * x[:, None, :],),
        "bias_gelu": lambda z, b: (functional.gelu(z + b, approximate="tanh"),),
        "tanh_grad": lambda g, y: (tanh_vjp(g, y),),
    }


def _through_autograd(torch: Any) -> dict[str, tuple[Callable[..., Any], tuple[str, ...]]]:
    """Families as (forward, names of what it is differentiated by); an input named g is the cotangent."""
    functional = torch.nn.functional
    return {
        "cross_entropy": (lambda z, labels: functional.cross_entropy(z, labels), ("z",)),
        "layer_norm": (lambda x, w, b: functional.layer_norm(x, w.shape, w, b, EPS), ("x", "w", "b")),
        "batch_norm": (
            lambda x, w, b: functional.batch_norm(x, None, None, w, b, training=True, eps=EPS),
            ("x", "w", "b"),
        ),
    }


def _call(torch: Any, case: Case, compiled: Callable[[Any], Any]) -> Callable[..., Any]:
    """The case as a function of its inputs by name; `compiled` may wrap what torch.compile can take whole."""
    if case.family in (formulas := _formulas(torch)):
        return compiled(formulas[case.family])
    forward, by = _through_autograd(torch)[case.family]
    forward = compiled(forward)

    def both(g: Any = None, **inputs: Any) -> Any:
        for name in by:
            inputs[name].requires_grad_()
        y = forward(**inputs)
        return y, *torch.autograd.grad(y, [inputs[name] for name in by], g)

    return both


class Adam:
    """torch's fused Adam over parameters with their gradients, which can begin anew."""

    def __init__(self, torch: Any, params: list[Any], **options: Any) -> None:
        self._torch, self._initial = torch, [p.detach().clone() for p in params]
        self.params, self.adam = params, torch.optim.Adam(params, lr=LR, **options)

    def restore(self) -> None:
        """Parameters and state as they were before the first step."""
        with self._torch.no_grad():
            for p, initial in zip(self.params, self._initial, strict=True):
                p.copy_(initial)
            for state in self.adam.state.values():
                for value in state.values():
                    value.zero_()


def _optimizer(torch: Any, arrays: dict[str, np.ndarray], device: str, **options: Any) -> tuple[Any, Any]:
    """(a call, a function to begin anew) of the family adam."""
    p = torch.nn.Parameter(tensor(torch, arrays["p"], device))
    p.grad = tensor(torch, arrays["g"], device)
    adam = Adam(torch, [p], **options)

    def call() -> Any:
        adam.adam.step()
        return p, adam.adam.state[p]["exp_avg"]

    return call, adam.restore


def _step(torch: Any, case: Case, arrays: dict[str, np.ndarray], device: str, compiled: Any) -> tuple[Any, Any]:
    """(a training step, a function to begin anew)."""
    layers: list[Any] = []
    sizes = widths(case.sizes[1])
    for i in range(HIDDEN + 1):
        linear = torch.nn.Linear(sizes[i], sizes[i + 1], device=device)
        linear.weight = torch.nn.Parameter(tensor(torch, arrays[f"p{i}"], device))
        linear.bias = torch.nn.Parameter(tensor(torch, arrays[f"p{HIDDEN + 1 + i}"], device))
        layers += [linear, torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    x, labels = tensor(torch, arrays["x"], device), tensor(torch, arrays["labels"], device)
    loss_of = compiled(lambda x, labels: torch.nn.functional.cross_entropy(model(x), labels))
    adam = Adam(torch, list(model.parameters()), fused=True, capturable=device != "cpu")

    def step() -> Any:
        adam.adam.zero_grad(set_to_none=True)
        loss = loss_of(x, labels)
        loss.backward()
        adam.adam.step()
        grads = [p.grad for p in adam.params]
        return loss, *grads[::2], *grads[1::2]

    return step, adam.restore


def graph(torch: Any, run: Callable[[], Any], restore: Callable[[], Any] = lambda: None) -> Callable[[], Any]:
    """`run` as one CUDA graph, after three runs on a stream aside, with what it wrote put back."""
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(aside)
    captured = torch.cuda.CUDAGraph()
    with torch.cuda.graph(captured):
        outputs = run()
    restore()

    def replay() -> Any:
        captured.replay()
        return outputs

    return replay


def contestants(torch: Any, case: Case, arrays: dict[str, np.ndarray], device: str = "cuda") -> Iterator[Made]:
    """(name, a function that makes it); without a graph on the CPU, where the tests run it."""

    def made(compiled: Any, all_copies: bool, **adam: bool) -> tuple[Callable[[], Any], Callable[[], Any], int]:
        """(run, a function to begin anew, calls in a run)."""
        if case.family == "train_step":
            return *_step(torch, case, arrays, device, compiled), 1
        if case.family == "adam":
            return *_optimizer(torch, arrays, device, **adam), 1
        copies = [{k: tensor(torch, a, device) for k, a in arrays.items()} for _ in range(n_copies(arrays))]
        call = _call(torch, case, compiled)
        if all_copies:
            return (lambda: [call(**copy) for copy in copies][-1]), _nothing, len(copies)
        return in_turns(call, copies), _nothing, 1

    def eager(name: str, compiled: Any = _as_it_is, **adam: bool) -> Made:
        return name, lambda: Contestant(name, made(compiled, False, **adam)[0], read)

    def graphed(name: str, compiled: Any) -> Made:
        def make() -> Contestant:
            run, restore, calls = made(compiled, True, fused=True, capturable=True)
            return Contestant(name, graph(torch, run, restore), read, calls=calls)

        return name, make

    def compiled(f: Any) -> Any:
        return torch.compile(f, dynamic=False)

    yield eager("PyTorch", fused=True)
    if case.family == "adam":
        yield eager("PyTorch foreach", foreach=True)
    if device == "cpu":
        yield eager("torch.compile", compiled, fused=True)
    elif case.family == "adam":
        yield graphed("PyTorch, graph", _as_it_is)
    else:
        yield graphed("torch.compile, graph", compiled)


def _as_it_is(f: Any) -> Any:
    return f


def _nothing() -> None:
    """Nothing to put back."""
