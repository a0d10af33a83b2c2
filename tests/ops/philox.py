"""Philox 4x32-10 in Python integers, one block at a time: the independent reference for gpugrad/ops/random.py."""

import numpy as np


def block(counter, key):
    """Four words from four words and a key of two, as Salmon et al. (2011) write it."""
    (c0, c1, c2, c3), (k0, k1) = counter, key
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * c0, 2**32)
        high1, low1 = divmod(0xCD9E8D57 * c2, 2**32)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return c0, c1, c2, c3


def words(n, key, counter):
    """The first n words of the stream of (key, counter), both below 2**64."""
    high, low = divmod(counter, 2**32)
    blocks = (block((i % 2**32, i >> 32, low, high), (key % 2**32, key >> 32)) for i in range(-(-n // 4)))
    return np.array([w for four in blocks for w in four][:n], dtype=np.uint32)


def dropout(x, key, counter, p):
    """Inverted dropout of x, computed in float64 and rounded once."""
    kept = words(x.size, int(key), int(counter)).reshape(x.shape) >= p * 2.0**32
    return np.where(kept, x.astype(np.float64) / (1 - p), 0.0).astype(x.dtype)
