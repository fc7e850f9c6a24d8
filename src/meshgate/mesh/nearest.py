"""Hints: the name that was perhaps meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MOST_HINTS = 100
"""A search costs milliseconds among thousands of names: whoever has more faults than this gets them without hints."""


class Nearest:
    """Finds the known name that looks most like one that is not known."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = sorted(set(known))
        self._found: dict[str, str] = {}

    def hint(self, name: str) -> str:
        """`nearest: "..."`, or empty where nothing looks alike.

        >>> Nearest(["carts.shop", "web.shop"]).hint("cart.shop"), Nearest(["zzz"]).hint("cart")
        ('nearest: "carts.shop"', '')
        """
        if name not in self._found:
            if len(self._found) >= MOST_HINTS:
                return ""
            close = difflib.get_close_matches(name, self._known, n=1, cutoff=0.6)
            self._found[name] = f'nearest: "{close[0]}"' if close else ""
        return self._found[name]
