"""Envoy's `StringMatcher` and RE2 expressions, as routes, headers and query parameters use them."""

from __future__ import annotations

import re2

from meshgate.proto import v3


def is_text_match(matcher: v3.StringMatcher, text: str) -> bool:
    """Whether the text matches. A regular expression has its own way of ignoring case. `NotSimulated` if custom."""
    kind = matcher.WhichOneof("match_pattern")
    if kind == "safe_regex":
        return is_full_match(matcher.safe_regex, text)
    fold = str.lower if matcher.ignore_case else str
    text = fold(text)
    match kind:
        case "exact":
            return text == fold(matcher.exact)
        case "prefix":
            return text.startswith(fold(matcher.prefix))
        case "suffix":
            return text.endswith(fold(matcher.suffix))
        case "contains":
            return fold(matcher.contains) in text
    raise NotSimulated(f"text matcher {kind!r}")


def is_full_match(matcher: v3.RegexMatcher, text: str) -> bool:
    """RE2 on the whole text. `NotSimulated` for an expression that Envoy would refuse."""
    return _compiled(matcher.regex).fullmatch(text) is not None


def is_found(matcher: v3.RegexMatcher, text: str) -> bool:
    """RE2 anywhere in the text."""
    return _compiled(matcher.regex).search(text) is not None


class NotSimulated(Exception):
    """A matcher that the simulation does not know, deep inside a match. Never leaves this package."""


def _compiled(expression: str) -> re2._Regexp[str]:
    try:
        return re2.compile(expression)
    except re2.error as error:
        raise NotSimulated(f"regular expression {expression!r} is refused: {error}") from error
