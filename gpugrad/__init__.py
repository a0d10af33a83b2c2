from .core.tensor import Tensor, tensor
from .core.transform import grad, jvp, value_and_grad, vjp
from . import ops
