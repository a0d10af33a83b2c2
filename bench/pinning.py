"""Threads and processors of a run, decided before anything that has threads is imported."""

import os

POOLS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "BLIS")
_affinity = getattr(os, "sched_getaffinity", None)
PROCESSORS = sorted(_affinity(0)) if _affinity else list(range(os.cpu_count() or 1))


def pin(threads: int) -> None:
    """Set the environment that BLAS, OpenMP and XLA read, and keep the process to as many processors.

    The second is for XLA, whose pool is as large as the processors it sees, whatever its flags say.
    """
    for name in POOLS:
        os.environ[f"{name}_NUM_THREADS"] = str(threads)
    if threads == 1:
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false".strip()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, PROCESSORS[-threads:])
