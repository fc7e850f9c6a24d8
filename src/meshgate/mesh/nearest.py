"""Hints: the name that was perhaps meant."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Callable, Iterable
from heapq import nlargest

MOST_HINTS = 100
"""A search costs about a millisecond among thousands of names: whoever has more faults gets the rest without hints."""

LIKENESS = 0.6
"""Of 1, as difflib measures it."""

LIKENESS_OF_HEADS = 0.5
HEADS_LOOKED_AT = 20
NAMES_LOOKED_AT = 20


class Nearest:
    """Finds the known name that looks most like one that is not known.

    Long names in one domain are alike anyway: what counts is their first part. difflib is slow, so that first parts
    with other letters are left out before it is asked.
    """

    def __init__(self, known: Iterable[str]) -> None:
        self._known = tuple(known)
        self._by_head: dict[str, list[str]] | None = None
        self._letters: list[tuple[frozenset[str], str]] = []
        self._found: dict[str, str] = {}

    def hint(self, name: str) -> str:
        """`nearest: "..."`, or empty where nothing looks alike.

        >>> Nearest(["carts.shop", "web.shop"]).hint("cart.shop"), Nearest(["web.shop.svc"]).hint("all.shop.svc")
        ('nearest: "carts.shop"', '')
        """
        if name not in self._found:
            if len(self._found) >= MOST_HINTS:
                return ""
            near = self._nearest(name)
            self._found[name] = f'nearest: "{near}"' if near else ""
        return self._found[name]

    def _nearest(self, name: str) -> str:
        candidates = [known for head in self._heads_like(_head(name)) for known in self._names_with(head)]
        near = [(_likeness(known, name), known) for known in nlargest(NAMES_LOOKED_AT, candidates, _shared(name))]
        likeness, known = max(near, default=(0.0, ""))
        return known if likeness >= LIKENESS else ""

    def _heads_like(self, head: str) -> list[str]:
        self._index()
        letters = _pieces(head)
        # the names of a mesh that is counted through (web-1, web-2) have nearly the same letters
        some = nlargest(HEADS_LOOKED_AT, self._letters, lambda one: _overlap(one[0], letters))
        return [known for _, known in some if _likeness(known, head) >= LIKENESS_OF_HEADS]

    def _names_with(self, head: str) -> list[str]:
        return self._by_head[head] if self._by_head is not None else []

    def _index(self) -> None:
        """Made when it is needed: where nothing is wrong, nobody asks."""
        if self._by_head is None:
            self._by_head = defaultdict(list)
            for known in sorted(set(self._known)):
                self._by_head[_head(known)].append(known)
            self._letters = [(_pieces(head), head) for head in self._by_head]


def _shared(name: str) -> Callable[[str], float]:
    pieces = _pieces(name)
    return lambda known: _overlap(_pieces(known), pieces)


def _pieces(text: str) -> frozenset[str]:
    """Its letters and its pairs of letters: letters alone see swapped ones, pairs alone see the order."""
    return frozenset(text) | {text[place : place + 2] for place in range(len(text) - 1)}


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    return 2 * len(one & other) / ((len(one) + len(other)) or 1)


def _head(name: str) -> str:
    return name.rpartition("/")[2].split(".", 1)[0]


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()
