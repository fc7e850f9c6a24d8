"""Bytes that no dump, log or traceback shows."""

from __future__ import annotations

from typing import final


@final
class SecretBytes:
    """Immutable bytes whose `repr` is redacted. Compared and hashed by content.

    >>> SecretBytes(b"key")
    SecretBytes(3 bytes)
    """

    __slots__ = ("_content",)

    def __init__(self, content: bytes) -> None:
        self._content = content

    def reveal(self) -> bytes:
        """The content. Every call of this is a place to look at twice."""
        return self._content

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretBytes) and self._content == other._content

    def __hash__(self) -> int:
        return hash(self._content)

    def __repr__(self) -> str:
        return f"SecretBytes({len(self._content)} bytes)"

    def __reduce__(self) -> str:
        raise TypeError("secrets are not pickled")
