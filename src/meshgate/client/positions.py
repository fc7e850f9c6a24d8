"""Where an object's fields stand in the file that it came from, as it is told to the API."""

from __future__ import annotations

import msgspec

from meshgate.api import Document


class Positions(msgspec.Struct, frozen=True):
    """`lines`: the line of each field path, such as `spec.http[0].route[0]`; "" is the object itself."""

    file: str
    lines: dict[str, int] = {}


def positions_of(document: Document) -> Positions:
    """The positions of a document's fields."""
    return Positions(document.filename, document.lines())
