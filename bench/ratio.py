"""What backward costs beside forward: the time of both on MLPs over widths and batches, next to the products in each.

    python -m bench.ratio

"Backward costs twice forward" counts matrix products: forward has one for each layer, x W^T, backward two, g W and
g^T x; but the first layer needs no g W while nobody asks for the gradient of the data.  So with L equal layers the
ratio by theory is 2 - 1/L, and 2 where the data has a gradient too.  Float32, ReLU, cross entropy, eager.  What is
timed is forward, and forward with backward; their ratio less 1 is taken round by round.
Source: the slides "24 Backpropagation" of Foundations of Machine Learning.
"""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

import gpugrad as gg
from bench.timing import Run, Spread, machine, measure_on_one_thread, options
from gpugrad import nn

WIDTHS = (64, 128, 256, 512, 1024, 2048)
BATCHES = (64, 512)
LAYERS = 4


def runs_of(width: int, batch_size: int, with_data: bool) -> tuple[Run, Run]:
    """Forward, and forward with backward, of one batch; with_data asks for the gradient of the data too."""
    rng = np.random.default_rng(0)
    model = nn.MLP([width] * (LAYERS + 1), activation="relu", dtype="float32")
    x = gg.Tensor(rng.normal(size=(batch_size, width)).astype(np.float32), requires_grad=with_data)
    labels = rng.integers(0, width, batch_size)
    leaves = [*model.parameters(), x]

    def forward() -> Any:
        return nn.cross_entropy(model(x), labels)

    def both() -> Any:
        forward().backward()
        found = [leaf.grad for leaf in leaves if leaf.requires_grad]
        for leaf in leaves:
            if leaf.requires_grad:
                leaf.grad = None
        return found

    return forward, both


def theory(with_data: bool) -> float:
    """Products of backward over those of forward: 2 for each layer, 1 for the first without the data's gradient."""
    return (2 * LAYERS - (not with_data)) / LAYERS


def ratio_of(forward: Spread, both: Spread) -> Spread:
    """Backward over forward, round by round."""
    return Spread([r - 1.0 for r in both.over(forward).rounds])


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0."""
    rounds = max(2, options(__doc__, 15).parse_args(argv).rounds)
    print(f"{machine()}, {rounds} rounds in turns, {LAYERS} layers; backward / forward: median (quartiles)")
    print(f"products by theory: {theory(False):.2f} for the weights (1 in the first layer, 2 in others), "
          f"{theory(True):.2f} with the data")  # fmt: skip
    print(f"{'width':>6}{'batch':>7}  {'forward, microseconds':34}{'weights':28}with the data's gradient")
    for width in WIDTHS:
        for batch_size in BATCHES:
            runs = [run for with_data in (False, True) for run in runs_of(width, batch_size, with_data)]
            forward, both, forward_x, both_x = measure_on_one_thread(runs, rounds)
            ratios = f"{ratio_of(forward, both)!s:28}{ratio_of(forward_x, both_x)}"
            print(f"{width:6}{batch_size:7}  {forward!s:34}{ratios}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
