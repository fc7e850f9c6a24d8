"""Which of the requests a fraction hits."""

from __future__ import annotations

from meshgate.proto import v3

_DENOMINATORS = (100, 10_000, 1_000_000)
"""By the number of the enum `DenominatorType`."""


def is_hit(fraction: v3.FractionalPercent, random: int) -> bool:
    """Whether the request for which Envoy draws this number is one of them."""
    return random % _DENOMINATORS[fraction.denominator] < fraction.numerator


def per_million(fraction: v3.FractionalPercent) -> int:
    """How many of a million requests are hit."""
    return fraction.numerator * (1_000_000 // _DENOMINATORS[fraction.denominator])
