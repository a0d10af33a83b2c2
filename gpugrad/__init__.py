"""gpugrad: automatic differentiation for NumPy and CuPy arrays, and the training of multilayer perceptrons."""

from . import errors, ops
from .core.anomaly import detect_anomaly
from .core.custom import checkpoint, custom_jvp, custom_vjp
from .core.jacobian import elementwise_grad, hessian, hvp, jacfwd, jacobian, jacrev, linearize
from .core.tape import enable_grad, is_grad_enabled, no_grad
from .core.tensor import Tensor, tensor
from .core.transform import grad, jvp, stop_gradient, value_and_grad, vjp
from .core.vmap import vmap

__version__ = "0.1.0"
__all__ = [
    "Tensor",
    "checkpoint",
    "custom_jvp",
    "custom_vjp",
    "detect_anomaly",
    "elementwise_grad",
    "enable_grad",
    "errors",
    "grad",
    "hessian",
    "hvp",
    "is_grad_enabled",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "linearize",
    "no_grad",
    "ops",
    "stop_gradient",
    "tensor",
    "value_and_grad",
    "vjp",
    "vmap",
]
