"""What goes in and out of a session, and the table that it delivers.

A `Request` and a `Response` are Envoy's delta messages without their spelling. A `ResourceTable` is all that one
proxy must hold: for each type a mapping of names. Tables of two proxies may share mappings, and a table made after
a small change shares the untouched mappings with the one before it: equal mappings are recognised by identity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from types import MappingProxyType
from typing import Literal

import msgspec

from meshgate.envoy import Resource

EMPTY: Mapping[str, Resource] = MappingProxyType({})
KEPT_CHANGES = 64


class Layers(Mapping[str, Resource]):
    """Several mappings as one; no name is in two of them. Most of it is what a proxy has in common with others."""

    __slots__ = ("maps",)

    def __init__(self, maps: tuple[Mapping[str, Resource], ...]) -> None:
        self.maps = maps

    def __getitem__(self, name: str) -> Resource:
        for named in self.maps:
            found = named.get(name)
            if found is not None:
                return found
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return any(name in named for named in self.maps)

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self.maps)

    def __len__(self) -> int:
        return sum(map(len, self.maps))


class ResourceTable(msgspec.Struct, frozen=True, kw_only=True):
    """All resources of one proxy by type URL and name (a dict or `Layers`). Never written after it is made."""

    types: Mapping[str, Mapping[str, Resource]] = MappingProxyType({})

    def of(self, type_url: str) -> Mapping[str, Resource]:
        """The resources of one type by name; empty for a type that this table doesn't have."""
        return self.types.get(type_url, EMPTY)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a client says about one type: its interest, and its verdict on the response `nonce`."""

    type_url: str
    subscribe: tuple[str, ...] = ()
    unsubscribe: tuple[str, ...] = ()
    held: Mapping[str, str] = MappingProxyType({})
    """`initial_resource_versions`: versions by name that the client kept from an earlier stream."""
    nonce: str = ""
    """The response that is answered; empty in a request that answers none."""
    error: str | None = None
    """Envoy's text when the response was refused (NACK); None when it was accepted."""


class WorldRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a state-of-the-world client says about one type: all names that it wants (none: all), and its verdict."""

    type_url: str
    names: tuple[str, ...] = ()
    nonce: str = ""
    error: str | None = None


class Response(msgspec.Struct, frozen=True, eq=False, weakref=True):
    """One response of one type. Compared by identity: streams with equal content share one object (see `Responses`)."""

    type_url: str
    nonce: str
    """A digest of type, names, versions and removals: equal content has the same nonce on every stream."""
    resources: tuple[Resource, ...]
    removed: tuple[str, ...]
    versions: Mapping[str, str]
    """Of the resources, by name; streams that have accepted nothing else hold just this."""


class Nack(msgspec.Struct, frozen=True, order=True):
    """A resource that a client has refused, and whose last good version it still uses."""

    type_url: str
    name: str
    version: str
    text: str


class TypeStatus(msgspec.Struct, frozen=True, order=True):
    """One type that a client has asked for."""

    type_url: str
    state: Literal["synced", "stale", "refused"]
    resources: int
    """How many the client has accepted and holds."""


def table_of(resources: Iterable[Resource]) -> ResourceTable:
    """A table of resources in any order; a name that comes twice within a type is a bug of the caller."""
    types: dict[str, dict[str, Resource]] = {}
    for resource in resources:
        named = types.setdefault(resource.type_url, {})
        assert resource.name not in named, f"two resources {resource.type_url} {resource.name}"
        named[resource.name] = resource
    return ResourceTable(types=types)


class Changes:
    """Names that came, went, or have another version, between two mappings; the last answers are kept.

    Hundreds of streams ask the same at once: after a change, most of what proxies have in common differs in few names.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[Mapping[str, Resource], Mapping[str, Resource], frozenset[str]]] = {}

    def between(self, before: Mapping[str, Resource], after: Mapping[str, Resource]) -> frozenset[str]:
        """Mappings and layers are recognised by identity."""
        if before is after:
            return frozenset()
        old, new = _layers_but(before, after), _layers_but(after, before)
        if len(old) > 1 or len(new) > 1:
            return _changed(before, after)
        return self._between(old[0] if old else EMPTY, new[0] if new else EMPTY)

    def _between(self, before: Mapping[str, Resource], after: Mapping[str, Resource]) -> frozenset[str]:
        key = id(before), id(after)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= KEPT_CHANGES:
                self._known.clear()
            self._known[key] = known = before, after, _changed(before, after)
        return known[2]


def _layers_but(one: Mapping[str, Resource], other: Mapping[str, Resource]) -> list[Mapping[str, Resource]]:
    """The layers of one that the other does not have."""
    of_other = layers_of(other)
    return [named for named in layers_of(one) if not any(named is each for each in of_other)]


def layers_of(named: Mapping[str, Resource]) -> tuple[Mapping[str, Resource], ...]:
    """The mappings that a mapping of a table is made of."""
    return named.maps if isinstance(named, Layers) else (named,)


def _changed(before: Mapping[str, Resource], after: Mapping[str, Resource]) -> frozenset[str]:
    changed = {name for name, resource in after.items() if _version(before, name) != resource.version}
    changed.update(name for name in before if name not in after)
    return frozenset(changed)


def _version(resources: Mapping[str, Resource], name: str) -> str | None:
    resource = resources.get(name)
    return None if resource is None else resource.version
