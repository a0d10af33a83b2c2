"""Gradients with respect to the data: which image excites a unit of a network most?

    python examples/excite_a_unit.py [folder]

Trains an MLP on scikit-learn's handwritten digits, then climbs the gradient of a unit by the image: for each of the ten
outputs, and for ten units of the first hidden layer.  The climb pays for ink and rough edges, or it would draw noise.
Writes excite-a-unit.png, the picture of docs/calculus.md and docs/transforms.md.
Source: Torralba, Isola and Freeman, Foundations of Computer Vision, 14.9.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

import gpugrad as gg
from gpugrad import data, nn, ops, optim

SIDE, N_UNITS, INK = 8, 10, 0.1


def trained(epochs: int) -> tuple[nn.MLP, np.ndarray]:
    """(a network that reads digits, their mean image); pixels are from 0 to 1, and noisy while it learns."""
    x, labels = load_digits(return_X_y=True)
    x = (x / 16.0).astype("float32")
    model = nn.MLP([SIDE * SIDE, 64, 10], activation="tanh", rng=0)
    optimizer = optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.1)
    loader, rng = data.Loader(x, labels, batch_size=64), np.random.default_rng(0)
    for _ in range(epochs):
        for images, targets in loader:
            noisy = images + rng.normal(scale=0.5, size=images.shape).astype("float32")  # or single pixels would count
            model.zero_grad()
            nn.cross_entropy(model(noisy), targets).backward()
            optimizer.step()
    return model.eval().requires_grad_(False), x.mean(axis=0)


def roughness(image: Any) -> Any:
    """The sum of squared steps between neighbouring pixels."""
    square = ops.reshape(image, (SIDE, SIDE))
    return ((square[1:] - square[:-1]) ** 2).sum() + ((square[:, 1:] - square[:, :-1]) ** 2).sum()


def most_exciting(layers: Any, start: np.ndarray, steps: int, smooth: float) -> tuple[np.ndarray, np.ndarray]:
    """(images, values) of the first units of what `layers` computes, climbing for all of them at once.

    values[k] is how much unit k stands out from the mean of its layer, before and after.
    """

    def standing_out(image: Any, unit: Any) -> Any:
        y = layers(image[None])[0]
        return y[unit] - y.mean()

    def score(image: Any, unit: Any) -> Any:
        return standing_out(image, unit) - smooth * roughness(image) - INK * (image * image).sum()

    units = np.arange(N_UNITS)
    images = np.repeat(start[None], N_UNITS, axis=0)
    climb = gg.vmap(gg.grad(score))  # a gradient for each image, by its own unit, in one sweep
    for _ in range(steps):
        images = np.clip(images + 0.05 * np.asarray(climb(images, units)), 0.0, 1.0)
    both = [np.asarray(gg.vmap(standing_out, (axis, 0))(x, units)) for x, axis in ((start, None), (images, 0))]
    return images, np.stack(both, axis=1)


def draw(path: Path, start: np.ndarray, rows: list[tuple[str, np.ndarray, np.ndarray]]) -> None:
    """One row for each (label, images, values): the image that the climb starts from, then where it ends by unit."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.0, 1.55 * len(rows) + 0.4), layout="constrained")
    figure.suptitle("Above each image: how far its unit stands out of its layer, before and after", fontsize=10)
    for line, (label, images, values) in zip(figure.subplots(len(rows), N_UNITS + 1), rows, strict=True):
        show(line[0], start, "start", "the mean digit")
        for k, axis in enumerate(line[1:]):
            before, after = np.round(values[k], 1) + 0.0  # no negative zero
            show(axis, images[k], f"{before:.1f} \N{RIGHTWARDS ARROW} {after:.1f}", f"{label} {k}")
    figure.savefig(path, dpi=144)


def show(axis: Any, image: np.ndarray, title: str, caption: str) -> None:
    """One image between two lines of text."""
    axis.imshow(image.reshape(SIDE, SIDE), cmap="gray_r", vmin=0.0, vmax=1.0)
    axis.set_title(title, fontsize=9)
    axis.set_xlabel(caption, fontsize=9)
    axis.set_xticks([]), axis.set_yticks([])


def main(folder: Path, epochs: int = 30, steps: int = 300) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Train, climb, print how far each unit went, and write the picture."""
    model, mean = trained(epochs)
    hidden = nn.Sequential(model[0])  # before the tanh, which would flatten the slope
    rows = [
        ("output", *most_exciting(model, mean, steps, smooth=0.1)),
        ("hidden unit", *most_exciting(hidden, mean, steps, smooth=0.03)),
    ]
    for label, _, values in rows:
        for k, (before, after) in enumerate(values):
            print(f"{label} {k}: {before:6.2f} -> {after:6.2f}")
    draw(folder / "excite-a-unit.png", mean, rows)
    return rows


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
