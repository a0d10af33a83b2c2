"""A pytest plugin: several processes share out the tests, and each result is on disk as soon as there is one.

    python -m pytest -p bench.gpu.sharing tests/cuda        with GPUGRAD_SHARE naming a folder

Each process collects all tests; who first makes the file of a test in the folder runs it.  The tests of the whole spec
table come last, as they take long and kernels matter first.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from .worker import CARD_LOST, card_answers

LAST = ("test_host_backend", "test_graph_primitives")


class Sharing:
    """The claims of one process, and its file of results."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = (folder / f"{os.getpid()}.jsonl").open("a", encoding="utf-8")

    def claims(self, k: int, name: str) -> bool:
        """True where no other process has taken test k."""
        try:
            os.close(os.open(self._folder / f"{k}.taken", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        self.write({"begin": name})
        return True

    def write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items.sort(key=lambda item: any(name in item.nodeid for name in LAST))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: Any) -> bool:
        if session.testsfailed and not session.config.option.continue_on_collection_errors:
            raise session.Interrupted(f"{session.testsfailed} errors during collection")
        if session.config.option.collectonly:
            return True
        for k, item in enumerate(session.items):
            if self.claims(k, item.nodeid):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        return True

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.write({"name": report.nodeid, "outcome": "failed", "message": str(report.longrepr)[-1500:]})

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when != "call" and report.outcome == "passed":
            return
        outcome = "failed" if report.failed else report.outcome
        message = _message(report) if outcome != "passed" else ""
        self.write({"name": report.nodeid, "outcome": outcome, "message": message, "seconds": report.duration})
        if report.failed and not card_answers():
            self._file.close()
            os._exit(CARD_LOST)


def _message(report: Any) -> str:
    """The reason of a skip, or the last lines of a failure."""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    crash = getattr(report.longrepr, "reprcrash", None)
    return (crash.message if crash is not None else str(report.longrepr))[:1500]


def pytest_configure(config: Any) -> None:
    if folder := os.environ.get("GPUGRAD_SHARE"):
        config.pluginmanager.register(Sharing(Path(folder)), "gpugrad-sharing")
