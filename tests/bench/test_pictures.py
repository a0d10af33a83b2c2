"""bench/report/plots.py: what stands beside the marks can be read, and says what is drawn."""

import pytest

from bench.report import page, plots
from bench.suites.row import Fit, Stat, row_of
from tests.bench.test_report import some_run

Text = pytest.importorskip("matplotlib.text").Text


def test_names_of_the_roofline_s_bounds_stand_where_no_mark_is():
    run = some_run()
    for row in run.rows:
        row.flop = row.flop and 5 * row.bytes
    made = plots.roofline(run)
    made.canvas.draw()
    (axes,) = made.axes
    frame = axes.get_window_extent()
    marks = [axes.transData.transform(at)[1] for c in axes.collections for at in c.get_offsets()]
    top = max(axes.transData.transform((1, y))[1] for line in axes.lines for y in line.get_ydata())
    boxes = {text.get_text(): Text.get_window_extent(text) for text in axes.texts}  # of an annotation without its line
    assert boxes["gemm float32:\n100 GFLOP/s"].x0 > frame.x1
    assert boxes["copy: 10.0 GB/s"].y0 > top > max(marks)


def test_every_panel_of_the_scaling_names_its_axis():
    run = some_run()
    run.fits.append(Fit("scale", "a step, eager", "width", [1.0, 2.0], [0.1, 0.2], Stat(1.0, 0.9, 1.1, 3), 1.0))
    assert [axes.get_xlabel() for axes in plots.scaling(run).axes] == ["batch", "width"]


def test_the_copy_drawn_is_the_median_of_all_of_as_many_bytes():
    run = some_run()
    for name, seconds in (("exp", 1e-5), ("tanh", 9e-5)):
        times = {"gpugrad": [1.0] * 3, "ceiling": [seconds] * 3}
        run.rows.append(row_of("ops", name, times, params={"n": 64, "part": "forward"}, bytes=12 * 64))
    (copy,) = [line for line in plots.bandwidth(run).axes[0].lines if line.get_label() == "a copy as large"]
    assert list(copy.get_ydata()) == pytest.approx([12 * 64 / 3.2e-5 / 1e9, 12 / 5e-7 / 1e9])
    assert "no bound" in page.CAPTIONS["bandwidth"]
