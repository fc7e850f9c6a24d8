"""Objects as the store holds them: JSON as it was written, under Kubernetes' metadata.

The raw JSON is the truth and only `api.decode` gives it a shape; so this is one of the few places where `Any`
is meant. What the store hands out is shared with everybody and is never written to: change by building a new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Raw = Mapping[str, Any]


class Positions(NamedTuple):
    """Where an object's fields were written: a file and the line of each field path (`spec.http[0]`)."""

    file: str
    lines: Mapping[str, int]

    def at(self, path: str) -> str:
        """`file:line` of the path, else of the nearest enclosing one that is known, else the file."""
        while path:
            if path in self.lines:
                return f"{self.file}:{self.lines[path]}"
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return f"{self.file}:{self.lines['']}" if "" in self.lines else self.file


def meta(raw: Raw) -> Raw:
    """The object's metadata; empty where there is none."""
    found: Raw | None = raw.get("metadata")
    return found or {}


def owner_uids(raw: Raw) -> frozenset[str]:
    return frozenset(owner["uid"] for owner in meta(raw).get("ownerReferences", ()))


def without(raw: Raw, *fields: str) -> dict[str, Any]:
    return {name: value for name, value in raw.items() if name not in fields}
