"""When a route is taken: path, headers, query parameters; all of them must match."""

from __future__ import annotations

from msgspec import Struct

from meshgate.plan.values.text_match import HeaderTextMatch


class PathPrefix(Struct, frozen=True, kw_only=True, cache_hash=True):
    """The path starts with this text."""

    value: str


class PathSeparatedPrefix(Struct, frozen=True, kw_only=True, cache_hash=True):
    """The path is this, or starts with this and a slash."""

    value: str


class PathExact(Struct, frozen=True, kw_only=True, cache_hash=True):
    """The path, without the query, is this."""

    value: str


class PathRegex(Struct, frozen=True, kw_only=True, cache_hash=True):
    """The whole path, without the query, matches this RE2 expression."""

    value: str


PathMatch = PathPrefix | PathSeparatedPrefix | PathExact | PathRegex


class HeaderMatch(Struct, frozen=True, kw_only=True, cache_hash=True):
    """A header (or `:authority`, `:method`, `:scheme`)."""

    name: str
    match: HeaderTextMatch
    invert: bool = False
    treat_missing_as_empty: bool = False


class QueryMatch(Struct, frozen=True, kw_only=True, cache_hash=True):
    """A query parameter."""

    name: str
    match: HeaderTextMatch


class MetadataMatch(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Dynamic metadata of the request, such as the claims of a verified token."""

    filter: str
    path: tuple[str, ...]
    match: HeaderTextMatch
    invert: bool = False
    in_list: bool = False
    """The value is a list of which one element must match."""


class RouteMatch(Struct, frozen=True, kw_only=True, cache_hash=True):
    """All must hold."""

    path: PathMatch = PathPrefix(value="/")
    case_sensitive: bool | None = None
    """None is not written (Envoy: sensitive). Says nothing for a regular expression."""
    headers: tuple[HeaderMatch, ...] = ()
    query_parameters: tuple[QueryMatch, ...] = ()
    metadata: tuple[MetadataMatch, ...] = ()
