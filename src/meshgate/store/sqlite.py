"""The store: versioned objects behind one door, for one event loop.

Reads come from memory. A write is computed by `core`, committed to SQLite in one transaction, then shown to readers
and watchers; it runs on the event loop without a pause, so nobody ever sees half of it. `prepare` and `commit` are its
two halves for those who must ask somebody (`admit`) in between. The caller holds the lock on the data directory.
"""

from __future__ import annotations

import asyncio
import secrets
import uuid
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from meshgate.aio import Latest
from meshgate.api import Problem, Ref
from meshgate.errors import MeshgateError

from .core import (
    EVERYTHING,
    Change,
    Create,
    Delete,
    Kinds,
    Outcome,
    Positions,
    Raw,
    Result,
    Selector,
    Sources,
    Transaction,
    Write,
    kinds_table,
    meta,
    transaction,
)
from .core.metadata import with_revision
from .core.raw import without
from .database import Database
from .history import History
from .index import Index

INITIAL_NAMESPACES = ("default", "istio-system")
SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""Kubernetes': no vowels, so no words."""
WATCH_BATCH = 128
MAINTAIN_EVERY_S = 30.0
EVENT_LIFETIME = timedelta(hours=1)
"""Kubernetes' default."""
FILE_NAME = "store.db"

