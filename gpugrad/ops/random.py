"""Random numbers that are a function of (key, counter), and dropout, which can therefore draw its mask again.

The generator is Philox 4x32-10: ten rounds that turn a counter of four 32-bit words and a key of two into four random
words, the same on every machine and in a CUDA kernel.
Source: Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011.
"""

import math
from typing import Any

import numpy as np

from ..core.precision import is_narrow
from ..core.primitive import primitive
from ..errors import ArgumentError, DTypeError, ShapeError
from .batching import all_batched
from .select import select

ROUNDS = 10
MULTIPLIERS = np.array([0xD2511F53, 0xCD9E8D57], dtype=np.uint64)
KEY_STEPS = np.arange(ROUNDS, dtype=np.uint64)[:, None] * np.array([0x9E3779B9, 0xBB67AE85], dtype=np.uint64)
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
_REMEMBER_UP_TO = 1 << 20  # elements of a mask, a byte each
_BLOCKS_AT_ONCE = 8192  # so that what the rounds work on stays in the cache
_REMEMBERED, _MOST_AT_ONCE, _WORDS_AT_ONCE = 16, 8, 24576  # groups of masks; masks in one, and elements in all of them
_drawn: dict[Any, Any] = {}  # those groups, the latest last


def philox(counter: Any, key: Any, xp: Any = np) -> Any:
    """Four random words for each counter, uint32 (n, 4).

    counter (4, n) and key (2,), (2, 1) or (2, n): 32-bit words in any integer dtype.
    """
    c = xp.asarray(counter, dtype=np.uint64)
    key = xp.asarray(key, dtype=np.uint64)
    keys = (key + xp.asarray(KEY_STEPS).reshape(ROUNDS, 2, *(1,) * (key.ndim - 1))) & _LOW
    # A round multiplies words 0 and 2, mixes in words 1 and 3, and swaps the pairs.  Rows stay where they are: `a` has
    # words (0, 2) before an even round and (2, 0) before an odd one, `b` (3, 1) and (1, 3), and `factors` turns along.
    a, b, product = c[0::2].copy(), c[3::-2].copy(), xp.empty((2, c.shape[1]), dtype=np.uint64)
    factors = xp.repeat(xp.asarray(MULTIPLIERS[:, None]), c.shape[1], axis=1)
    factors = (factors, factors[::-1].copy())
    (a0, a1), (b0, b1), (p0, p1) = a, b, product
    for i, (k0, k1) in enumerate(keys):
        xp.multiply(a, factors[i % 2], out=product)
        xp.right_shift(product, _HALF, out=a)
        a ^= b
        a0 ^= k0 if i % 2 else k1
        a1 ^= k1 if i % 2 else k0
        xp.bitwise_and(p0, _LOW, out=b1)
        xp.bitwise_and(p1, _LOW, out=b0)
    b <<= _HALF
    pairs = xp.empty((c.shape[1], 2), dtype=np.uint64)
    xp.bitwise_or(a0, b1, out=pairs[:, 0])
    xp.bitwise_or(a1, b0, out=pairs[:, 1])
    return pairs.view(np.uint32)  # every platform of NumPy's and CuPy's wheels has the low half first


