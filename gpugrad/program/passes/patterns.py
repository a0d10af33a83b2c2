"""Pass "patterns": groups of the recorded calls become the fused primitives, which have kernels of their own.

Values are the same to rounding, and what is read elsewhere stays.  What was found shows in the printed program by the
primitives' names: linear_act, linear_vjp, cross_entropy_mean, mlp_step.
"""

from ..ir import Program
from .common import share_common
from .dead import drop_dead
from .linear_patterns import fuse_activations, fuse_gradients
from .loss_patterns import fuse_losses
from .mlp_pattern import fuse_mlps


def fuse_patterns(program: Program) -> Program:
    """The program with every group that is found."""
    program = drop_dead(share_common(program))
    for fuse in (fuse_losses, fuse_activations, fuse_gradients, fuse_mlps):
        program = drop_dead(fuse(program))
    return program
