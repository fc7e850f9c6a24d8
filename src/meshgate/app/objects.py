"""Raw objects as typed resources, decoded once: an object whose meaning did not change stays the same value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from meshgate.api import KINDS, AnyResource, Problem, Ref, Resources, decode
from meshgate.store.core import Change, Positions

Raw = Mapping[str, Any]

NOT_COMPILED = frozenset({"Event", "ServiceAccount"})
"""Kinds that nothing is planned from."""
KINDS_COMPILED = tuple(kind.kind for kind in KINDS if kind.kind not in NOT_COMPILED)


class _Read(NamedTuple):
    raw: Raw
    resource: AnyResource | None
    problems: tuple[Problem, ...]


class Decoded:
    """The decoded objects of a store. One owner.

    A raw object that is the same object (the store never writes to what it has given) is not read again; one that was
    written but decodes to an equal resource (a new status, another resourceVersion) keeps the resource that was there.
    """

    def __init__(self) -> None:
        self._known: dict[Ref, _Read] = {}
        self._tried: dict[Ref, _Read] = {}
        self._faulty: dict[Ref, tuple[Problem, ...]] = {}

    def follow(self, changed: Mapping[Ref, Raw | None]) -> None:
        """Take over what has changed; None: the object is there no more. Kinds that are not compiled are left out."""
        for ref, raw in changed.items():
            if ref.kind not in KINDS_COMPILED:
                continue
            self._faulty.pop(ref, None)
            if raw is None:
                self._known.pop(ref, None)
                continue
            self._known[ref] = read = self._read(ref, raw)
            if read.problems:
                self._faulty[ref] = read.problems

    @property
    def resources(self) -> Resources:
        """All objects that could be decoded."""
        return Resources(resource for _, resource, _ in self._known.values() if resource is not None)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with objects by themselves."""
        return tuple(problem for problems in self._faulty.values() for problem in problems)

    def tried(self, changes: Iterable[Change]) -> tuple[Resources, tuple[Problem, ...]]:
        """The resources as they would be after these changes, and what is wrong with the changed ones.

        Nothing is remembered but the reading: if the changes are made, it is not done again.
        """
        known = {ref: resource for ref, (_, resource, _) in self._known.items()}
        problems: list[Problem] = []
        self._tried = {}
        for change in changes:
            read = self._read(change.ref, change.after, change.positions) if change.after is not None else None
            if read is not None:
                self._tried[change.ref] = read
                problems += read.problems
            if change.ref.kind in KINDS_COMPILED:
                known[change.ref] = read.resource if read is not None else None
        return Resources(resource for resource in known.values() if resource is not None), tuple(problems)

    def _read(self, ref: Ref, raw: Raw, positions: Positions | None = None) -> _Read:
        known, tried = self._known.get(ref), self._tried.get(ref)
        for read in (known, tried):
            if read is not None and read.raw is raw:
                return read
        resource, problems = decode(raw, positions.at if positions else None)
        if known is not None and known.resource == resource:
            resource = known.resource
        return _Read(raw, resource, problems)
