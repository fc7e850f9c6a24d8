"""What is written about a request or a connection, and where."""

from __future__ import annotations

from msgspec import Struct


class TextFormat(Struct, frozen=True, kw_only=True, cache_hash=True):
    """One line per entry; Envoy's command operators, ending in a newline."""

    text: str


class JsonFormat(Struct, frozen=True, kw_only=True, cache_hash=True):
    """One JSON object per entry."""

    text: str
    """A JSON object with command operators in its texts, keys sorted; it may hold other objects, lists and numbers."""


class ResponseFlagFilter(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Only entries with one of these response flags (`NR`: what no filter chain took)."""

    flags: tuple[str, ...]


class FileAccessLog(Struct, frozen=True, kw_only=True, cache_hash=True):
    """A file (`/dev/stdout` is the usual one)."""

    path: str
    format: TextFormat | JsonFormat
    filter: ResponseFlagFilter | None = None


class BlockedLog(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Tells the control plane of refused calls, over the connection by which it leads the proxy."""

    is_http: bool
    """Of requests: only those that are answered 502. Else every connection."""


AccessLog = FileAccessLog | BlockedLog
