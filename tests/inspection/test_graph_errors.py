"""What graph() says to a y, names or data that it cannot take."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad.errors import ArgumentTypeError, GradientError
from gpugrad.inspection import graph


def leaf(n):
    return gg.Tensor(np.ones(n), requires_grad=True)


@pytest.mark.parametrize("y", [3.0, np.ones(3), {"a": np.ones(3)}, []])
def test_y_that_is_no_tensor(y):
    with pytest.raises(ArgumentTypeError, match=r"graph: y .*; expected"):
        graph(y)


def test_y_without_a_record():
    with pytest.raises(GradientError, match=r"graph: the tensor was not recorded; set requires_grad=True"):
        graph(gg.Tensor(1.0))


@pytest.mark.parametrize("names", [3, "w", gg.Tensor(1.0)])
def test_names_that_are_none(names):
    with pytest.raises(ArgumentTypeError, match=r"graph: names is a (int|str|Tensor); expected a model"):
        graph(leaf(3), names)


def test_names_of_something_else():
    with pytest.raises(ArgumentTypeError, match=r"graph: names has a float under 'a\.1'; expected a Tensor"):
        graph(leaf(3), {"a": [leaf(3), 2.0]})


def test_data_that_is_no_dictionary():
    with pytest.raises(ArgumentTypeError, match=r"graph: data is a Tensor; expected a dictionary"):
        graph(leaf(3), data=leaf(3))
