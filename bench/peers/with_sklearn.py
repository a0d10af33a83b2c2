"""scikit-learn's MLPClassifier and MLPRegressor, one partial_fit a step."""

import warnings
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor

from bench.peers.nets import BETAS, EPS, LR, Net, Trainer, Weights, is_regression, parameters_of


def set_threads(threads: int) -> None:
    """NumPy's BLAS takes as many as the process was started with."""


def trainer(net: Net, optimizer: str) -> Trainer:
    """partial_fit with the whole batch as one minibatch, no weight decay.

    Its squared error has a factor 1/2, so the rate is doubled for SGD; Adam does not see such a factor but in eps.
    """
    regression = is_regression(net)
    make = MLPRegressor if regression else MLPClassifier
    rate = 2 * LR if regression and optimizer == "sgd" else LR
    model = make(
        hidden_layer_sizes=net.sizes[1:-1], solver=optimizer, alpha=0.0, batch_size=net.batch, learning_rate_init=rate,
        momentum=0.0, nesterovs_momentum=False, beta_1=BETAS[0], beta_2=BETAS[1], epsilon=EPS, shuffle=False,
    )  # fmt: skip
    classes = {} if regression else {"classes": np.arange(net.sizes[-1])}
    _begin(model, net, classes)
    factor = 2.0 if regression else 1.0

    def step(x: np.ndarray, y: np.ndarray) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.partial_fit(x, y, **classes)
        return factor * float(model.loss_)

    def found() -> Weights:
        pairs = zip(model.coefs_, model.intercepts_, strict=True)
        return [a.astype(net.dtype) for w, b in pairs for a in (w.T, b)]

    return Trainer(lambda x, y: (x, y.ravel() if regression else y), step, found)


def _begin(model: Any, net: Net, classes: dict[str, Any]) -> None:
    """A first step to make its arrays, then our weights in them and the optimizer's state as new."""
    x = np.zeros((net.batch, net.sizes[0]), net.dtype)
    y = np.arange(net.batch) % max(2, net.sizes[-1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.partial_fit(x, y.astype(net.dtype) if is_regression(net) else y, **classes)
    weights = parameters_of(net)
    for i, (w, b) in enumerate(zip(weights[::2], weights[1::2], strict=True)):
        model.coefs_[i][...] = w.T
        model.intercepts_[i][...] = b
    if model.solver == "adam":
        model._optimizer.t = 0
        for slot in (*model._optimizer.ms, *model._optimizer.vs):
            slot[...] = 0
