"""Digits on the CPU and on the card: the same weights and batches, hence the same losses to 1e-4, and the accuracy."""

from pathlib import Path
from typing import Any

import numpy as np

from .worker import Rows

DIGITS = Path(__file__).resolve().parents[1] / "data" / "digits.npz"
STEPS, EPOCHS, BATCH, TRAINING = 50, 12, 64, 1437
TOLERANCE = 1e-4
ROWS = {"digits, 50 steps and accuracy": False, "digits compiled, 50 steps and accuracy": True}


def digits() -> tuple[np.ndarray, np.ndarray]:
    """(pixels (1797, 64) float32 from 0 to 1, labels (1797,) int64), shuffled."""
    with np.load(DIGITS) as file:
        x, y = file["pixels"].astype(np.float32) / 16, file["labels"].astype(np.int64)
    order = np.random.default_rng(0).permutation(len(x))
    return x[order], y[order]


def train(device: str, epochs: int = EPOCHS, compiled: bool = False) -> tuple[list[float], float]:
    """(loss of each of the first steps, accuracy on what was held out) of an MLP 64-64-32-10 with Adam."""
    from gpugrad import Tensor, compile, nn, optim
    from gpugrad.backend.device import resolve_device, to_numpy

    x, y = digits()
    model = nn.MLP([64, 64, 32, 10], dtype="float32", device="cpu", rng=1).to(device)
    adam = optim.Adam(list(model.parameters()), lr=3e-3)
    to = resolve_device(device)[0].asarray
    x_here, y_here = to(x), to(y)
    rng, losses = np.random.default_rng(2), []

    def step(x: Any, y: Any) -> Any:
        adam.zero_grad()
        loss = nn.cross_entropy(model(Tensor(x)), y)
        loss.backward()
        adam.step()
        return loss

    take_step = compile(step) if compiled else step
    for _ in range(epochs):
        for rows in np.array_split(rng.permutation(TRAINING), TRAINING // BATCH):
            chosen = to(rows)
            loss = take_step(x_here[chosen], y_here[chosen])
            if len(losses) < STEPS:
                losses.append(float(loss))
    model.eval()
    guess = to_numpy(model(Tensor(x_here[TRAINING:])).data).argmax(1)
    return losses, float((guess == y[TRAINING:]).mean())


def compared(compiled: bool) -> dict[str, Any]:
    """The row: largest difference of the losses, and both accuracies."""
    want, accuracy = train("cpu")
    got, accuracy_on_card = train("cuda", compiled=compiled)
    off = float(np.abs(np.subtract(got, want)).max())
    row = {"steps": len(got), "largest_difference": off, "losses_cpu": want[::10], "losses_card": got[::10]}
    row |= {"accuracy_cpu": accuracy, "accuracy_card": accuracy_on_card}
    good = off <= TOLERANCE and min(accuracy, accuracy_on_card) > 0.9 and abs(accuracy - accuracy_on_card) < 0.01
    return row if good else {**row, "state": "failed", "error": f"losses differ by {off:.1e}, or accuracies do"}


def rows(deadline: float) -> Rows:
    """Step by step, and compiled into CUDA graphs."""
    return [(name, lambda compiled=compiled: compared(compiled)) for name, compiled in ROWS.items()]
