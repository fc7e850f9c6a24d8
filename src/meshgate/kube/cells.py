"""What a column is, and how times and lists look in a cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from meshgate.store.core import Raw

NONE = "<none>"
UNKNOWN = "<unknown>"


class Column(msgspec.Struct, frozen=True):
    name: str
    cell: Callable[[Raw, datetime], Any]
    """The object and the present moment give the cell."""
    type: str = "string"
    format: str = ""
    wide: bool = False
    """Shown only by `-o wide`."""


def field(raw: Raw, path: str) -> Any:
    """The value at a dotted path, None where there is none.

    >>> field({"spec": {"host": "a"}}, "spec.host")
    'a'
    """
    value: Any = raw
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def items(raw: Raw, path: str) -> list[Any]:
    """The list at a dotted path; what is no list counts as none."""
    found = field(raw, path)
    return list(found) if isinstance(found, list | tuple) else []


def age(timestamp: str | None, now: datetime) -> str:
    """How long ago, as kubectl tells it: two units at most."""
    if not timestamp:
        return UNKNOWN
    try:
        seconds = int((now - datetime.fromisoformat(timestamp)).total_seconds())
    except (TypeError, ValueError):
        return UNKNOWN
    return duration(seconds)


def duration(seconds: int) -> str:
    """`apimachinery:pkg/util/duration#HumanDuration`.

    >>> [duration(s) for s in (0, 90, 119, 120, 3600, 10000, 90000, 400000)]
    ['0s', '90s', '119s', '2m', '60m', '166m', '25h', '4d15h']
    """
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < -1:
        return "<invalid>"
    if seconds < 0:
        return "0s"
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        return _two(minutes, "m", seconds % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    if days < 2920:
        return _two(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def joined(values: Iterable[object], separator: str = ",") -> str:
    return separator.join(str(value) for value in values) or NONE


def labels(selector: Any) -> str:
    """A mapping of labels as a selector; `<none>` for none."""
    return joined(f"{name}={value}" for name, value in sorted(selector.items())) if selector else NONE


def _two(first: int, first_unit: str, second: int, second_unit: str) -> str:
    return f"{first}{first_unit}{second}{second_unit}" if second else f"{first}{first_unit}"
