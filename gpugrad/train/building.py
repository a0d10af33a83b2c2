"""From a configuration to the model, loss, metric, optimizer and schedule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import nn, optim
from ..backend import Device
from ..core.precision import is_narrow
from ..data import Preprocessor
from ..optim import lr_scheduler
from .config import OPTIMIZERS, Config
from .metrics import R2, Accuracy, Metric


def build_model(config: Config, preprocessor: Preprocessor, device: Device) -> Any:
    """The MLP n_features -> hidden -> n_outputs, its weights drawn from `config.seed`."""
    sizes = (preprocessor.n_features, *config.hidden, preprocessor.n_outputs)
    return nn.MLP(
        sizes,
        activation=config.activation,
        dropout=config.dropout,
        norm=config.norm,
        dtype=config.dtype,
        device=device,
        rng=np.random.default_rng(config.seed),
    )


def loss_for(task: str, label_smoothing: float = 0.0) -> Callable[[Any, Any], Any]:
    """Cross entropy for classes, mean squared error for amounts; outputs of 2-byte dtypes are widened to float32."""

    def loss(outputs: Any, targets: Any) -> Any:
        wide = outputs.astype("float32") if is_narrow(outputs.dtype) else outputs
        if task == "regression":
            return nn.mse_loss(wide, targets)
        return nn.cross_entropy(wide, targets, label_smoothing=label_smoothing)

    return loss


def metric_for(task: str) -> Metric:
    """Accuracy for classes, R^2 for amounts."""
    return Accuracy() if task == "classification" else R2()


def build_optimizer(config: Config, model: Any) -> Any:
    """The optimizer with its learning rate and weight decay; SGD has Nesterov momentum 0.9."""
    settings: dict[str, Any] = {"lr": config.lr or OPTIMIZERS[config.optimizer], "weight_decay": config.weight_decay}
    if config.optimizer == "sgd":
        settings |= {"momentum": 0.9, "nesterov": True}
    kinds = {"adamw": optim.AdamW, "adam": optim.Adam, "rmsprop": optim.RMSprop, "sgd": optim.SGD}
    return kinds[config.optimizer](model.parameters(), **settings)


def build_schedule(config: Config, optimizer: Any, batches_per_epoch: int) -> tuple[Any, str]:
    """(scheduler, "batch" or "epoch"): cosine and one-cycle move by the batch and end with the last epoch."""
    steps = config.epochs * batches_per_epoch
    if config.schedule == "cosine":
        return lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps), "batch"
    if config.schedule == "onecycle":
        peak = optimizer.param_groups[0]["lr"]
        return lr_scheduler.OneCycleLR(optimizer, max_lr=peak, total_steps=steps), "batch"
    if config.schedule == "step":
        return lr_scheduler.StepLR(optimizer, step_size=max(1, config.epochs // 3), gamma=0.1), "epoch"
    if config.schedule == "plateau":
        return lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=max(1, config.patience // 4)), "epoch"
    return None, "epoch"
