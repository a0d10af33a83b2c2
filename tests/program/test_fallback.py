"""`fallback=True`: whatever tracing raises, the function runs as it is; what it raises itself comes through."""

import warnings

import numpy as np
import pytest

from gpugrad import Tensor
from gpugrad.errors import ArgumentTypeError, ShapeError, TraceError
from gpugrad.program import compile
from gpugrad.program.entry import Entry

X = np.array([1.0, -2.0, 3.0])


@pytest.mark.parametrize(
    ("f", "said"),
    [
        (lambda x: x.tobytes(), "AttributeError"),
        (lambda x: x.strides, "AttributeError"),
        (lambda x: bytes(x.data), "AttributeError"),
        (lambda x: x.view("i8"), "AttributeError"),
        (lambda x: np.fft.fft(x), ArgumentTypeError.__name__),
        (lambda x: x.astype([("a", float)])["a"], "Error"),
        (lambda x: str(x), "str()"),
        (lambda x: np.unique(x), "np.unique asks"),
    ],
)
def test_what_only_tracing_raises(f, said):
    compiled = compile(f, fallback=True)
    with pytest.warns(RuntimeWarning, match="running without a program") as caught:
        np.testing.assert_array_equal(compiled(X), f(X))
    assert len(caught) == 1 and said in str(caught[0].message) and caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(compiled(-X), f(-X))


def test_without_it_the_error_says_what_helps():
    with pytest.raises(AttributeError, match=r"`\.tobytes` .* not in compiled functions, at .*fallback=True"):
        compile(lambda x: x.tobytes())(X)
    with pytest.raises(AttributeError, match="an array has no attribute 'nonsense'"):
        compile(lambda x: x.nonsense)(X)


def test_an_error_of_the_functions_own_comes_alone_and_right_calls_are_compiled():
    compiled = compile(lambda x: x + Tensor([1.0, 2.0]), fallback=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ShapeError) as caught:
            compiled(X)
        np.testing.assert_array_equal(compiled(X[:2]), [2.0, 0.0])
    assert not isinstance(caught.value.__context__, ShapeError) and compiled.n_traces == 1


def test_an_interrupt_is_no_reason_to_go_on(capsys):
    def f(x):
        print("run")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compile(f, fallback=True)(X)
    assert capsys.readouterr().out == "run\n"


def test_a_program_that_does_not_hold_once_it_is_made(monkeypatch):
    monkeypatch.setattr(Entry, "_tests", lambda self, code: ["True"])
    with pytest.raises(TraceError, match="changes what it depends on"):
        compile(lambda x: x * 2)(X)
    with pytest.warns(RuntimeWarning, match="changes what it depends on.*running without a program"):
        np.testing.assert_array_equal(compile(lambda x: x * 2, fallback=True)(X), X * 2)


def test_a_program_that_cannot_be_planned():
    compiled = compile(lambda x: x * 2, fallback=True, executor="graph")
    with pytest.warns(RuntimeWarning, match='raised ArgumentError: .*executor "graph" is for arrays on a GPU'):
        np.testing.assert_array_equal(compiled(X), X * 2)
    assert compiled.n_traces == 0
