"""Istio's string matches as Envoy's."""

from __future__ import annotations

from typing import assert_never

from meshgate.api import Exact, Prefix, Present, Regex, StringMatch, ValueMatch
from meshgate.plan.values import HeaderTextMatch, TextExact, TextMatch, TextPrefix, TextPresent, TextRegex


def text_match(match: StringMatch) -> TextMatch:
    """A comparison with a text."""
    match match:
        case Exact(value=value):
            return TextExact(value=value)
        case Prefix(value=value):
            return TextPrefix(value=value)
        case Regex(value=value):
            return TextRegex(value=value)
        case _:
            assert_never(match)


def value_match(match: ValueMatch) -> HeaderTextMatch:
    """A comparison with a header or parameter, which may only have to be there (`{}`, or the old `regex: "*"`)."""
    return TextPresent() if isinstance(match, Present) or match == Regex(value="*") else text_match(match)
