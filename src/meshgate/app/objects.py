"""Raw objects as typed resources, decoded once: an object whose meaning did not change stays the same value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from meshgate.api import KINDS, AnyResource, Problem, Ref, decode

Raw = Mapping[str, Any]

NOT_COMPILED = frozenset({"Event", "Secret", "ServiceAccount"})
"""Kinds that nothing is planned from."""
KINDS_COMPILED = tuple(kind.kind for kind in KINDS if kind.kind not in NOT_COMPILED)


class Decoded:
    """The decoded objects of a store. One owner.

    A raw object that is the same object (the store never writes to what it has given) is not read again; one that was
    written but decodes to an equal resource (a new status, another resourceVersion) keeps the resource that was there.
    """

    def __init__(self) -> None:
        self._known: dict[Ref, tuple[Raw, AnyResource | None, tuple[Problem, ...]]] = {}

    def take(self, objects: Mapping[Ref, Raw]) -> tuple[tuple[AnyResource, ...], tuple[Problem, ...]]:
        """Exactly these objects, as resources, and what is wrong with those that are none (any more)."""
        self._known = {ref: self._read(ref, raw) for ref, raw in objects.items()}
        resources = tuple(resource for _, resource, _ in self._known.values() if resource is not None)
        return resources, tuple(problem for _, _, problems in self._known.values() for problem in problems)

    def with_changes(self, changes: Iterable[tuple[Ref, Raw | None]]) -> tuple[AnyResource, ...]:
        """The resources as they would be with these objects written (None: deleted). Nothing is remembered."""
        known = {ref: resource for ref, (_, resource, _) in self._known.items()}
        for ref, raw in changes:
            known[ref] = None if raw is None else self._read(ref, raw)[1]
        return tuple(resource for resource in known.values() if resource is not None)

    def _read(self, ref: Ref, raw: Raw) -> tuple[Raw, AnyResource | None, tuple[Problem, ...]]:
        known = self._known.get(ref)
        if known is not None and known[0] is raw:
            return known
        resource, problems = decode(raw)
        if known is not None and known[1] == resource:
            resource = known[1]
        return raw, resource, problems
