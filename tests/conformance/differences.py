"""Where two JSON values differ, as paths and values: short enough to read, whole enough to act on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

MISSING = "nothing"
"""How a field is written that only the other side has."""
_MOST = 160


class Difference(Struct, frozen=True):
    """One place. `expected` or `got` is `nothing` where only one side has the field."""

    path: str
    """Without the numbers of items, such as `routes[].match.headers`."""
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}, got {self.got}"


def differences(expected: Any, got: Any, path: str = "") -> Iterator[Difference]:
    """All places; lists are compared item by item, in their order."""
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        for key in sorted(expected.keys() | got.keys()):
            here = f"{path}.{key}" if path else str(key)
            if key in expected and key in got:
                yield from differences(expected[key], got[key], here)
            else:
                yield Difference(here, _text(expected, key), _text(got, key))
    elif _is_list(expected) and _is_list(got) and len(expected) == len(got):
        for left, right in zip(expected, got, strict=True):
            yield from differences(left, right, f"{path}[]")
    elif expected != got:
        yield Difference(path, _short(expected), _short(got))


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _text(fields: Mapping[str, object], key: str) -> str:
    return _short(fields[key]) if key in fields else MISSING


def _short(value: object) -> str:
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= _MOST else f"{text[:_MOST]}…"
