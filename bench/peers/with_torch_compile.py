"""PyTorch with torch.compile: the step of bench/train.py, forward and loss in one program, the optimizer in another."""

from functools import partial
from typing import Any

import torch

from bench import train
from bench.peers import with_torch
from bench.peers.with_torch import set_threads

__all__ = ["set_threads", "trainer"]


def _step(net: train.Net, optimizer: str) -> Any:
    """torch.compile splits the step where backward begins and ends."""
    step = train.torch_step(net, optimizer)
    compiled = torch.compile(step, dynamic=False)
    compiled.model = step.model
    return compiled


trainer = partial(with_torch.trainer, make=_step)
