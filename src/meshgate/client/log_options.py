"""What a reader of a container's log asks for, with the defaults of `kubectl logs`."""

from __future__ import annotations

import msgspec


class LogOptions(msgspec.Struct, frozen=True, kw_only=True):
    follow: bool = False
    """Go on with what is written later, until the container ends."""
    previous: bool = False
    """The log of the container's run before the present one."""
    timestamps: bool = False
    """Put the time of writing (RFC 3339, UTC) and a blank before each line."""
    tail_lines: int | None = None
    """Begin with the last so many lines; None: with the first."""
    since_seconds: int | None = None
    since_time: str = ""
    """RFC 3339; "" for no limit."""
    limit_bytes: int | None = None
    """End after so many bytes, in the middle of a line if need be."""