EventType = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What a watcher sees of one change. A bookmark has no object: only how far the watcher has come."""

    type: EventType
    revision: int
    raw: Raw = msgspec.field(default_factory=dict)


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction that was computed and not committed."""

    writes: tuple[Write, ...]
    transaction: Transaction

    @property
    def changes(self) -> tuple[Change, ...]:
        return self.transaction.changes

    @property
    def results(self) -> tuple[Result, ...]:
        return self.transaction.results

    @property
    def dry_results(self) -> tuple[Result, ...]:
        """The results as a dry run tells them: with the resourceVersions that the objects have now, if any."""
        before = {change.ref: change.before for change in self.changes}
        return tuple(
            msgspec.structs.replace(result, raw=_with_version_of(result.raw, before[result.ref]))
            if result.ref in before and result.raw
            else result
            for result in self.results
        )


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What a transaction did, kept with it, for a client whose connection broke before it was told."""

    id: str
    outcomes: tuple[tuple[Ref, Outcome], ...]
    problems: tuple[Problem, ...] = ()
    revision: int


class Stale(MeshgateError):
    """Somebody wrote the same objects between `prepare` and `commit`: nothing was changed, prepare again."""


class Store:
    """Not thread-safe: one event loop. `revision` tells that something changed, and what is newest."""

    def __init__(
        self,
        directory: Path,
        *,
        kinds: Kinds | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        namespaces: Sequence[str] = INITIAL_NAMESPACES,
    ) -> None:
        self.kinds = kinds or kinds_table()
        self._now = now
        self._database = Database(directory / FILE_NAME)
        self._index = Index()
        for stored in self._database.objects():
            self._index.put(stored.ref, stored.raw)
            self._index.place(stored.ref, stored.positions)
            if stored.owner:
                self._index.own(stored.ref, stored.owner)
        self._history = History(self._database.revision())
        self.revision = Latest(self._history.newest)
        self._checkpointed = self._history.newest
        missing = [name for name in namespaces if self.get("Namespace", "", name) is None]
        self.transact([Create(raw=_namespace(name)) for name in missing])

    def close(self) -> None:
        self._database.close()

    def get(self, kind: str, namespace: str, name: str) -> Raw | None:
        """The object or None. What is returned is shared: never write to it."""
        return self._index.find(Ref(kind, namespace, name))

    def list(self, kind: str, namespace: str | None = None, selector: Selector = EVERYTHING) -> tuple[Raw, ...]:
        """The objects of a kind, sorted by namespace and name; `namespace` None: of all namespaces."""
        return tuple(self._index.select(kind, namespace, selector))

    def changes_since(self, revision: int) -> Sequence[Change] | None:
        """What was changed after a revision, in order; None if that is too long ago to know."""
        if revision < self._history.oldest:
            return None
        return [change for _, change in self._history.after(revision, self._history.newest - revision)]

    def positions(self, ref: Ref) -> Positions | None:
        """Where the object was written, if it came from a file."""
        return self._index.positions_of(ref)

    def owners(self) -> Mapping[Ref, str]:
        """The watched file of each object that belongs to one."""
        return dict(self._index.owners())

    def transact(self, writes: Iterable[Write], *, dry_run: bool = False) -> tuple[Result, ...]:
        """Do all writes or none: a StatusFault tells which rule the first refused one breaks."""
        prepared = self.prepare(writes)
        if dry_run:
            return prepared.dry_results
        self._commit(prepared.transaction)
        return prepared.results

    def prepare(self, writes: Iterable[Write]) -> Prepared:
        """Compute what the writes would do, now. Nothing is changed."""
        listed = tuple(writes)
        sources = Sources(
            now=_timestamp(self._now()),
            new_uid=lambda: str(uuid.uuid4()),
            new_suffix=lambda: "".join(secrets.choice(SUFFIX_LETTERS) for _ in range(5)),
        )
        computed = transaction(self._index, self.kinds, listed, sources, self._history.newest)
        return Prepared(writes=listed, transaction=computed)

    def commit(
        self, prepared: Prepared, *, receipt_id: str = "", problems: tuple[Problem, ...] = ()
    ) -> tuple[Result, ...]:
        """Commit what was prepared. Raises Stale if one of its objects has been written since.

        With a `receipt_id`, what was done is kept under it, together with the problems that were found meanwhile.
        """
        computed = prepared.transaction
        if computed.first != self._history.newest:
            computed = self.prepare(prepared.writes).transaction
            if _touched(computed) != _touched(prepared.transaction):
                raise Stale("the objects were changed meanwhile")
        self._commit(computed, receipt_id, problems)
        return computed.results

    def receipt(self, receipt_id: str) -> Receipt | None:
        """What the transaction with this receipt did; None if there was none (or it changed nothing)."""
        body = self._database.receipt(receipt_id)
        return None if body is None else msgspec.json.decode(body, type=Receipt)

    async def watch(
        self,
        kinds: Collection[str],
        since: int | None = None,
        *,
        namespace: str | None = None,
        selector: Selector = EVERYTHING,
        bookmark_every_s: float | None = None,
    ) -> AsyncGenerator[Event, None]:
        """Every change of the kinds after revision `since`, for ever, in order.

        `since` None: first all that is there, as ADDED, then a bookmark. An object that comes to match the selector is
        ADDED, one that ceases to is DELETED. Raises StatusFault 410 when the watcher asks too late or is too slow.
        """
        seen = since
        if seen is None:
            seen = self._history.newest
            for raw in [raw for kind in sorted(kinds) for raw in self._index.select(kind, namespace, selector)]:
                yield Event(type="ADDED", revision=int(meta(raw)["resourceVersion"]), raw=raw)
            yield Event(type="BOOKMARK", revision=seen)
        while True:
            batch = self._history.after(seen, WATCH_BATCH)
            for event in _events(batch, kinds, namespace, selector):
                yield event
            seen = batch[-1][0] if batch else seen
            if not batch and not await self._newer_than(seen, bookmark_every_s):
                yield Event(type="BOOKMARK", revision=seen)

    async def maintain(self) -> None:
        """Keep the database's log short and forget old events, for ever.

        A part of the program: run it in the group that owns the store.
        """
        while True:
            await asyncio.sleep(MAINTAIN_EVERY_S)
            self.forget_events()
            if self._checkpointed != self._history.newest:
                self._checkpointed = self._history.newest
                await asyncio.to_thread(self._database.checkpoint)

    def forget_events(self) -> None:
        """Delete the Events that nobody has repeated for an hour."""
        oldest = _timestamp(self._now() - EVENT_LIFETIME)
        old = [raw for raw in self.list("Event") if (raw.get("lastTimestamp") or _born(raw)) < oldest]
        self.transact([Delete(ref=Ref("Event", meta(raw)["namespace"], meta(raw)["name"])) for raw in old])

    async def _newer_than(self, revision: int, timeout_s: float | None) -> bool:
        try:
            async with asyncio.timeout(timeout_s):  # None: a watcher waits as long as nothing changes
                await self.revision.wait_for(lambda newest: newest > revision)
        except TimeoutError:
            return False
        return True

    def _commit(self, computed: Transaction, receipt_id: str = "", problems: tuple[Problem, ...] = ()) -> None:
        if not computed.changes and not computed.moves and not computed.owners:
            return
        newest = computed.first + len(computed.changes)
        bodies = [None if c.after is None else msgspec.json.encode(c.after) for c in computed.changes]
        outcomes = tuple((result.ref, result.outcome) for result in computed.results)
        receipt = Receipt(id=receipt_id, outcomes=outcomes, problems=problems, revision=newest)
        self._database.commit(computed, bodies, (receipt_id, msgspec.json.encode(receipt)) if receipt_id else None)
        self._index.follow(computed)
        sizes = (len(body or b"") for body in bodies)
        self._history.add(zip(computed.changes, sizes, strict=True))
        self.revision.set(newest)


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _born(raw: Raw) -> str:
    return str(meta(raw)["creationTimestamp"])


def _namespace(name: str) -> Raw:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _with_version_of(raw: Raw, before: Raw | None) -> Raw:
    metadata = without(meta(raw), "resourceVersion")
    version = meta(before).get("resourceVersion") if before else None
    return {**raw, "metadata": {**metadata, "resourceVersion": version} if version else metadata}


def _events(
    batch: Sequence[tuple[int, Change]], kinds: Collection[str], namespace: str | None, selector: Selector
) -> Iterator[Event]:
    """What a watcher sees of some changes."""
    for revision, change in batch:
        if change.ref.kind in kinds and namespace in (None, change.ref.namespace):
            event = _event(change, revision, selector)
            if event is not None:
                yield event


def _event(change: Change, revision: int, selector: Selector) -> Event | None:
    was = change.before is not None and selector.matches(change.before)
    if change.after is not None and selector.matches(change.after):
        return Event(type="MODIFIED" if was else "ADDED", revision=revision, raw=change.after)
    if not was or change.before is None:
        return None
    return Event(type="DELETED", revision=revision, raw=with_revision(change.after or change.before, revision))


def _touched(computed: Transaction) -> Sequence[tuple[Ref, str]]:
    """Which versions of which objects a transaction replaces."""
    return [(c.ref, meta(c.before)["resourceVersion"] if c.before else "") for c in computed.changes]
