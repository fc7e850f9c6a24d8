"""Where an object's fields stand in the file that it came from, as it is told to the API."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from meshgate.api import Document


class Positions(msgspec.Struct, frozen=True):
    """`lines`: the line of each field path, such as `spec.http[0].route[0]`; "" is the object itself."""

    file: str
    lines: dict[str, int] = {}


def positions_of(document: Document) -> Positions:
    """All positions of a document."""
    return Positions(document.filename, {path: document.line(path) for path in _paths("", document.raw)})


def _paths(path: str, value: object) -> Iterator[str]:
    yield path
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _paths(f"{path}.{name}" if path else str(name), item)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _paths(f"{path}[{number}]", item)
