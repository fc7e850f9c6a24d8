"""The recorded verdicts of Istio on single objects, as typed values.

The objects stay raw, since reading them is what is tested.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from tests.conformance.cases import Raw, case_files
from tests.machine import SHARED

VALIDATION = SHARED / "conformance" / "validation"


class SchemaVerdict(Struct, frozen=True, kw_only=True):
    """What the schema in a cluster says, its rules in CEL included."""

    valid: bool | None = None
    """None: there is no such API version."""
    error: str = ""

    @property
    def refuses(self) -> bool:
        return self.valid is False


class VerdictCase(Struct, frozen=True, kw_only=True):
    """One object, or one document of mesh configuration, and what istiod's webhook says of it."""

    id: str
    name: str = ""
    object: Raw | None = None
    input: Any = None
    """Of MeshConfig and MeshNetworks, instead of `object`: a mapping, or the text of a document."""
    valid: bool
    error: str = ""
    warnings: list[str] = []
    crd: SchemaVerdict = SchemaVerdict()

    @property
    def is_admitted(self) -> bool:
        """Whether a cluster takes it: both its schema and istiod do."""
        return self.valid and not self.crd.refuses


class VerdictFile(Struct, frozen=True, kw_only=True):
    """The cases of one kind."""

    kind: str
    cases: list[VerdictCase]


def verdict_files(paths: Iterable[Path]) -> Iterator[VerdictFile]:
    """The files, with their objects written out."""
    for path in case_files(paths):
        yield msgspec.convert(_written_out(msgspec.json.decode(path.read_bytes())), VerdictFile)


def verdicts(kind: str) -> list[VerdictCase]:
    """The given cases of one kind; none where the data is missing."""
    path = VALIDATION / "objects" / f"{kind}.json"
    return [case for file in verdict_files([path]) for case in file.cases] if path.exists() else []


def _written_out(value: Any) -> Any:
    """Long texts are kept as `{"$repeat": [unit, count, tail?]}`."""
    if isinstance(value, dict):
        if set(value) == {"$repeat"}:
            unit, count, *tail = value["$repeat"]
            return unit * count + (tail[0] if tail else "")
        return {key: _written_out(item) for key, item in value.items()}
    return [_written_out(item) for item in value] if isinstance(value, list) else value
