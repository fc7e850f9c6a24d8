"""What one code means."""

from __future__ import annotations

from typing import Literal

import msgspec

Level = Literal["error", "warning", "info"]


class Code(msgspec.Struct, frozen=True):
    """One kind of finding."""

    name: str
    """One word, as Istio calls it where the code is Istio's."""
    level: Level
    """How bad it is for those who send requests."""
    what: str
    why: str
    """What follows from it."""
    instead: str
    """What to do."""
