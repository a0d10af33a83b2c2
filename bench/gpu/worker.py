"""One stage in a process of its own: each row begins and ends with a line in a file, so that nothing is lost with it.

python -m bench.gpu.worker probe rows.jsonl 40
"""

import json
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

CARD_LOST = 70  # exit code: the card answers nothing in this process any more; another one may go on
Rows = Iterable[tuple[str, Callable[[], dict[str, Any]]]]


class NotPresent(Exception):
    """What a row needs is not installed; the row is recorded as not run."""


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a file of rows; a last line that was cut off is left out."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return found


def run_row(make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The row's figures with its state ("ok" unless it says otherwise) and how long it took; never raises."""
    began = time.perf_counter()
    try:
        row = {"state": "ok", **make()}
    except NotPresent as reason:
        row = {"state": "not run", "error": str(reason)}
    except Exception as error:
        where = traceback.format_exc(limit=-3)
        row = {"state": "failed", "error": f"{type(error).__name__}: {error}"[:2000], "traceback": where[-3000:]}
    return {**row, "seconds": round(time.perf_counter() - began, 3)}


def card_answers() -> bool:
    """False after a fault that spoils CUDA for the whole process."""
    cupy = sys.modules.get("cupy")
    if cupy is None:
        return True
    try:
        cupy.cuda.runtime.deviceSynchronize()
    except Exception as error:
        return any(sign in str(error) for sign in ("InsufficientDriver", "NoDevice"))  # there was none to lose
    return True


def work(rows: Rows, path: Path, answers: Callable[[], bool] = card_answers) -> int:
    """Run the rows that no earlier process began; 0, or CARD_LOST where another process must go on."""
    rows = list(rows)
    begun = {line["begin"] for line in read_lines(path) if "begin" in line}
    with path.open("a", encoding="utf-8") as file:

        def write(line: dict[str, Any]) -> None:
            file.write(json.dumps(line) + "\n")
            file.flush()

        write({"planned": [name for name, _ in rows]})
        for name, make in rows:
            if name in begun:
                continue
            write({"begin": name})
            row = run_row(make)
            write({"name": name, **row})
            print(f"  {row['state']:8}{row['seconds']:8.1f} s  {name}  {row.get('error', '')[:150]}", flush=True)
            if row["state"] == "failed" and not answers():
                return CARD_LOST
    return 0


def main(argv: list[str]) -> int:
    stage, path, seconds = argv
    module = import_module(f"bench.gpu.{stage}")
    return work(module.rows(time.monotonic() + float(seconds)), Path(path))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
