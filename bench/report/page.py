"""The page: one HTML file that needs nothing else, and its pictures as PNG files beside it."""

from html import escape
from pathlib import Path

from bench import files
from bench.report import history, plots, sections
from bench.report.drawing import inlined, save
from bench.suites.row import Run

CAPTIONS = {
    "train": "Training steps. Each mark is a peer; right of 1 gpugrad is faster.",
    "roofline": "The lines are the copy bandwidth and the best matrix product, measured in this run.",
    "bandwidth": "Bytes a second of operations. Small arrays show the cost of a call, large ones memory. A "
    "copy is a yardstick and no bound: it writes half of its bytes, add a third of them. As one pair of arrays may be "
    "copied at half the speed of another, the median of all copies of as many bytes in this run is drawn.",
    "scaling": "Cost over one size, with fitted exponents; dotted, the theory's slope through the last point.",
    "history": "The same rows in earlier files from this machine.",
}
STYLE = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")


def write(runs: list[Run], folder: Path) -> Path:
    """index.html and the pictures in `folder`; its path.  The last run is shown, earlier ones are history."""
    made = plots.pictures(runs[-1])
    if drawn := history.picture(history.series(runs)):
        made["history"] = drawn
    others = [run for run in runs[:-1] if run.device != runs[-1].device]
    save(folder, made)
    path = folder / "index.html"
    files.write(path, html(runs[-1], others, made).encode())
    return path


def html(run: Run, others: list[Run], made: dict[str, bytes]) -> str:
    """The whole page."""
    parts = [sections.head(run), sections.standing(run), *_figures(made), sections.lost_rows(run)]
    parts += [sections.tables(run), sections.operations(run), sections.exponents(run)]
    for other in others:
        parts += [f"<h1>{escape(str(other.machine.get('gpu') or other.device))}</h1>", sections.head(other)]
        parts += [sections.standing(other), sections.tables(other)]
    parts.append(sections.method(run))
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>gpugrad beside its peers</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n"
        "</main>\n</body>\n</html>\n"
    )


def _figures(made: dict[str, bytes]) -> list[str]:
    figures = [
        f'<figure><img alt="{escape(CAPTIONS[name])}" src="{inlined(picture)}"><figcaption>{escape(CAPTIONS[name])}'
        "</figcaption></figure>"
        for name, picture in made.items()
    ]
    return ["<h2>Pictures</h2>", '<div class="figures">', *figures, "</div>"] if figures else []
