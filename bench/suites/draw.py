"""Random arrays of about n elements, float32, away from 0 and 1 so that every function is at home."""

import numpy as np


class Draw:
    """Arrays of one size; matrices are 8 x 8 and rows 64 long, as far as n suffices."""

    def __init__(self, n: int, rng: np.random.Generator) -> None:
        self.n, self.rng = n, rng
        self.row = min(64, n)
        self.n_rows = max(1, n // self.row)
        self.n_matrices = max(1, n // 64)

    def array(self, *shape: int) -> np.ndarray:
        """Of any shape."""
        return self.rng.uniform(0.1, 0.9, shape).astype(np.float32)

    def flat(self) -> np.ndarray:
        return self.array(self.n)

    def rows(self) -> np.ndarray:
        return self.array(self.n_rows, self.row)

    def square(self) -> np.ndarray:
        """One matrix."""
        width = max(2, round(self.n**0.5))
        return self.array(width, width)

    def matrices(self) -> np.ndarray:
        """Symmetric, positive definite, well conditioned, their eigenvalues apart."""
        a = self.array(self.n_matrices, 8, 8)
        return (a @ a.swapaxes(1, 2) + np.diag(np.arange(1, 9))).astype(np.float32)

    def flags(self) -> np.ndarray:
        return self.rng.random(self.n) < 0.5

    def integers(self, high: int, *shape: int) -> np.ndarray:
        """Below high; n of them where no shape is given."""
        return self.rng.integers(0, high, shape or self.n)
