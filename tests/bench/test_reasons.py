"""bench/report/reasons.py: each lost row has one reason, and one without is said to be unexplained."""

import pytest

from bench.report import sections
from bench.report.reasons import REASONS, UNKNOWN, WITHIN, by_reason, reason_of
from bench.suites import calculus, overhead, products, train
from bench.suites.row import Ratio, Row, Run, Stat
from bench.suites.task import Settings

TINY = Settings("tiny")


def lost_row(suite, name, ratio=0.5, high=0.6, peer="jax", ns=None, **params):
    ours = "gpugrad compiled" if params.get("way") == "compiled" else "gpugrad"
    times = {ours: Stat(1, 1, 1, 7), peer: Stat(ratio, ratio, ratio, 7)}
    return Row(suite, name, params, times, Ratio(peer, ratio, ratio, high), ours=ours, handover_ns=ns)


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (lost_row("train", "64-32-10", batch=32, optimizer="sgd", way="eager"), "eager calls beside one compiled call"),
        (lost_row("train", "784-128-10", batch=64, optimizer="sgd", way="eager"), "OpenBLAS's products"),
        (
            lost_row("train", "64-32-10", batch=3, optimizer="sgd", way="compiled, executor numpy"),
            "OpenBLAS's products",
        ),
        (lost_row("train", "64-32-10", batch=3, optimizer="sgd", way="compiled"), "not explained"),
        (lost_row("train", "784-128-10", ns=60.0, batch=3, way="compiled"), "not explained"),
        (lost_row("train", "784-128-10", ns=310.0, batch=3, way="compiled"), "processors that share no cache"),
        (lost_row("products", "matmul", shape="4x2x2x2", dtype="float32", peer="torch"), "torch shares stacks"),
        (lost_row("products", "matmul", shape="4x2x2x2", dtype="float32", peer="numpy"), "the same OpenBLAS product"),
        (lost_row("products", "matmul", shape="256x256x256", dtype="float32", peer="torch"), "torch's products on two"),
        (lost_row("products", "matmul", shape="64x64x64", dtype="float32"), "a call around a small product"),
        (lost_row("products", "matmul", shape="2048x2048x2048", dtype="float32"), "the same OpenBLAS product"),
        (lost_row("products", "matmul", shape="4x2x2x2", dtype="float32", way="compiled"), "not explained"),
        (lost_row("products", "matmul", dtype="float32", shape="64x64x64", way="compiled"), "a compiled call around"),
        (lost_row("products", "matmul", dtype="float32", shape="2048x2048x2048", way="compiled"), "a compiled product"),
        (lost_row("calculus", "per-sample norms", samples=256, width=64), "eager per-sample derivatives"),
        (lost_row("calculus", "per-sample norms", samples=256, width=64, peer="torch"), "not explained"),
        (lost_row("calculus", "per-sample norms", samples=9, width=64, way="compiled"), "not explained"),
        (lost_row("cold", "import"), "import of the package"),
        (lost_row("cold", "peak memory to 97 % on digits", peer="numpy"), "NumPy alone needs less memory"),
        (lost_row("cold", "import", ratio=0.99, high=1.0), "level within the spread"),
        (lost_row("overhead", "add tracked", n=8), "not explained"),
    ],
)
def test_a_row_has_the_first_reason_that_fits(row, what):
    assert reason_of(row).what.startswith(what)


def test_every_reason_is_about_rows_that_there_are():
    """A renamed row must not leave its reason behind."""
    every = [Settings(scale) for scale in ("quick", "full")]
    tasks = [t for s in every for suite in (train, products, overhead, calculus) for t in suite.tasks(s)]
    names = {t.suite for t in tasks} | {"cold"}
    for reason in REASONS:
        assert all(pattern.partition(":")[0] in names for pattern in reason.patterns)
    assert {"64-32-10, 32, sgd"} <= {t.what for t in tasks if t.suite == "train"}
    assert "per-sample gradients" in {t.what for t in tasks} and "matmul float32 64x64x64" in {t.what for t in tasks}


def test_rows_are_grouped_in_the_order_of_their_first():
    rows = [lost_row("cold", "import"), lost_row("a", "b"), lost_row("cold", "import", n=1), lost_row("cold", "import")]
    assert [(reason.what, len(found)) for reason, found in by_reason(rows).items()] == [
        ("import of the package", 2), ("not explained", 2)
    ]  # fmt: skip
    assert UNKNOWN.why != WITHIN.why


def test_the_page_says_why_beside_each_lost_row():
    rows = [lost_row("cold", "import"), lost_row("a", "b <i>")]
    run = Run("cpu", {}, {}, {}, "c", "k", "", rows=rows)
    text = sections.lost_rows(run)
    for what in ("import of the package", "not explained"):
        assert f'<td class="why">{what}</td>' in text
    assert "<dt>import of the package <small>1 row</small></dt>" in text and "b &lt;i&gt;" in text
