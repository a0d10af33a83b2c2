"""bench/report: the page, the pictures, the README's table, and files of the GPU suite in the same report."""

import json
import re
from html.parser import HTMLParser

import pytest

from bench import command
from bench.report import history, page, plots, readme, sections, tables
from bench.report.load import load
from bench.suites.row import BenchError, Fit, Row, Run, Stat, row_of

HEAD = {"device": "cpu", "versions": {"numpy": "2"}, "kernels": "k"}
GPU_ROW = {
    "stage": "timings", "name": "linear_vjp float32 64x8x8", "dtype": "float32", "state": "ok",
    "bytes": 4096, "flop": 8192,
    "contestants": {
        "gpugrad": {"us": 10.0, "low": 9.0, "high": 11.0},
        "cupy": {"us": 20.0, "low": 18.0, "high": 22.0},
        "jax": {"error": "not installed"},
    },
}  # fmt: skip
GPU = {
    "date": "2026-02-03 10:00 UTC", "gpu": "NVIDIA H200", "memory_bytes": 2**37, "commit": "0123456789abcdef",
    "dirty": False, "kernels": "k", "versions": {"cupy": "14"}, "precision": "float32",
    "host": {"machine": "x86_64", "cpus": 8, "system": "Linux"},
    "stages": [{"stage": "timings", "how": "done", "seconds": 5.0}],
    "ceilings": {"copy": 4e12, "float32": 5e13},
    "rows": [GPU_ROW, {"stage": "correctness", "name": "tests", "state": "ok"}],
}  # fmt: skip


def some_run(day=1, factor=1.0, **more):
    steps = {"gpugrad": [2e-4] * 3, "gpugrad compiled": [1e-4 / factor] * 3, "torch": [3e-4] * 3, "jax": [5e-5] * 3}
    work = {"flop": 10**7, "bytes": 10**5, "ceiling": "gemm float32"}
    rows = [
        row_of("train", "64-32-10", steps, params={"batch": 32, "optimizer": o, "way": w}, ours=ours, **work)
        for o in ("sgd", "adam")
        for w, ours in (("eager", "gpugrad"), ("compiled", "gpugrad compiled"))
    ]
    for n in (64, 4096):
        for part in ("forward", "VJP"):
            times = {"gpugrad": [1e-6 * n] * 3, "ceiling": [5e-7 * n] * 3}
            rows.append(row_of("ops", "add", times, params={"n": n, "part": part}, bytes=12 * n, ceiling="copy"))
    rows.append(row_of("cold", "peak memory", {"gpugrad": [2.0**20], "torch": [2.0**28]}, unit="bytes"))
    rows.append(Row("calculus", "hvp <b>", notes={"": "not measured: off by 3 & more"}))
    fits = [Fit("scale", "a step, eager", "batch", [1.0, 2.0], [0.1, 0.2], Stat(1.0, 0.9, 1.1, 3), 1.0)]
    bounds = {"copy": {"per_s": 1e10, "unit": "bytes"}, "gemm float32": {"per_s": 1e11, "unit": "flop"}}
    given = {"machine": {"id": "a", "cpu": "some CPU", "cores": 2}, "settings": {"suite": "quick", "threads": 1}}
    given |= {
        "commit": f"c{day}",
        "started": f"2026-01-0{day}T00:00:00+00:00",
        "missing": {"mygrad": "not installed <why>"},
    }
    return Run(**{**HEAD, **given, **more}, rows=rows, fits=fits, ceilings=bounds)


