"""A table before it is printed."""

from __future__ import annotations

from msgspec import Struct

Row = tuple[str, ...]


class Table(Struct, frozen=True, kw_only=True):
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    """In the order in which they are printed."""
