"""The operations: one block each, with forward, derivative rules and checks."""

import importlib
from typing import Any

from ..core.namespace import LATER
from .activation import *
from .along_axis import *
from .arithmetic import *
from .at import *
from .axis_moves import *
from .compare import *
from .creation import *
from .diagonal import *
from .einsum import *
from .exponential import *
from .extrema import *
from .index import *
from .index_batch import *
from .inplace import *
from .joining import *
from .labels import *
from .linear import *
from .matmul import *
from .moments import *
from .norm import *
from .operators import *
from .pad import *
from .powers import *
from .reduce import *
from .scan import *
from .select import *
from .shape import *
from .sigmoid import *
from .softmax import *
from .sorting import *
from .special import *
from .trigonometric import *

# What few programs use is imported when first asked for: `import gpugrad` is to cost little.
_LATER = (
    "cross_entropy",
    "mean_cross_entropy",
    "differences",
    "float_parts",
    "interpolate",
    "linalg_cholesky",
    "linalg_det",
    "linalg_lstsq",
    "linalg_more",
    "linalg_norm",
    "linalg_pinv",
    "linalg_qr",
    "linalg_solve",
    "linalg_spectral",
    "linalg_svd",
    "fused_linear",
    "loss",
    "mlp_step",
    "nan",
    "nan_extrema",
    "normalize",
    "phase",
    "quantiles",
    "random",
    "self_gated",
)
LATER.append(lambda: [importlib.import_module(f"{__name__}.{module}") for module in _LATER])


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return importlib.import_module(f"{__name__}.{name}")
    if not name.startswith("__"):
        for module in _LATER:
            found = importlib.import_module(f"{__name__}.{module}")
            if name in found.__all__:
                globals()[name] = value = getattr(found, name)
                return value
    raise AttributeError(f"module {__name__!r} has no operation {name!r}")
