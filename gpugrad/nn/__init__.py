"""Layers, models, losses and initialisers."""

from . import init
from . import tree as tree  # makes a Module a container for the transforms
from .activations import ELU, GELU, SELU, LeakyReLU, Mish, ReLU, Sigmoid, SiLU, Softplus, Tanh
from .containers import MLP, Sequential
from .layers import Dropout, Flatten, Identity, Linear
from .losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    half_squared_l2_loss,
    huber_loss,
    l1_loss,
    mse_loss,
    smooth_l1_loss,
    squared_l2_loss,
)
from .module import Module
from .normalization import BatchNorm1d, LayerNorm

__all__ = [
    "ELU",
    "GELU",
    "MLP",
    "SELU",
    "BatchNorm1d",
    "Dropout",
    "Flatten",
    "Identity",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "Mish",
    "Module",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Tanh",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "half_squared_l2_loss",
    "huber_loss",
    "init",
    "l1_loss",
    "mse_loss",
    "smooth_l1_loss",
    "squared_l2_loss",
]
