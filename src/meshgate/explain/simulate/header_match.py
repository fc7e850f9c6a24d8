"""Header and query parameter conditions of a route."""

from __future__ import annotations

from collections.abc import Mapping

from meshgate.explain.simulate.text_match import NotSimulated, is_full_match, is_text_match
from meshgate.proto import v3


def is_header_match(matcher: v3.HeaderMatcher, headers: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether the request's header fulfils the condition; of several values one is enough.

    A header that is not there fulfils nothing, not even an inverted condition, unless the condition is about being
    there or takes a missing header as an empty one.
    """
    values = headers.get(matcher.name.lower(), ())
    kind = matcher.WhichOneof("header_match_specifier")
    if not values and matcher.treat_missing_header_as_empty:
        values = ("",)
    if kind is None or kind == "present_match":
        wanted = matcher.present_match if kind else True
        return (bool(values) == wanted) != matcher.invert_match
    return bool(values) and any(_holds(matcher, kind, value) for value in values) != matcher.invert_match


def _holds(matcher: v3.HeaderMatcher, kind: str, value: str) -> bool:
    match kind:
        case "string_match":
            return is_text_match(matcher.string_match, value)
        case "range_match":
            return _is_in_range(matcher.range_match, value)
        case "exact_match":
            return value == matcher.exact_match
        case "prefix_match":
            return value.startswith(matcher.prefix_match)
        case "suffix_match":
            return value.endswith(matcher.suffix_match)
        case "contains_match":
            return matcher.contains_match in value
        case "safe_regex_match":
            return is_full_match(matcher.safe_regex_match, value)
    raise NotSimulated(f"header matcher {kind!r}")


def _is_in_range(wanted: v3.Int64Range, value: str) -> bool:
    """Whole decimal numbers, the end not included."""
    number = value.strip()
    digits = number[1:] if number[:1] in ("-", "+") else number
    return digits.isascii() and digits.isdigit() and wanted.start <= int(number) < wanted.end


def is_query_match(matcher: v3.QueryParameterMatcher, query: str) -> bool:
    """Whether the first parameter of the name fulfils the condition; nothing is percent-decoded."""
    value = _first_value(query, matcher.name)
    match matcher.WhichOneof("query_parameter_match_specifier"):
        case "string_match":
            return value is not None and is_text_match(matcher.string_match, value)
        case "present_match":
            return (value is not None) == matcher.present_match
    return value is not None


def _first_value(query: str, name: str) -> str | None:
    pairs = (part.partition("=") for part in query.split("&") if part)
    return next((value for key, _, value in pairs if key == name), None)
