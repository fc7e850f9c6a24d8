"""What a route, or one destination of it, does to headers."""

from __future__ import annotations

from msgspec import Struct


class HeaderOperations(Struct, frozen=True, kw_only=True, cache_hash=True):
    """What is done to the headers: first removed, then set (overwritten), then added (appended)."""

    request_set: tuple[tuple[str, str], ...] = ()
    request_add: tuple[tuple[str, str], ...] = ()
    request_remove: tuple[str, ...] = ()
    response_set: tuple[tuple[str, str], ...] = ()
    response_add: tuple[tuple[str, str], ...] = ()
    response_remove: tuple[str, ...] = ()