def random_words(n: int, key: Any, counter: Any, xp: Any = np) -> Any:
    """n random 32-bit words, uint32 (n,), of the stream that key and counter name.

    key and counter are integers below 2**64, or 0-d arrays of dtype uint64.  Word i is word i % 4 of the Philox block
    with counter (i // 4, counter) and that key, where each of the three is two 32-bit words, low first.
    """
    key, counter = _halves(key, xp), _halves(counter, xp)
    n_blocks = -(-n // 4)
    step = _BLOCKS_AT_ONCE if xp is np else max(1, n_blocks)
    parts = [_blocks(range(at, min(at + step, n_blocks)), key, counter, xp) for at in range(0, n_blocks, step)]
    return _joined(parts, xp)[:n]


def _words_of_each(n: int, keys: Any, counters: Any, xp: Any) -> Any:
    """random_words for each of the counters, uint64 (k,), with its key or one for all, (k,) or (1,): uint32 (k, n)."""
    n_blocks = max(1, -(-n // 4))
    step = max(1, _BLOCKS_AT_ONCE // n_blocks) if xp is np else max(1, counters.size)
    parts = []
    for start in range(0, counters.size, step):
        own = keys if keys.size == 1 else xp.repeat(keys[start : start + step], n_blocks)
        parts.append(_blocks(range(n_blocks), _halves(own, xp), _halves(counters[start : start + step], xp), xp))
    return _joined(parts, xp).reshape(counters.size, -1)[:, :n]


def _blocks(numbers: range, key: Any, counters: Any, xp: Any) -> Any:
    """The words of the blocks with these numbers, for each of the counters (2, k): uint32, one after the other."""
    c = xp.empty((4, counters.shape[1], len(numbers)), dtype=np.uint64)
    block = xp.arange(numbers.start, numbers.stop, dtype=np.uint64)
    c[0], c[1], c[2:] = block & _LOW, block >> _HALF, counters[:, :, None]
    return philox(c.reshape(4, -1), key, xp).reshape(-1)


def _joined(parts: list[Any], xp: Any) -> Any:
    return parts[0] if len(parts) == 1 else xp.concatenate([xp.empty(0, dtype=np.uint32), *parts])


def _halves(words: Any, xp: Any) -> Any:
    """(2, k): the low and the high halves of 64-bit words (k,) or ()."""
    return xp.ascontiguousarray(xp.asarray(words, dtype=np.uint64)).reshape(-1, 1).view(np.uint32).T


def threshold(p: float) -> int:
    """The least word that keeps its element, for p below 1."""
    return int(p * 2.0**32)


def _enough(words: Any, p: float) -> Any:
    return words >= np.uint32(threshold(p))


def kept(xp: Any, key: Any, counter: Any, *, shape: tuple[int, ...], p: float) -> Any:
    """Where an array of that shape is kept; each place of the leading axes, those of key and counter, has a stream."""
    if xp is np and not (np.ndim(key) or np.ndim(counter)) and math.prod(shape) <= _REMEMBER_UP_TO:
        return _remembered(shape, int(key), int(counter), p)
    return _drawn_now(xp, key, counter, shape, p)


def _drawn_now(xp: Any, key: Any, counter: Any, shape: tuple[int, ...], p: float) -> Any:
    key, counter = xp.broadcast_arrays(xp.asarray(key, dtype=np.uint64), xp.asarray(counter, dtype=np.uint64))
    n = math.prod(shape[key.ndim :])
    if key.shape != shape[: key.ndim]:
        raise ShapeError(
            f"dropout: key and counter have shape {key.shape} but x has shape {shape}; expected the leading axes of x"
        )
    words = _words_of_each(n, key.ravel(), counter.ravel(), xp) if key.ndim else random_words(n, key, counter, xp)
    return _enough(words, p).reshape(shape)


def _remembered(shape: tuple[int, ...], key: int, counter: int, p: float) -> Any:
    """The mask as it was drawn before: by the forward pass, or with those of smaller counters.

    A layer's counter goes up by 1, and NumPy takes little longer for the words of several counters than for those of
    one, where these are few.
    """
    n = math.prod(shape)
    at_once = min(_MOST_AT_ONCE, max(1, _WORDS_AT_ONCE // max(1, n)))
    first = counter - counter % at_once
    if (shape, key, p, first) not in _drawn and counter != first:
        first, at_once = counter, 1
    masks = _drawn.get((shape, key, p, first))
    if masks is None:
        words = random_words(n, key, first) if at_once == 1 else _words_from(first, at_once, n, key)
        masks = _drawn[shape, key, p, first] = _enough(words, p).reshape(at_once, *shape)
        for oldest in list(_drawn)[:-_REMEMBERED]:
            _drawn.pop(oldest, None)
    return masks[counter - first]


def _words_from(first: int, k: int, n: int, key: int) -> Any:
    counters = np.uint64(first) + np.arange(k, dtype=np.uint64)
    return _words_of_each(n, np.array([key], np.uint64), counters, np)


def scale(p: float) -> float:
    """What the kept elements are multiplied by, so that the mean stays; for p below 1."""
    return 1.0 / (1.0 - p)


@primitive(jvp="linear", saves={"x": "key counter"}, nondiff="key counter", cuda="dropout.dropout")
def dropout(xp: Any, x: Any, key: Any, counter: Any, *, p: float) -> Any:
    """x with each element set to 0 with probability p, and the others divided by 1 - p, so that the mean stays.

    x (...), floating; key and counter: integers below 2**64 that name the mask, best as 0-d uint64 arrays (a Python
    number would be frozen into a recorded program).  Element i of x, in row-major order, is kept where word i of
    `random_words` is at least p * 2**32.  The gradient is dropout of the cotangent, with the same mask.
    Arrays of keys and counters, of the shape of x's leading axes, give each slice of x a mask of its own.

    Raises ArgumentError for p outside [0, 1], DTypeError for an x that is not floating, ShapeError for keys that do
    not fit x.
    Source: Srivastava et al., Dropout, JMLR 2014, in the inverted form.
    """
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(f"dropout: p is {p}; expected a probability, 0 to 1")
    x = xp.asarray(x)
    if x.dtype.kind != "f" and not is_narrow(x.dtype):
        raise DTypeError(f"dropout: x has dtype {x.dtype}; expected a floating one (convert with x.astype('float32'))")
    if p == 1.0:
        return xp.zeros_like(x)
    where = kept(xp, key, counter, shape=x.shape, p=p)
    wide = x.astype(np.float32) if is_narrow(x.dtype) else x  # not widen=True, which takes a Python key for a float
    return select(wide * scale(p), where).astype(x.dtype, copy=False)


@dropout.batch
def _(F, batched, x, key, counter, *, p):
    if batched[1] or batched[2]:
        x, *names = (np.asarray(v) if type(v) is int else v for v in (x, key, counter))
        return F.dropout(*all_batched(F, batched, [x, *names]), p=p)
    # the mask that each example draws alone: the same for all, or a batch of cotangents would meet other masks than x
    where = F.dropout(F.ones_like(F.new_zeros(x, shape=x.shape[1:])), key, counter, p=p) != 0
    return F.where(where, x * (scale(p) if p < 1.0 else 0.0), 0.0)


dropout.vjp(lambda F, g, y, x, key, counter, *, p: F.dropout(g, key, counter, p=p))

__all__ = ["dropout"]
