"""Where an object's fields stand in the file that it came from, as it is told to the API."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice

import msgspec

from meshgate.api import Document

MOST_FIELDS = 1000
"""Each costs a walk through the document; a field without a position has that of the field around it."""


class Positions(msgspec.Struct, frozen=True):
    """`lines`: the line of each field path, such as `spec.http[0].route[0]`; "" is the object itself."""

    file: str
    lines: dict[str, int] = {}


def positions_of(document: Document) -> Positions:
    """The positions of a document's fields; of a very large one those of the outer fields only."""
    paths = islice(_paths(document.raw), MOST_FIELDS)
    return Positions(document.filename, {path: document.line(path) for path in paths})


def _paths(raw: object) -> Iterator[str]:
    """All field paths, outer ones first."""
    waiting = deque([("", raw)])
    while waiting:
        path, value = waiting.popleft()
        yield path
        if isinstance(value, dict):
            waiting.extend((f"{path}.{name}" if path else str(name), item) for name, item in value.items())
        elif isinstance(value, list):
            waiting.extend((f"{path}[{number}]", item) for number, item in enumerate(value))
