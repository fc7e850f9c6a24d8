"""A store that is only in memory, for offline commands: the store's own rules, a fixed clock, predictable names.

What is made from the same objects is the same every time: uids and the letters at the end of generated names are
counted, not drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count

from meshgate.api import Ref
from meshgate.host.controllers.view import short_hash
from meshgate.store.core import (
    EVERYTHING,
    Create,
    Kinds,
    Raw,
    Result,
    Selector,
    Sources,
    Write,
    kinds_table,
    transaction,
)
from meshgate.store.index import Index

NOW = "2000-01-01T00:00:00Z"


class MemoryStore:
    """Has the methods of `Store` that controllers use."""

    def __init__(self, namespaces: Iterable[str] = ("default", "istio-system")) -> None:
        self._kinds: Kinds = kinds_table()
        self._index = Index()
        self._revision = 0
        self._numbers = count(1)
        self.transact(Create(raw=_namespace(name)) for name in namespaces)

    def get(self, kind: str, namespace: str, name: str) -> Raw | None:
        return self._index.find(Ref(kind, namespace, name))

    def list(self, kind: str, namespace: str | None = None, selector: Selector = EVERYTHING) -> tuple[Raw, ...]:
        return tuple(self._index.select(kind, namespace, selector))

    def transact(self, writes: Iterable[Write]) -> Sequence[Result]:
        """Do all writes or none; raises StatusFault as a store does."""
        sources = Sources(now=NOW, new_uid=self._uid, new_suffix=self._suffix)
        computed = transaction(self._index, self._kinds, tuple(writes), sources, self._revision)
        self._index.follow(computed)
        self._revision += len(computed.changes)
        return computed.results

    def _uid(self) -> str:
        return f"00000000-0000-0000-0000-{next(self._numbers):012}"

    def _suffix(self) -> str:
        return short_hash(next(self._numbers), 5)


def _namespace(name: str) -> Raw:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
