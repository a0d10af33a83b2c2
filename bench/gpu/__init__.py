"""The GPU suite: `python -m bench.gpu` probes a card, checks every kernel on it and times them against their peers.

It runs from a bare checkout, with CuPy alone; PyTorch, JAX and compute-sanitizer take part where they are installed.
Only NumPy is imported with these modules; what is slow or may be missing is imported where it is used.
"""
