"""Whether a run is slower than a stored one of the same machine: ratios, not times, as these do not travel."""

import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bench.suites.row import NOT_MEASURED, Fit, Row, Run
from bench.suites.run import Say, measured
from bench.suites.task import Settings, Task

ALLOWED = 0.15  # a ratio may fall by so much
BUSY, ALLOWED_BUSY = 0.5, 0.30  # where other programs keep so many processors busy, caches and cores are shared
FEWEST = 2  # rounds: of a single one nothing is known
# A row that fell is measured again after each of these waits, and the best counts: a busy machine is no fault of ours.
WAITS_S = (0.0, 3.0, 10.0, 30.0)


class Fall(NamedTuple):
    """A row whose ratio fell."""

    key: str
    before: float
    now: float

    def __str__(self) -> str:
        share = 1 - self.now / self.before
        return f"{self.key}: the ratio fell by {share:.0%}, from {self.before:.3g} to {self.now:.3g}"


def falls(stored: Run, rows: Iterable[Row], allowed: float = ALLOWED) -> list[Fall]:
    """The rows that fell by more than is allowed, and whose quartiles are apart; of rows with one key, the best.

    Beside a bound such as a copy, which a neighbour in the cache slows more than us, our own time must have risen too.
    """
    before = {row.key: row for row in stored.rows if _counts(row)}
    now: dict[str, list[Row]] = {}
    for row in rows:
        if row.key in before and _counts(row):
            now.setdefault(row.key, []).append(row)
    found = []
    for key, again in now.items():
        old, new = _ratio(before[key]), max(map(_ratio, again))
        rose = min(map(_time, again)) > (1 + allowed) * _time(before[key])
        if new < (1 - allowed) * old and _apart(before[key], again) and (rose or before[key].peers):
            found.append(Fall(key, old, new))
    return found


def allowed_in(run: Run) -> float:
    """By how much a ratio may fall in this run."""
    return ALLOWED_BUSY if run.settings.get("others", 0.0) > BUSY else ALLOWED


def _apart(before: Row, again: Sequence[Row]) -> bool:
    """Whether the ratios' middle halves lie apart, each time it was measured."""
    assert before.ratio
    return all(row.ratio.high < before.ratio.low for row in again if row.ratio)


def _counts(row: Row) -> bool:
    """Whether there is a ratio of several rounds."""
    return row.ratio is not None and row.ours in row.times and row.times[row.ours].rounds >= FEWEST


def _ratio(row: Row) -> float:
    assert row.ratio
    return row.ratio.median


def _time(row: Row) -> float:
    return row.times[row.ours].median


def failed(run: Run) -> list[Row]:
    """The rows that could not be measured, wrong results among them."""
    return [row for row in run.rows if not row.times and row.notes.get("", "").startswith(NOT_MEASURED)]


def comparable(stored: Run, run: Run) -> str:
    """Why the two cannot be compared; empty where they can."""
    shared = {row.key for row in stored.rows} & {row.key for row in run.rows}
    return alike(stored, run, "--check") or ("" if shared else "--check: the two have no row in common")


def alike(stored: Run, run: Run, option: str) -> str:
    """Why a file is not of the machine, suite and threads of a run, for the option that named it; empty where it is."""
    if stored.machine.get("id") != run.machine.get("id"):
        return (
            f"{option}: the file is from another machine ({stored.machine.get('cpu')}, {stored.machine.get('cores')} "
            f"cores), this one is {run.machine.get('cpu')}, {run.machine.get('cores')} cores"
        )
    for name in ("threads", "suite"):
        if stored.settings.get(name) != run.settings.get(name):
            was, now = stored.settings.get(name), run.settings.get(name)
            return f"{option}: the file was made with --{name} {was}, this run with --{name} {now}"
    return ""


def other_peers(stored: Run, run: Run) -> str:
    """Why a run's rows may not stand beside a file's: other peers, or other versions; empty where they may.

    Without a peer that won a row, the row would be won.
    """
    was, now = ({k: v for k, v in r.versions.items() if k != "gpugrad"} for r in (stored, run))
    found = [f"{k} {was.get(k, 'missing')} there, {now.get(k, 'missing')} here" for k in sorted({*was, *now})
             if was.get(k) != now.get(k)]  # fmt: skip
    there, here = (set(r.settings.get("peers", ())) for r in (stored, run))
    found += [f"{k} takes part {'here' if k in here else 'there'} only" for k in sorted(there ^ here)]
    return f"--into: the file was made beside others: {'; '.join(found)}" if found else ""


def confirmed(stored: Run, run: Run, tasks: Sequence[Task], settings: Settings, say: Say) -> list[Fall]:
    """The falls that remain when the tasks they come from were measured again."""
    rows, allowed = list(run.rows), allowed_in(run)
    for wait in WAITS_S:
        fallen = falls(stored, rows, allowed)
        if not fallen:
            break
        keys = {fall.key for fall in fallen}
        suspects = [task for task in tasks if _gives(task, keys)]
        say(f"{len(fallen)} ratios fell; measuring {len(suspects)} tasks again" + (f" in {wait:.0f} s" if wait else ""))
        time.sleep(wait)
        rows += [r for r in measured(suspects, settings, lambda *_: None, say) if not isinstance(r, Fit)]
    return falls(stored, rows, allowed)


def _gives(task: Task, keys: set[str]) -> bool:
    """Whether a task may give one of these rows, by suite and name."""
    heads = {key.partition(" (")[0].partition(": ")[::2] for key in keys}
    return any(task.suite == suite and _same(task.what, name) for suite, name in heads)


def _same(what: str, name: str) -> bool:
    plain = name.replace("checkpoint: time", "checkpoint").replace("checkpoint: peak memory", "checkpoint")
    return what.startswith(plain) or plain in what or plain.endswith(what)
