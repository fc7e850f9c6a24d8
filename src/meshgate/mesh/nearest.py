"""Hints: the name that was perhaps meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MOST_HINTS = 100
"""A search costs milliseconds among thousands of names: whoever has more faults than this gets them without hints."""

LIKENESS = 0.6
"""Of 1, as difflib measures it."""

LIKENESS_OF_HEADS = 0.5


class Nearest:
    """Finds the known name that looks most like one that is not known."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = sorted(set(known))
        self._found: dict[str, str] = {}

    def hint(self, name: str) -> str:
        """`nearest: "..."`, or empty where nothing looks alike.

        >>> Nearest(["carts.shop", "web.shop"]).hint("cart.shop"), Nearest(["web.shop.svc"]).hint("all.shop.svc")
        ('nearest: "carts.shop"', '')
        """
        if name not in self._found:
            if len(self._found) >= MOST_HINTS:
                return ""
            close = difflib.get_close_matches(name, self._known, n=3, cutoff=LIKENESS)
            # long names in one domain are alike anyway: what counts is their first part
            near = [known for known in close if _likeness(_head(known), _head(name)) >= LIKENESS_OF_HEADS]
            self._found[name] = f'nearest: "{near[0]}"' if near else ""
        return self._found[name]


def _head(name: str) -> str:
    return name.rpartition("/")[2].split(".", 1)[0]


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()
