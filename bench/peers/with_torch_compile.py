"""PyTorch with torch.compile: the step of with_torch.py, forward and loss in one program, the optimizer in another."""

from functools import partial
from typing import Any

import torch
import torch._dynamo

from bench.peers import with_torch
from bench.peers.nets import Net
from bench.peers.with_torch import set_threads, use_threads

__all__ = ["set_threads", "trainer", "use_threads"]

# All nets share one function here, and torch runs it eagerly once it was compiled this often; a user has one net.
torch._dynamo.config.recompile_limit = torch._dynamo.config.accumulated_recompile_limit = 1024


def _step(net: Net, optimizer: str) -> Any:
    """torch.compile splits the step where backward begins and ends."""
    step = with_torch.torch_step(net, optimizer)
    compiled = torch.compile(step, dynamic=False)
    compiled.model = step.model
    return compiled


trainer = partial(with_torch.trainer, make=_step)
