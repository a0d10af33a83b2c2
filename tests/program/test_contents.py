"""Arrays of NumPy's around a compiled function: a program holds while they contain what they did."""

import array
import types

import numpy as np
import pytest

from gpugrad import Tensor, nn, ops
from gpugrad.errors import TraceError
from gpugrad.program import compile
from gpugrad.program.contents import copied, is_fixed

USES = {
    "as it is": lambda x, w: x * w,
    "computed by NumPy": lambda x, w: x + w * 2,
    "by an operation": lambda x, w: x * ops.exp(w).sum(),
    "both": lambda x, w: x * w + np.exp(w).sum(),
    "as a number": lambda x, w: x * float(w.ravel()[-1]),
    "in a Tensor": lambda x, w: Tensor(w) * x,
    "alone": lambda x, w: (x, w),
    "alone in a Tensor": lambda x, w: (x, Tensor(w)),
}


def arrays(found):
    return [np.array(a) for a in (found if isinstance(found, tuple) else (found,))]


def require_same(found, expected):
    for a, b in zip(arrays(found), arrays(expected), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("executor", ["numpy", "list"])
@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("n", [1, 3, 5_000])
def test_an_array_that_is_written_in_one_place(use, n, executor):
    """In whatever expression: the program is for what it contained."""
    w, x = np.linspace(0, 1, n), np.arange(float(n))
    f = compile(lambda x: USES[use](x, w), executor=executor)
    for _ in range(2):
        require_same(f(x), USES[use](x, w))
    assert f.n_traces == 1
    w[-1] = 2.5
    require_same(f(x), USES[use](x, w))
    w *= 0.5
    require_same(f(x), USES[use](x, w))
    assert f.n_traces == 3


@pytest.mark.parametrize("use", USES)
def test_a_large_array_is_all_new_or_all_old(use):
    """One that changes as a whole is noticed; one element is not, in no expression."""
    w, x = np.linspace(0, 0.01, 100_000), np.arange(100_000.0)
    f = compile(lambda x: USES[use](x, w), executor="numpy")
    require_same(f(x), USES[use](x, w))
    w += 0.001
    require_same(f(x), USES[use](x, w))
    assert f.n_traces == 2
    old = w.copy()
    w[-1] = 0.5
    require_same(f(x), USES[use](x, old))
    assert f.n_traces == 2


def test_many_arrays_are_compared_in_part():
    """The bytes compared before each run have a limit, beyond which it is a sample of each array."""
    several = [np.full(10_000, float(i)) for i in range(4)]
    f, x = compile(lambda x: x + sum(several)), np.ones(10_000)
    f(x)
    seen = f._entries[0].recorded.surroundings.arrays
    assert [len(one.before) for one in seen] == [80_000, 2048, 2048, 2048]
    for array_ in several:
        array_ += 1
        np.testing.assert_array_equal(f(x), x + sum(several))


@pytest.mark.parametrize("pick", [lambda h: h.w, lambda h: h.several[0], lambda h: h.named["w"], lambda h: h.view])
def test_an_array_that_is_held_in_an_object_a_list_or_a_dictionary(pick):
    w = np.array([1.0, 2.0, 3.0])
    held = types.SimpleNamespace(w=w, several=[w], named={"w": w}, view=w[::-1])
    f, x = compile(lambda x: x + pick(held) * 2), np.ones(3)
    f(x)
    w[0] = 5.0
    np.testing.assert_array_equal(f(x), x + pick(held) * 2)


def test_an_array_of_a_module_that_is_no_buffer():
    class Shifted(nn.Module):
        def __init__(self):
            self.shift = np.array([1.0, 2.0, 3.0])

        def forward(self, x):
            return x + self.shift * 2

    net, x = Shifted(), np.ones(3)
    f = compile(lambda x: net(x))
    f(x)
    net.shift[0] = 5.0
    np.testing.assert_array_equal(f(x), x + net.shift * 2)


@pytest.mark.parametrize("make", [bytearray, lambda values: array.array("B", values)])
def test_a_bytearray_that_is_written(make):
    held, x = make([1, 2, 3]), np.ones(3)
    f = compile(lambda x: x * held[0])
    np.testing.assert_array_equal(f(x), x)
    held[0] = 7
    np.testing.assert_array_equal(f(x), x * 7)
    held.append(1)
    np.testing.assert_array_equal(f(x), x * 7)
    assert f.n_traces == 3


def test_the_array_for_which_a_function_is_traced_again_and_again_is_named():
    w = np.zeros(3)
    f = compile(lambda x: x + w, max_programs=1)
    with pytest.warns(RuntimeWarning, match="traced 4 times; .* among the arguments and not `w`, and"):
        for _ in range(4):
            w += 1
            np.testing.assert_array_equal(f(np.ones(3)), 1 + w)


@pytest.mark.parametrize("n", [3, 100_000])
def test_an_array_in_the_memory_of_a_tensor_that_is_written(n):
    """Each run would change what the program takes to stay."""
    w = Tensor(np.ones(n))
    seen = w.data[::-1]

    def f(x):
        w.data[...] = w.data + x
        return seen * x

    with pytest.raises(TraceError, match="shares memory with the array `seen`"):
        compile(f)(np.ones(n))
    np.testing.assert_array_equal(w.data, np.ones(n))


@pytest.mark.parametrize("n", [3, 100_000])
def test_a_write_into_an_array_of_any_size(n):
    total = np.zeros(n)

    def f(x):
        total[n // 2] += 1
        return x + total

    with pytest.raises(TraceError, match="writes into the array `total`"):
        compile(f)(np.ones(n))
    assert not total.any()


def test_a_write_that_a_view_for_reading_shows():
    total = np.zeros(3)
    seen = np.broadcast_to(total, (2, 3))

    def f(x):
        total[1] += 1
        return x + seen

    with pytest.raises(TraceError, match="writes into the array `"):
        compile(f)(np.ones(3))
    assert not total.any()


def test_a_result_that_the_caller_writes_into_stays_in_the_program():
    w = np.arange(3.0)
    f = compile(lambda x: (x, w, Tensor(w)))
    for _ in range(2):
        _, plain, boxed = f(np.ones(3))
        np.testing.assert_array_equal(plain, np.arange(3.0))
        np.testing.assert_array_equal(boxed, np.arange(3.0))
        plain += 1
        boxed.data[...] = 7


def test_a_file_that_is_mapped_for_reading_is_neither_compared_nor_copied(tmp_path):
    np.save(tmp_path / "w.npy", np.arange(3.0))
    w = np.load(tmp_path / "w.npy", mmap_mode="r")
    assert is_fixed(w) and is_fixed(w[1:]) and copied(w) is w
    f = compile(lambda x: x * w)
    np.testing.assert_array_equal(f(np.ones(3)), np.arange(3.0))
    (record,) = (entry.recorded for entry in f._entries)
    assert record.surroundings.arrays == []


@pytest.mark.parametrize("of", [np.zeros(3), np.broadcast_to(np.zeros(1), 3), np.zeros((2, 2)).T])
def test_what_somebody_could_write_into_is_not_fixed(of):
    assert not is_fixed(of)


LAYOUTS = [
    np.arange(24.0).reshape(4, 6),
    np.arange(24.0).reshape(4, 6).T,
    np.arange(24.0).reshape(4, 6)[::-2, 1:4],
    np.broadcast_to(np.arange(3.0), (4, 3)),
    np.lib.stride_tricks.sliding_window_view(np.arange(6.0), 3),
    np.array(2.5),
    np.zeros((0, 3)),
    np.arange(6, dtype=">i2")[::-1],
]


@pytest.mark.parametrize("x", LAYOUTS)
def test_a_copy_has_the_values_and_the_strides(x):
    y = copied(x)
    np.testing.assert_array_equal(y, x)
    assert (y.dtype, y.strides) == (x.dtype, x.strides)
    assert x.size == 0 or not np.shares_memory(x, y)
