"""The state that a transaction sees: the stored objects with what it has changed so far laid over them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from meshgate.api import Kind, Ref

from .kinds import Kinds
from .raw import Positions, Raw, meta, owner_uids
from .writes import Change


class View(Protocol):
    """The stored objects, as far as a transaction reads them."""

    def find(self, ref: Ref) -> Raw | None: ...
    def positions_of(self, ref: Ref) -> Positions | None: ...
    def owner_of(self, ref: Ref) -> str: ...
    def refs_in(self, namespace: str) -> Iterable[Ref]: ...
    def refs_owned_by(self, uid: str) -> Iterable[Ref]: ...


class Overlay:
    """A view with changes on top; lives as long as one transaction is computed."""

    def __init__(self, view: View, kinds: Kinds) -> None:
        self._view = view
        self._kinds = kinds
        self._changed: dict[Ref, Raw | None] = {}
        self._positions: dict[Ref, Positions | None] = {}
        self._owners: dict[Ref, str] = {}

    def kind(self, ref: Ref) -> Kind:
        return self._kinds[ref.kind]

    def find(self, ref: Ref) -> Raw | None:
        return self._changed[ref] if ref in self._changed else self._view.find(ref)

    def put(self, ref: Ref, raw: Raw | None) -> None:
        self._changed[ref] = raw

    def place(self, ref: Ref, positions: Positions | None) -> None:
        self._positions[ref] = positions

    def own(self, ref: Ref, owner: str) -> None:
        self._owners[ref] = owner

    def refs_in(self, namespace: str) -> list[Ref]:
        """Everything in the namespace, sorted."""
        refs = {*self._view.refs_in(namespace), *(ref for ref in self._changed if ref.namespace == namespace)}
        return sorted(ref for ref in refs if self.find(ref) is not None)

    def refs_owned_by(self, uid: str) -> list[Ref]:
        """Everything that names the uid as an owner, sorted."""
        found = {*self._view.refs_owned_by(uid), *self._changed}
        return sorted(ref for ref in found if (raw := self.find(ref)) is not None and uid in owner_uids(raw))

    def changes(self) -> Iterator[Change]:
        """The net changes in the order in which the objects were first touched."""
        for ref, after in self._changed.items():
            before = self._view.find(ref)
            if before == after:
                continue
            if before is not None and after is not None and meta(before)["uid"] != meta(after)["uid"]:
                yield Change(ref=ref, kind=self.kind(ref), before=before, after=None)
                before = None  # another object of the same name: those who watch see one go and one come
            positions = self._positions[ref] if ref in self._positions else self._view.positions_of(ref)
            yield Change(ref=ref, kind=self.kind(ref), before=before, after=after, positions=positions)

    def moves(self) -> dict[Ref, Positions | None]:
        """Objects whose place in files changed, whether or not they did."""
        return {
            ref: positions
            for ref, positions in self._positions.items()
            if self.find(ref) is not None and positions != self._view.positions_of(ref)
        }

    def owners(self) -> dict[Ref, str]:
        """Objects that came to belong to another watched file."""
        return {
            ref: owner
            for ref, owner in self._owners.items()
            if self.find(ref) is not None and owner != self._view.owner_of(ref)
        }
