"""Durations as Go and Istio write them: `5s`, `1m30s`, `0.5s`, `100ms`."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Final

_UNIT_NS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_TERM: Final = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_WHOLE: Final = re.compile(rf"[+-]?(?:0|(?:{_TERM.pattern})+)", re.ASCII)
_MOST_NS: Final = 2**63 - 1
"""A Go duration is an int64 of nanoseconds, about 292 years."""


def parse_duration(text: str) -> timedelta | None:
    """The duration, or None if the text is none. Less than a microsecond is rounded up, so that it doesn't become zero.

    >>> parse_duration("1m30s").total_seconds(), parse_duration("5") is None
    (90.0, True)
    """
    total = _nanoseconds(text)
    if total is None or total > _MOST_NS:
        return None
    duration = timedelta(microseconds=-(-total // 1000))
    return -duration if text.startswith("-") else duration


def is_too_long(text: str) -> bool:
    """Whether the text would be a duration if Go had longer ones.

    >>> is_too_long("99999999h"), is_too_long("5s"), is_too_long("long")
    (True, False, False)
    """
    total = _nanoseconds(text)
    return total is not None and total > _MOST_NS


def _nanoseconds(text: str) -> int | None:
    """Without the sign; None if the text is no duration."""
    if not _WHOLE.fullmatch(text):
        return None
    return sum(int(Decimal(number) * _UNIT_NS[unit]) for number, unit in _TERM.findall(text))


def duration_text(duration: timedelta) -> str:
    """The duration as protobuf JSON writes it, in seconds.

    >>> duration_text(timedelta(seconds=5)), duration_text(timedelta(milliseconds=500))
    ('5s', '0.5s')
    """
    microseconds = duration // timedelta(microseconds=1)
    sign = "-" if microseconds < 0 else ""
    seconds, rest = divmod(abs(microseconds), 1_000_000)
    fraction = f".{rest:06d}".rstrip("0") if rest else ""
    return f"{sign}{seconds}{fraction}s"
