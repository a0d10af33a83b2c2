"""Every exception gpugrad raises on purpose.

A message names the operation, the argument, what came, what was expected and the fix, in one line.  Each class also
derives from the built-in a NumPy user would catch, so `except ValueError` keeps working.
"""

import numpy as np


class GpugradError(Exception):
    """Base of all errors below; the command line prints it as one line without a traceback."""


class ShapeError(GpugradError, ValueError):
    """Shapes, axes or sizes that do not fit the operation."""


class DTypeError(GpugradError, TypeError):
    """A dtype the operation cannot take, or a gradient asked of an integer or bool tensor."""


class ArgumentError(GpugradError, ValueError):
    """An argument outside its allowed values."""


class ArgumentTypeError(GpugradError, TypeError):
    """An argument of a type the operation cannot take."""


class IndexingError(GpugradError, IndexError):
    """An index out of range."""


class DeviceError(GpugradError, RuntimeError):
    """A device that is missing, unusable, or mixed with another."""


class GradientError(GpugradError, RuntimeError):
    """A gradient that cannot be had: no graph, a freed graph, or a value overwritten since it was recorded."""


class TraceError(GpugradError, RuntimeError):
    """Something a compiled function does that a recorded program cannot repeat; names the user's line."""


class LinAlgError(GpugradError, np.linalg.LinAlgError):
    """A matrix that is singular, not positive definite, or for which an iteration does not converge."""


class NonFiniteError(GpugradError, FloatingPointError):
    """The first NaN or infinity, and the operation that made it."""


class DataError(GpugradError, ValueError):
    """A data file or table that is missing pieces, truncated, or not what it says; names the row and column."""


class CheckpointError(GpugradError, ValueError):
    """A checkpoint or run folder that is missing, corrupt, or from another configuration."""


class StorageError(GpugradError, OSError):
    """A file or folder that cannot be read or written."""


class MissingDependencyError(GpugradError, ImportError):
    """An optional package is not installed; names the extra that brings it."""
