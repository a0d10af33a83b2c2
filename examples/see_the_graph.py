"""Look inside: the graph of a function and of its gradient, memory for the backward pass, gradients by layer.

    python examples/see_the_graph.py [folder]

Writes the pictures of docs/graph.md and docs/calculus.md into `folder`, the current one by default.  Needs Graphviz for
the graphs and matplotlib for the bars; without Graphviz the graphs are printed alone.
"""

import sys
from pathlib import Path

import numpy as np

from gpugrad import Tensor, checkpoint, nn, ops
from gpugrad.errors import MissingDependencyError
from gpugrad.inspection import gradient_flow, graph, memory_report


def seven_nodes() -> tuple[Tensor, dict[str, Tensor]]:
    """f(x1, x2) = x2 e^x1 sqrt(x1 + x2 e^x1), from Murphy, Probabilistic Machine Learning, 13.3.4."""
    x1, x2 = Tensor(0.5, requires_grad=True), Tensor(2.0, requires_grad=True)
    x3 = ops.exp(x1)
    x4 = x2 * x3
    x5 = x1 + x4
    x6 = ops.sqrt(x5)
    x7 = x4 * x6
    return x7, {"x1": x1, "x2": x2, "x3": x3, "x4": x4, "x5": x5, "x6": x6, "x7": x7}


def two_towers() -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
    """Two inputs through one tied weight, merged; gives the loss, its parameters, and its data."""
    rng = np.random.default_rng(0)
    shapes = {"left": (8, 4), "right": (8, 4), "tied": (3, 4), "head": (1, 6)}
    left, right, tied, head = (Tensor(rng.normal(size=shape), requires_grad=True) for shape in shapes.values())
    merged = ops.concatenate([ops.tanh(ops.linear(left, tied)), ops.tanh(ops.linear(right, tied))], axis=1)
    loss = (ops.linear(merged, head) ** 2).mean()
    return loss, {"tied": tied, "head": head}, {"left": left, "right": right}


def two_layers() -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
    """The cross entropy of W2 relu(W1 x + b1) + b2; gives the loss, its parameters, and its data."""
    rng = np.random.default_rng(0)
    shapes = {"x": (8, 4), "W1": (5, 4), "b1": (5,), "W2": (3, 5), "b2": (3,)}
    x, w1, b1, w2, b2 = (Tensor(rng.normal(size=shape), requires_grad=True) for shape in shapes.values())
    labels = Tensor(np.arange(8) % 3)
    loss = nn.cross_entropy(ops.linear(ops.relu(ops.linear(x, w1, b1)), w2, b2), labels)
    return loss, {"W1": w1, "b1": b1, "W2": w2, "b2": b2}, {"x": x, "labels": labels}


def a_gradient() -> tuple[Tensor, dict[str, Tensor]]:
    """The gradient of y = x sin x: x cos x + sin x, which is recorded too."""
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = x * ops.sin(x)
    y.backward(np.ones(2), create_graph=True)
    gradient, x.grad = x.grad, None  # x.grad in the picture is the second derivative
    return gradient, {"x": x, "gradient": gradient}


def deep_sigmoids(batch: np.ndarray) -> tuple[nn.MLP, Tensor]:
    """A net whose gradients vanish towards the input, and its loss."""
    model = nn.MLP([16, 32, 32, 32, 32, 32, 4], activation="sigmoid")
    return model, nn.cross_entropy(model(batch), np.arange(len(batch)) % 4)


def main(folder: Path) -> None:
    """Print the texts and write the pictures."""
    y, values = seven_nodes()
    towers, tied, inputs = two_towers()
    loss, parameters, data = two_layers()
    gradient, named = a_gradient()
    pictures = {
        "graph-seven-nodes": graph(y, data=values),
        "graph-two-towers": graph(towers, tied, data=inputs),
        "graph-two-layers": graph(loss, parameters, data=data),
        "graph-of-a-gradient": graph(gradient, data=named),
    }
    for name, picture in pictures.items():
        print(picture, end="\n\n")
        try:
            picture.save(folder / f"{name}.svg")
        except MissingDependencyError as error:
            print(error, file=sys.stderr)

    model, loss = deep_sigmoids(np.random.default_rng(1).normal(size=(64, 16)).astype("float32"))
    print(memory_report(loss, model), end="\n\n")
    loss.backward()
    gradient_flow(model, folder / "gradient-flow.png")

    x = Tensor(np.linspace(0.0, 1.0, 1000), requires_grad=True)
    print(memory_report(ops.exp(ops.exp(ops.exp(x)))).total_bytes, "bytes kept,", end=" ")
    print(memory_report(checkpoint(lambda x: ops.exp(ops.exp(ops.exp(x))))(x)).total_bytes, "with a checkpoint")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