class Checker(HTMLParser):
    """Tags that are left open, and addresses that lead out of the page."""

    def __init__(self):
        super().__init__()
        self.open, self.outside, self.cells = [], [], []

    def handle_starttag(self, tag, attributes):
        self.outside += [v for k, v in attributes if k in ("src", "href") and not v.startswith("data:")]
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else(tmp_path):
    pytest.importorskip("matplotlib")
    path = page.write([some_run(1), some_run(2)], tmp_path)
    text = path.read_text()
    checker = Checker()
    checker.feed(text)
    assert not checker.open and not checker.outside and "<script" not in text
    for name in ("train", "roofline", "bandwidth", "scaling", "history"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert text.count("data:image/png;base64,") == 5
    assert "mygrad: not installed &lt;why&gt;" in text and "hvp &lt;b&gt;" in text and "off by 3 &amp; more" in text
    assert 'name="viewport"' in text and "some CPU" in text


def test_rows_of_another_dtype_than_float32_say_so():
    pytest.importorskip("matplotlib")
    steps = {"gpugrad": [2.0] * 3, "torch": [3.0] * 3}
    dtypes = {"sgd": {}, "adam": {"dtype": "float64"}}
    rows = [row_of("train", "8-4", steps, params={"batch": 2, "optimizer": o, **d}) for o, d in dtypes.items()]
    run = some_run()
    run.rows = rows
    (axes,) = plots.train(run).axes
    assert {text.get_text() for text in axes.get_yticklabels()} == {"8-4  sgd", "8-4  adam float64"}
    table = readme.steps(run)
    assert "| 8-4, 2, sgd |" in table and "| 8-4, 2, adam, float64 |" in table


def test_lost_rows_come_first_the_worst_at_the_top():
    run = some_run()
    assert [row.params["way"] for row in tables.lost(run)] == ["eager", "eager", "compiled", "compiled"]
    ratios = [row.ratio.median for row in tables.losers_first(tables.with_peers(run))]
    assert ratios == sorted(ratios) and ratios[0] == 0.25
    assert {
        "train, eager: best peer / gpugrad 0.25 over 2 rows, lost 2",
        "train, compiled: best peer / gpugrad 0.50 over 2 rows, lost 2",
    } <= {*tables.means(run)}


def test_rows_of_other_work_are_said_to_be_so(tmp_path):
    pytest.importorskip("matplotlib")
    run, said = some_run(), "gpugrad takes them from the factors of each gradient"
    assert said not in readme.markdown(run, "run.json") and said not in page.write([run], tmp_path).read_text()
    times = {"gpugrad": [1.0] * 3, "jax": [9.0] * 3}
    run.rows = [*run.rows, row_of("calculus", "per-sample norms", times, params={"samples": 9, "width": 8})]
    assert said in readme.markdown(run, "run.json") and said in page.write([run], tmp_path).read_text()


def test_the_page_of_a_run_without_rows(tmp_path):
    empty = Run(**HEAD, machine={}, settings={}, commit="c", started="")
    assert "gpugrad beside its peers" in page.write([empty], tmp_path).read_text()


def test_the_readme_s_table_is_filled_and_the_rest_left_alone(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("# before\n<!-- performance -->\nold 9.99\n<!-- /performance -->\nafter\n")
    for _ in range(2):
        readme.fill(path, some_run(), tmp_path / "run.json")
    text = path.read_text()
    assert text.startswith("# before\n<!-- performance -->\n") and text.endswith("<!-- /performance -->\nafter\n")
    assert "9.99" not in text and "| 64-32-10, 32, sgd | 200 µs | 100 µs | 3 | 0.5 |" in text
    assert (
        "A peer is faster in 4 of 5 rows:\n\n- **eager calls beside one compiled call**, 2 rows, 0.25 to 0.25" in text
    )
    assert "- **not explained**, 2 rows, 0.5 to 0.5 (most: train: 64-32-10 (batch=32, optimizer=sgd, way=comp" in text
    lengths = {line.count("|") for line in re.findall(r"^\|.*training.*$|^\| 64.*$", text, re.MULTILINE)}
    assert len(lengths) == 1


@pytest.mark.parametrize("text", ["", "<!-- performance -->", "<!-- /performance --><!-- performance -->"])
def test_a_readme_without_markers_is_refused(tmp_path, text):
    path = tmp_path / "README.md"
    path.write_text(text)
    with pytest.raises(BenchError, match="expected <!-- performance -->"):
        readme.fill(path, some_run(), path)


def test_the_first_line_names_what_is_known_and_no_more():
    assert "threads 1</p>" in sections.head(some_run())
    tf32 = some_run(settings={"threads": 4, "precision": "TF32 off"})
    assert "device cpu, threads 4, TF32 off</p>" in sections.head(tf32)


def test_a_column_of_words_is_left_aligned_from_its_head_on():
    text = sections.lost_rows(some_run())
    assert text.count('<th class="why">why</th>') == 1 and text.count('<td class="why">') == 4
    assert "th.why, td.why { text-align: left; }" in page.STYLE


def test_a_shape_breaks_between_its_sizes():
    run = some_run()
    times = {"gpugrad": [2.0] * 3, "torch": [1.0] * 3}
    run.rows = [row_of("products", "matmul", times, params={"shape": "1024x32x8", "of": "max x 2"})]
    for text in (sections.lost_rows(run), sections.tables(run)):
        assert "matmul, 1024x<wbr>32x<wbr>8, max x 2</td>" in text


def test_means_of_the_page_are_those_of_each_suite_and_way():
    run = some_run()
    times = {"gpugrad": [1.0] * 3, "torch": [2.0] * 3}
    run.rows.append(row_of("products", "matmul", times, params={"way": "compiled"}))
    text = sections.standing(run)
    for name in ("Training steps <small>eager, 2 rows", "Training steps <small>compiled, 2 rows",
                 "linear layers <small>compiled, 1 row<"):  # fmt: skip
        assert name in text


def test_history_compares_the_rows_that_all_runs_have():
    runs = [some_run(1), some_run(2, factor=2.0), some_run(3, machine={"id": "other"})]
    assert history.series([runs[2]]) == {}
    found = history.series(runs[:2])["train"]
    assert [when for when, _ in found] == ["2026-01-01\nc1", "2026-01-02\nc2"]
    assert found[1][1] / found[0][1] == pytest.approx(2**0.5)
    assert history.series(runs) == {} and history.picture({}) is None


def test_a_file_of_the_gpu_suite_joins_the_report(tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "gpu.json"
    path.write_text(json.dumps(GPU))
    run = load(path)
    (row,) = run.rows
    assert (
        run.device == "cuda:0" and run.machine["gpu"] == "NVIDIA H200" and run.ceilings["gemm float32"]["per_s"] == 5e13
    )
    assert row.ratio.peer == "cupy" and row.ratio.median == pytest.approx(2.0) and row.notes == {"jax": "not installed"}
    assert row.times["gpugrad"].median == pytest.approx(1e-5) and (row.bytes, row.flop) == (4096, 8192)
    cpu = tmp_path / "cpu.json"
    some_run().save(cpu)
    assert command.report([path, cpu], tmp_path / "page", readme=False) == 0
    text = (tmp_path / "page" / "index.html").read_text()
    assert "NVIDIA H200" in text and "linear_vjp" in text and "64-32-10" in text


@pytest.mark.parametrize("text", ["no json", '{"gpu": "x", "stages": []}', '{"rows": []}'])
def test_what_is_no_file_of_a_run_is_refused(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(BenchError, match=r"x\.json"):
        load(path)


def test_the_newest_file_is_reported_by_default(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "ROOT", tmp_path)
    with pytest.raises(BenchError, match="bench/results has none"):
        command.newest()
    (tmp_path / "bench" / "results").mkdir(parents=True)
    (tmp_path / "bench" / "results" / "cpu.json").write_text("{}")
    assert command.newest().name == "cpu.json"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.5e-5, "s", "15 µs"),
        (2.0, "s", "2 s"),
        (3e-10, "s", "0.3 ns"),
        (3 * 2**20, "bytes", "3 MiB"),
        (0.0, "s", "0 ns"),
    ],
)
def test_amounts(value, unit, text):
    assert tables.amount(value, unit) == text


def test_speeds():
    assert tables.per_second(1.234e10, "bytes") == "12.3 GB/s" and tables.per_second(5.0, "flop") == "5 FLOP/s"
