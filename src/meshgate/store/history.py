"""The last changes of the store, for those who watch.

One ring for all: a watcher is only a number, the last revision that it has seen, so a slow one costs nothing and
finds, when it has fallen out of the ring, that its revision is too old (410), lists again and goes on. Bounded by
count and by the size of what it holds. A restart empties it: the revision then on disk is the oldest to watch from.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice

from .core import Change
from .core.faults import from_the_future, too_old

MAX_CHANGES = 4096
MAX_BYTES = 16 << 20
"""Of the objects' JSON; in memory an object takes some four times that."""


class History:
    """Revisions are dense: the nth change after revision r has revision r + n."""

    def __init__(self, revision: int, *, max_changes: int = MAX_CHANGES, max_bytes: int = MAX_BYTES) -> None:
        self.newest = revision
        self._limits = (max_changes, max_bytes)
        self._changes: deque[tuple[Change, int]] = deque()
        self._bytes = 0

    @property
    def oldest(self) -> int:
        """The oldest revision after which every change is still known."""
        return self.newest - len(self._changes)

    def add(self, changes: Iterable[tuple[Change, int]]) -> None:
        """Add changes with the sizes of their JSON, in bytes."""
        for change, size in changes:
            self._changes.append((change, size))
            self._bytes += size
            self.newest += 1
        max_changes, max_bytes = self._limits
        while len(self._changes) > max_changes or (self._bytes > max_bytes and len(self._changes) > 1):
            self._bytes -= self._changes.popleft()[1]

    def after(self, revision: int, limit: int) -> Sequence[tuple[int, Change]]:
        """At most `limit` changes after the revision, numbered. Raises StatusFault: 410 too old, 504 not there yet."""
        if revision < self.oldest:
            raise too_old(revision, self.oldest)
        if revision > self.newest:
            raise from_the_future(revision, self.newest)
        start = revision - self.oldest
        found = islice(self._changes, start, start + limit)
        return [(number, change) for number, (change, _) in enumerate(found, revision + 1)]
