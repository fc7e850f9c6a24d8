"""How a text is compared: exactly, by prefix, by a regular expression (RE2, whole text), or only for being there."""

from __future__ import annotations

from meshgate.api.value import Value


class Exact(Value, frozen=True, kw_only=True):
    """Equal, case-sensitive."""

    value: str


class Prefix(Value, frozen=True, kw_only=True):
    """Begins with."""

    value: str


class Regex(Value, frozen=True, kw_only=True):
    """RE2 syntax; the whole text must match."""

    value: str


class Present(Value, frozen=True, kw_only=True):
    """Is there, with any value: written as `{}`, for headers and query parameters only."""


StringMatch = Exact | Prefix | Regex
"""`uri`, `scheme`, `method`, `authority`, CORS origins. `{}` reads as if it were not there."""

ValueMatch = Exact | Prefix | Regex | Present
"""The values of `headers`, `queryParams` and `withoutHeaders`."""
