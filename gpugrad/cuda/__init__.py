"""Python launchers of the CUDA kernels."""
