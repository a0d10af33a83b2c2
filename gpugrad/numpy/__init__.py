"""NumPy's names and signatures, over Tensors and arrays."""
