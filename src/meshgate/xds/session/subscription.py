"""One type on one stream: what the client wants, what it holds, what is under way, what it has refused.

At most one response of a type is under way. What changes meanwhile is sent when the verdict is in, in its newest
version: a slow client skips what is outdated, and every verdict belongs to exactly one response.

A refused response of several resources says nothing about which of them was bad (Envoy may even have applied the
good ones). It is sent again in halves until the bad ones stand alone: these are refused and are not sent again until
their version changes, and the good ones have arrived.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Literal

import msgspec

from meshgate.envoy import CLUSTER, LISTENER, Resource
from meshgate.xds.session.shared import Held, SharedSets, is_all
from meshgate.xds.session.values import Nack, Request, Response, TypeStatus

WILDCARD = "*"
LEGACY_WILDCARD = frozenset({CLUSTER, LISTENER})
"""Types for which a first request without names means all of them (xDS protocol, "How the client specifies what
resources to return")."""
_UNKNOWN = ""
"""Version of a resource whose state at the client is not known: it was part of a refused response."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What is due to be sent of one type."""

    resources: tuple[Resource, ...] = ()
    removed: tuple[str, ...] = ()


class Subscription:
    """Mutable state, owned by one session. Thousands of names are taken at once, never one by one."""

    def __init__(self, request: Request, sets: SharedSets) -> None:
        self._sets = sets
        self.type_url = request.type_url
        self.wildcard = WILDCARD in request.subscribe or (not request.subscribe and request.type_url in LEGACY_WILDCARD)
        self.names: frozenset[str] = frozenset()
        self.flight: Response | None = None
        self.resumed = bool(request.held)
        """The client kept something from an earlier stream."""
        self.answer_due = self.wildcard and not request.held
        """A new client waits for the first answer to its wildcard even when that is empty."""
        self._held = Held(request.held)
        self._refused: dict[str, Nack] = {}
        self._todo: set[str] = set(request.held)
        self._demanded: set[str] = set()
        self._groups: list[tuple[str, ...]] = []

    # what the client says

    def subscribe(self, names: Collection[str], kept: Mapping[str, str]) -> None:
        """Add names; each is answered, unless the client has kept a version of it (then only if that is outdated)."""
        if not names:
            return
        wanted = set(names)
        if WILDCARD in wanted:
            wanted.remove(WILDCARD)
            self.wildcard = True
        if wanted:
            self.names = self._sets.same(self.names | wanted)
            self._todo |= wanted
            self._demanded |= wanted.difference(kept)

    def unsubscribe(self, names: Collection[str]) -> None:
        """Forget names; what the client held of them, it has dropped."""
        if not names:
            return
        self.names = self._sets.same(self.names.difference(names))
        if WILDCARD in names:
            self.wildcard = False
        if not self.wildcard:
            for name in [name for name in (*self._held, *self._todo) if name not in self.names]:
                self._forget(name)

    def accept(self) -> None:
        """The response under way was accepted."""
        flight = self._land()
        versions = flight.versions
        if not self.wildcard and not self.names.issuperset(versions):
            versions = {name: version for name, version in versions.items() if name in self.names}
        self._held.take(versions)
        if self._refused:
            self._refused = {name: nack for name, nack in self._refused.items() if name not in flight.versions}

    def refuse(self, text: str) -> None:
        """The response under way was refused; removals in it count as done, as Envoy does them first."""
        flight = self._land()
        names = tuple(flight.versions)
        if len(names) == 1:
            resource = flight.resources[0]
            self._refused[resource.name] = Nack(self.type_url, resource.name, resource.version, text)
            return
        self._held.take(dict.fromkeys(names, _UNKNOWN))
        middle = len(names) // 2
        self._groups[:0] = [half for half in (names[:middle], names[middle:]) if half]

    # what changes at our side

    def touch(self, names: Collection[str]) -> None:
        """These names have another version, came, or went."""
        if not self.wildcard:
            held = [name for name in names if name in self._held] if self._held else ()
            names = self.names.intersection(names).union(held)
        self._todo.update(names)
        if self._refused:
            self._refused = {name: nack for name, nack in self._refused.items() if name not in names}

    def demand(self, names: Iterable[str]) -> None:
        """Send these again, whatever the client holds, if it has asked for them."""
        wanted = {name for name in names if self._wants(name)}
        self._demanded |= wanted
        self._todo |= wanted

    def trim(self, offered: Mapping[str, Resource]) -> None:
        """Drop from what needs a look whatever the client needs nothing of; not while a verdict is awaited."""
        if not self._held and not self._refused and (self._todo <= self._demanded or is_all(self._todo, offered)):
            return  # a client that holds nothing needs whatever it asks for
        for name in list(self._todo):
            resource = offered.get(name)
            if not self._wants(name):
                self._forget(name)
            elif resource is None:
                if name not in self._held and name not in self._demanded:
                    self._todo.discard(name)
            elif not self._differs(resource):
                self._todo.discard(name)

    def due(self, offered: Mapping[str, Resource], *, removals: bool) -> Batch:
        """What is to be sent next; with `removals=False` what the client holds stays for now. Trim first."""
        while self._groups:
            group = self._groups.pop(0)
            resources = tuple(offered[name] for name in group if name in offered and self._wants(name))
            if resources:
                return Batch(resources=resources)
        if is_all(self._todo, offered):
            return Batch(resources=self._sets.in_order(offered))
        names = sorted(self._todo)
        # a question about what doesn't exist is answered at once: a cluster may be waiting for the answer
        gone = [name for name in names if name not in offered]
        return Batch(
            resources=tuple(offered[name] for name in names if name in offered),
            removed=tuple(name for name in gone if removals or name not in self._held or name in self._demanded),
        )

    def launch(self, response: Response) -> None:
        """This response goes out; its verdict is awaited."""
        assert self.flight is None, "one response of a type at a time"
        self.flight = response
        self.answer_due = False
        # new sets: one that once had thousands of names keeps their room
        sent = response.versions.keys() | response.removed
        self._todo = self._todo - sent
        self._demanded = self._demanded - sent
        for name in response.removed:
            self._held.drop(name)
            self._refused.pop(name, None)

    # what others may know

    @property
    def pending(self) -> bool:
        """Something is under way or waits to be sent."""
        return self.flight is not None or bool(self._todo) or bool(self._groups) or self.answer_due

    @property
    def is_ready(self) -> bool:
        """Something waits to be sent and no verdict is awaited."""
        return self.flight is None and (bool(self._todo) or bool(self._groups) or self.answer_due)

    @property
    def nacks(self) -> tuple[Nack, ...]:
        """What is refused in its newest version, by name."""
        return tuple(self._refused[name] for name in sorted(self._refused))

    @property
    def status(self) -> TypeStatus:
        """Where this type stands."""
        state: Literal["synced", "stale", "refused"] = "stale" if self.pending else "synced"
        return TypeStatus(self.type_url, "refused" if self._refused else state, len(self._held))

    def _land(self) -> Response:
        assert self.flight is not None, "a verdict belongs to a response under way"
        flight, self.flight = self.flight, None
        return flight

    def _wants(self, name: str) -> bool:
        return self.wildcard or name in self.names

    def _differs(self, resource: Resource) -> bool:
        name = resource.name
        refused = self._refused.get(name)
        if refused is not None and refused.version != resource.version:
            del self._refused[name]
            refused = None
        if name in self._demanded:
            return True
        return refused is None and self._held.get(name) != resource.version

    def _forget(self, name: str) -> None:
        self._held.drop(name)
        self._refused.pop(name, None)
        self._todo.discard(name)
        self._demanded.discard(name)
