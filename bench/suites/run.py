"""A run: the tasks of the chosen suites in order, with a progress bar and the time left."""

import contextlib
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from bench.suites import ceilings
from bench.suites.machine import new_run, others, processor_s
from bench.suites.row import NOT_MEASURED, Fit, Row, Run
from bench.suites.task import Settings, Task

SUITES = ("overhead", "ops", "products", "train", "cold", "calculus", "scale")

Watch = Callable[[float, str, float], None]  # (share done, what comes next, seconds left)
Say = Callable[[str], None]
QUIET = 0.1  # processors that others may use


def tasks_of(names: Sequence[str], settings: Settings) -> list[Task]:
    """The tasks of these suites, after the ceilings that they are held against."""
    found = list(ceilings.tasks(settings))
    for name in names:
        found += import_module(f"bench.suites.{name}").tasks(settings)
    return found


def measured(tasks: Sequence[Task], settings: Settings, watch: Watch, say: Say) -> Iterator[Row | Fit]:
    """What the tasks give, one after the other.  One that fails is named, and the others go on."""
    whole, done, begin = sum(t.cost_s for t in tasks), 0.0, time.perf_counter()
    for task in tasks:
        pace = (time.perf_counter() - begin) / done if done else 1.0
        watch(done / whole, f"{task.suite}: {task.what}", pace * (whole - done))
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                yield from task.run(settings)
        except Exception as error:  # one fault is not to cost an hour of measurements
            say(f"{task.suite}: {task.what} was not measured: {type(error).__name__}: {error}")
            yield Row(task.suite, task.what, notes={"": f"{NOT_MEASURED}: {type(error).__name__}: {error}"})
        done += task.cost_s
    watch(1.0, "", 0.0)


def complete(
    names: Sequence[str], settings: Settings, chosen: dict[str, Any], missing: dict[str, str], watch: Watch,
    say: Say,
) -> Run:  # fmt: skip
    """Measure everything; the file's content."""
    run = new_run("cpu", {**chosen, "clock": clock(settings)}, missing)
    begin, before, used = time.perf_counter(), ceilings.drift(settings), processor_s()
    add(run, measured(tasks_of(names, settings), settings, watch, say))
    run.settings["drift_ms"] = [round(before, 3), round(ceilings.drift(settings), 3)]
    run.seconds = round(time.perf_counter() - begin, 1)
    run.settings["others"] = round(others(used, run.seconds), 2)
    if run.settings["others"] > QUIET:
        say(
            f"other programs kept {run.settings['others']:.1f} processors busy: times on the wall are not to be trusted"
        )
    return run


def add(run: Run, found: Iterable[Row | Fit]) -> None:
    """Sort rows and fits into the run; its ceilings follow."""
    for one in found:
        (run.fits if isinstance(one, Fit) else run.rows).append(one)  # type: ignore[arg-type]
    run.ceilings = ceilings.of(run.rows)


def clock(settings: Settings) -> str:
    """What the times are."""
    return "processor time of the process" if settings.threads == 1 else "time on the wall"


@contextlib.contextmanager
def progress_bar(quiet: bool = False) -> Iterator[Watch]:
    """rich's bar where it is installed and somebody looks, else a line for each suite."""
    if quiet:
        yield lambda share, what, left: None
        return
    try:
        from rich.progress import BarColumn, Progress, TextColumn
    except ImportError:
        yield _lines()
        return
    columns = (BarColumn(30), TextColumn("{task.percentage:3.0f} %"), TextColumn("{task.fields[left]} left"),
               TextColumn("{task.description}"))  # fmt: skip
    with Progress(*columns, transient=True) as bar:
        if not bar.console.is_terminal:
            yield _lines()
            return
        line = bar.add_task("", total=1.0, left="?")
        yield lambda share, what, left: bar.update(line, completed=share, description=what[:60], left=minutes(left))


def _lines() -> Watch:
    last = [""]

    def watch(share: float, what: str, left: float) -> None:
        suite = what.partition(":")[0]
        if suite != last[0]:
            last[0] = suite
            print(f"{100 * share:3.0f} %  {suite or 'done'}, {minutes(left)} left", flush=True)

    return watch


def minutes(seconds: float) -> str:
    """ "2:05".

    >>> minutes(125)
    '2:05'
    """
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
