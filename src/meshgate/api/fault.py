"""What a reader found wrong, before it is known which object it is in.

Readers are closures without a notion of where they are: a fault is made with an empty path, and on the way out each
container adds its key. So nothing is spent on paths as long as there is no fault.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection

import msgspec

from meshgate.api import codes
from meshgate.api.field_path import Part, path_of
from meshgate.api.problem import Severity


class Fault(msgspec.Struct):
    """One finding; `parts` grows from the innermost key outwards."""

    code: str
    text: str
    hint: str = ""
    severity: Severity = "error"
    parts: list[Part] = msgspec.field(default_factory=list)

    @property
    def path(self) -> str:
        return path_of(reversed(self.parts))


def locate(faults: list[Fault], first: int, key: Part) -> None:
    """Say of the faults from the index `first` on that they are below `key`."""
    for index in range(first, len(faults)):
        faults[index].parts.append(key)


def wrong_type(expected: str, raw: object, hint: str = "") -> Fault:
    """A value of the wrong type."""
    return Fault(codes.WRONG_TYPE, f"expected {expected}, got {described(raw)}", hint)


def described(raw: object) -> str:
    """What a raw value is, in words.

    >>> described(True), described(5), described("x"), described([]), described({}), described(None)
    ('the boolean true', 'the number 5', '"x"', 'a list', 'an object', 'null')
    """
    match raw:
        case None:
            return "null"
        case bool():
            return f"the boolean {str(raw).lower()}"
        case int() | float():
            return f"the number {raw}"
        case str():
            return f'"{raw}"' if len(raw) <= 60 else f'"{raw[:57]}..."'
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return f"a value of type {type(raw).__name__}"


def nearest(name: str, names: Collection[str]) -> str:
    """A hint with the name that is meant, as far as can be guessed; empty if nothing is near.

    >>> nearest("htttp", ["http", "tls", "tcp"])
    'nearest: "http"'
    """
    lower = {known.lower(): known for known in sorted(names, reverse=True)}
    found = difflib.get_close_matches(name.lower(), lower, n=1)
    return f'nearest: "{lower[found[0]]}"' if found else ""
