"""The stored objects in memory, indexed: what every read of the store reads.

By kind, namespace and name; by namespace; by owner. Written only by the store, after a commit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from meshgate.api import Ref

from .core import EVERYTHING, Positions, Raw, Selector, Transaction
from .core.raw import owner_uids


class Index:
    """A `core.View` that can be written."""

    def __init__(self) -> None:
        self._kinds: defaultdict[str, defaultdict[str, dict[str, Raw]]] = defaultdict(lambda: defaultdict(dict))
        self._owned: defaultdict[str, set[Ref]] = defaultdict(set)
        self._positions: dict[Ref, Positions] = {}
        self._owners: dict[Ref, str] = {}

    def find(self, ref: Ref) -> Raw | None:
        namespaces = self._kinds.get(ref.kind)
        return namespaces[ref.namespace].get(ref.name) if namespaces and ref.namespace in namespaces else None

    def positions_of(self, ref: Ref) -> Positions | None:
        return self._positions.get(ref)

    def owner_of(self, ref: Ref) -> str:
        return self._owners.get(ref, "")

    def owners(self) -> Mapping[Ref, str]:
        """The objects that belong to watched files."""
        return self._owners

    def refs_in(self, namespace: str) -> Iterable[Ref]:
        return [
            Ref(kind, namespace, name)
            for kind, namespaces in self._kinds.items()
            for name in namespaces.get(namespace, ())
            if namespace
        ]

    def refs_owned_by(self, uid: str) -> Iterable[Ref]:
        return self._owned.get(uid, ())

    def select(self, kind: str, namespace: str | None = None, selector: Selector = EVERYTHING) -> Iterator[Raw]:
        """The objects of a kind, sorted by namespace and name; `namespace` None: everywhere."""
        namespaces: Mapping[str, Mapping[str, Raw]] = self._kinds.get(kind, {})
        for place in sorted(namespaces) if namespace is None else (namespace,):
            objects = namespaces.get(place, {})
            for name in sorted(objects):
                if selector is EVERYTHING or selector.matches(objects[name]):
                    yield objects[name]

    def put(self, ref: Ref, raw: Raw) -> None:
        self.drop(ref)
        self._kinds[ref.kind][ref.namespace][ref.name] = raw
        for uid in owner_uids(raw):
            self._owned[uid].add(ref)

    def drop(self, ref: Ref) -> None:
        raw = self._kinds[ref.kind][ref.namespace].pop(ref.name, None)
        if not self._kinds[ref.kind][ref.namespace]:
            del self._kinds[ref.kind][ref.namespace]
        for uid in owner_uids(raw) if raw is not None else ():
            self._owned[uid].discard(ref)
            if not self._owned[uid]:
                del self._owned[uid]

    def place(self, ref: Ref, positions: Positions | None) -> None:
        if positions is None:
            self._positions.pop(ref, None)
        else:
            self._positions[ref] = positions

    def own(self, ref: Ref, owner: str) -> None:
        self._owners[ref] = owner

    def follow(self, computed: Transaction) -> None:
        """Take over what was committed."""
        for change in computed.changes:
            if change.after is None:
                self.drop(change.ref)
            else:
                self.put(change.ref, change.after)
        for change in computed.changes:
            if self.find(change.ref) is None:
                self.place(change.ref, None)
                self._owners.pop(change.ref, None)
        for ref, positions in computed.moves.items():
            self.place(ref, positions)
        self._owners |= computed.owners

    def __len__(self) -> int:
        return sum(len(objects) for namespaces in self._kinds.values() for objects in namespaces.values())
