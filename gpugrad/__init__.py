"""gpugrad: automatic differentiation for NumPy and CuPy arrays, and the training of multilayer perceptrons."""

import importlib
from typing import TYPE_CHECKING, Any

from . import errors, ops
from .core.anomaly import detect_anomaly
from .core.checkpoint import checkpoint
from .core.custom import custom_jvp, custom_vjp
from .core.jacobian import elementwise_grad, hessian, hvp, jacfwd, jacobian, jacrev, linearize
from .core.per_sample import per_sample_grad, per_sample_grad_norm
from .core.primitive import primitive
from .core.tape import enable_grad, is_grad_enabled, no_grad
from .core.tensor import Tensor, tensor
from .core.transform import grad, jvp, stop_gradient, value_and_grad, vjp
from .core.vmap import vmap
from .cuda.precision import matmul_precision
from .ops import first_use

if TYPE_CHECKING:
    from . import data, inspection, nn, numpy, optim, testing, train
    from .inspection import gradient_flow, graph, memory_report
    from .program import compile
    from .program.threads import get_num_threads, set_num_threads

__version__ = "0.1.0"
__all__ = [
    "Tensor",
    "checkpoint",
    "compile",
    "custom_jvp",
    "custom_vjp",
    "data",
    "detect_anomaly",
    "elementwise_grad",
    "enable_grad",
    "errors",
    "get_num_threads",
    "grad",
    "gradient_flow",
    "graph",
    "hessian",
    "hvp",
    "inspection",
    "is_grad_enabled",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "linearize",
    "matmul_precision",
    "memory_report",
    "nn",
    "no_grad",
    "numpy",
    "ops",
    "optim",
    "per_sample_grad",
    "per_sample_grad_norm",
    "primitive",
    "set_num_threads",
    "stop_gradient",
    "tensor",
    "testing",
    "train",
    "value_and_grad",
    "vjp",
    "vmap",
]

# imported at first use: `import gpugrad` is to cost little
_MODULES = ("data", "inspection", "nn", "numpy", "optim", "testing", "train")
_FROM = {
    "compile": "program",
    "get_num_threads": "program.threads",
    "gradient_flow": "inspection",
    "graph": "inspection",
    "memory_report": "inspection",
    "set_num_threads": "program.threads",
}
first_use.LOADERS.append(lambda: importlib.import_module(f"{__name__}.numpy"))  # when np.sin(t) is first met


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _FROM:
        globals()[name] = value = getattr(importlib.import_module(f"{__name__}.{_FROM[name]}"), name)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
