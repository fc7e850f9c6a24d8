"""How a text is compared: path, header, query parameter, origin."""

from __future__ import annotations

from msgspec import Struct


class TextExact(Struct, frozen=True, kw_only=True, cache_hash=True):
    """The whole text is equal."""

    value: str
    ignore_case: bool = False


class TextPrefix(Struct, frozen=True, kw_only=True, cache_hash=True):
    """The text starts with this."""

    value: str
    ignore_case: bool = False


class TextSuffix(Struct, frozen=True, kw_only=True, cache_hash=True):
    """The text ends with this."""

    value: str
    ignore_case: bool = False


class TextRegex(Struct, frozen=True, kw_only=True, cache_hash=True):
    """The *whole* text matches this RE2 expression (Envoy's `safe_regex` is a full match)."""

    value: str


class TextPresent(Struct, frozen=True, kw_only=True, cache_hash=True):
    """There is such a header or parameter, whatever its text."""


TextMatch = TextExact | TextPrefix | TextSuffix | TextRegex
HeaderTextMatch = TextExact | TextPrefix | TextSuffix | TextRegex | TextPresent
