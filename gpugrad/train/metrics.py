"""What is counted beside the loss: accuracy for classes, R^2 for amounts, added up batch by batch."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from ..backend import backend_of_type
from ..backend.device import to_numpy


class Metric(Protocol):
    """A number added up over batches of raw arrays; `value` may be asked for at any time.

    `state_dict` and `load_state_dict` carry it over an interruption in the middle of an epoch.
    """

    name: str

    def reset(self) -> None: ...

    def update(self, outputs: Any, targets: Any) -> None: ...

    @property
    def value(self) -> float: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class Accuracy:
    """The share of rows whose largest output stands at the target class.  Shapes: outputs (B, K), targets (B,) of int.

    >>> metric = Accuracy()
    >>> metric.update(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
    >>> metric.value
    0.5
    """

    name = "accuracy"

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget what was counted."""
        self.hits: Any = 0
        self.n = 0

    def update(self, outputs: Any, targets: Any) -> None:
        """Count one batch."""
        count = backend_of_type(type(outputs)).xp.count_nonzero  # which on a GPU stays there
        self.hits = self.hits + count(outputs.argmax(axis=1) == targets)
        self.n += len(outputs)

    @property
    def value(self) -> float:
        """hits / rows, NaN before the first batch."""
        return float(self.hits) / self.n if self.n else float("nan")

    def state_dict(self) -> dict[str, Any]:
        """The counts."""
        return {"hits": int(self.hits), "n": self.n}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from the counts."""
        self.hits, self.n = state["hits"], state["n"]


class R2:
    """R^2 = 1 - sum (y - y_hat)^2 / sum (y - mean y)^2 for each output, averaged over outputs.

    Shapes: outputs and targets (B, K).  Counted in float64.  A target that never changes gives NaN.  It is the same for
    standardised targets as for the data's own units.

    >>> metric = R2()
    >>> metric.update(np.array([[1.0], [2.0]]), np.array([[1.0], [3.0]]))
    >>> metric.value
    0.5
    """

    name = "r2"

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget what was counted."""
        self.n = 0
        self.sums: Any = []  # three of shape (K,): squared errors, targets, squared targets

    def update(self, outputs: Any, targets: Any) -> None:
        """Count one batch."""
        y = targets.astype("float64")
        sums = ((outputs.astype("float64") - y) ** 2).sum(axis=0), y.sum(axis=0), (y * y).sum(axis=0)
        if self.n == 0:
            self.sums = list(sums)
        else:
            asarray = backend_of_type(type(y)).xp.asarray  # a resumed sum comes from the host
            self.sums = [asarray(have) + more for have, more in zip(self.sums, sums, strict=True)]
        self.n += len(y)

    @property
    def value(self) -> float:
        """The mean of R^2 over outputs, NaN before the first batch."""
        if not self.n:
            return float("nan")
        error, total, squares = (to_numpy(s) for s in self.sums)
        spread = squares - total * total / self.n
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.mean(np.where(spread > 1e-12 * squares, 1 - error / spread, np.nan)))

    def state_dict(self) -> dict[str, Any]:
        """The sums."""
        return {"n": self.n, "sums": [to_numpy(s).tolist() for s in self.sums] if self.n else []}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from the sums."""
        self.n, self.sums = state["n"], [np.array(s) for s in state["sums"]]
