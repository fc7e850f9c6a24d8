"""What streams have in common, held once: hundreds of proxies hold the same thousands of resources.

A stream's own state is what it has beyond that, so that it costs little memory, and little time to begin.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from types import MappingProxyType
from typing import Generic, TypeVar

from meshgate.envoy import Resource
from meshgate.xds.session.values import layers_of

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
MOST = 64
"""More kinds of proxies than change at one moment; what is forgotten is made again."""
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Held:
    """Versions by name: a mapping that is shared, and what differs from it."""

    def __init__(self, versions: Mapping[str, str]) -> None:
        self._shared: Mapping[str, str] = versions
        self._own: dict[str, str] = {}
        self._dropped: set[str] = set()

    def get(self, name: str) -> str | None:
        if name in self._own:
            return self._own[name]
        return None if name in self._dropped else self._shared.get(name)

    def take(self, versions: Mapping[str, str]) -> None:
        """Hold these too; `versions` is not written to any more."""
        if not self:
            self._shared, self._own, self._dropped = versions, {}, set()
        elif len(versions) > len(self._shared):
            self._own = {name: version for name, version in self.items() if name not in versions}
            self._shared, self._dropped = versions, set()
        else:
            self._own.update(versions)

    def drop(self, name: str) -> None:
        self._own.pop(name, None)
        if name in self._shared:
            self._dropped.add(name)
            if len(self._dropped) == len(self._shared):
                self._shared, self._dropped = _NOTHING, set()

    def items(self) -> Iterator[tuple[str, str]]:
        for name, version in self._shared.items():
            if name not in self._own and name not in self._dropped:
                yield name, version
        yield from self._own.items()

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self.items())

    def __contains__(self, name: object) -> bool:
        return name in self._own or (name in self._shared and name not in self._dropped)

    def __len__(self) -> int:
        return len(self._own) + sum(name not in self._own for name in self._shared.keys() - self._dropped)

    def __bool__(self) -> bool:
        return bool(self._own) or len(self._shared) > len(self._dropped)


def is_all(names: set[str], offered: Mapping[str, Resource]) -> bool:
    """Whether these are exactly the names on offer."""
    return len(names) == len(offered) and all(named.keys() <= names for named in layers_of(offered))


class Few(Generic[K, V]):
    """A dictionary that forgets everything when it has grown."""

    def __init__(self) -> None:
        self._known: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        return self._known.get(key)

    def put(self, key: K, value: V) -> V:
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[key] = value
        return value


class SharedSets:
    """Equal sets of names as one object, and the resources of a mapping in their order."""

    def __init__(self) -> None:
        self._sets: Few[frozenset[str], frozenset[str]] = Few()
        self._sorted: Few[int, tuple[Mapping[str, Resource], tuple[Resource, ...]]] = Few()

    def same(self, names: frozenset[str]) -> frozenset[str]:
        """The names, or an equal set that is there already."""
        return self._sets.get(names) or self._sets.put(names, names)

    def in_order(self, offered: Mapping[str, Resource]) -> tuple[Resource, ...]:
        """All of them, sorted by name."""
        found = self._sorted.get(id(offered))
        if found is None:
            found = self._sorted.put(id(offered), (offered, tuple(offered[name] for name in sorted(offered))))
        return found[1]
