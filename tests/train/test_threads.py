"""Small networks get one BLAS thread, large ones and those who ask otherwise what there is."""

import os
from contextlib import nullcontext

import pytest

from gpugrad.train.threads import CHOSEN_BY, blas_threads_for

threadpoolctl = pytest.importorskip("threadpoolctl")


def n_threads():
    return {pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def nobody_chose(monkeypatch):
    for name in CHOSEN_BY:
        monkeypatch.delenv(name, raising=False)


def test_one_thread_inside_and_the_former_number_after():
    before = n_threads()
    with blas_threads_for((64, 256, 10), 32):
        assert n_threads() == {1}
    assert n_threads() == before


def test_large_products_and_the_users_choice_are_left_alone(monkeypatch):
    assert isinstance(blas_threads_for((784, 2048, 10), 512), nullcontext)
    monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", "2")
    assert isinstance(blas_threads_for((64, 256, 10), 32), nullcontext)
