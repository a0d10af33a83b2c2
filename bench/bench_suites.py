"""Every task of `gpugrad bench` at its tiny size, with the peers that are installed, for pytest-benchmark."""

import warnings

import pytest

from bench import timing
from bench.peers import registry
from bench.suites import run
from bench.suites.task import Settings

TINY = Settings("tiny")
TASKS = [task for task in run.tasks_of(run.SUITES, TINY) if task.what != "size on the disk"]


@pytest.fixture(scope="module")
def settings():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        working, _ = registry.find(None, threads=1, scale="tiny")
    return Settings("tiny", peers=working)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("task", TASKS, ids=lambda task: f"{task.suite}-{task.what}")
def test_task(benchmark, task, settings, monkeypatch):
    monkeypatch.setattr(timing, "ROUND_S", 1e-6)
    benchmark.group = task.suite
    rows = benchmark.pedantic(lambda: list(task.run(settings)), rounds=1)
    assert rows and all(getattr(row, "times", True) for row in rows)
