"""What is installed.  Standard library only."""

from collections.abc import Iterable
from importlib import metadata


def versions_of(names: Iterable[str]) -> dict[str, str]:
    """{distribution: version} of those that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
