"""What a rule found wrong with a value that could be read."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from meshgate.api import codes
from meshgate.api.field_path import path_of
from meshgate.api.problem import Severity


class Finding(msgspec.Struct, frozen=True):
    """One finding, at a path from the top of the object, such as `spec.http[2].timeout`."""

    path: str
    text: str
    hint: str = ""
    severity: Severity = "error"
    code: str = codes.INVALID


Findings = Iterator[Finding]


def doubt(path: str, text: str, hint: str = "") -> Finding:
    """A finding that istiod's webhook only warns about."""
    return Finding(path, text, hint, "warning", codes.DOUBTFUL)


def at_key(path: str, key: str) -> str:
    """The path of a key in a map.

    >>> at_key("spec.headers", "x-user"), at_key("spec.labels", "app")
    ('spec.headers[x-user]', 'spec.labels.app')
    """
    part = path_of([key])
    return path + part if part.startswith("[") else f"{path}.{part}"
