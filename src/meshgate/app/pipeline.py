"""The pipeline: whenever the store has changed, compile it and tell every proxy what is new.

One task. A write wakes it at once; what comes while it works, or within a few milliseconds of the last build, is
built together. Nothing waits otherwise. It also answers whether a change may be made (`admit`), by compiling the
objects as they would be.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from meshgate.aio import Latest
from meshgate.api import AnyResource, Origin, Problem, Ref, has_errors
from meshgate.app.compiler import Compiled, Compiler
from meshgate.app.credentials import SOURCE
from meshgate.app.objects import KINDS_COMPILED, Decoded, Raw
from meshgate.app.proxies import proxies_of
from meshgate.app.suppression import is_suppressed
from meshgate.envoy import Resource
from meshgate.host.controllers import KINDS_READ
from meshgate.mesh import Snapshot, out_of_date
from meshgate.plan import Proxy
from meshgate.store.core import Change, StatusFault, meta
from meshgate.store.sqlite import Store
from meshgate.xds import ResourceTable
from meshgate.xds.server import AdsServer

log = logging.getLogger(__name__)

MERGE_S = 0.005
"""Single writes that come this soon after a build are built together."""
KINDS_FOLLOWED = tuple(sorted(KINDS_READ | set(KINDS_COMPILED)))

Settle = Callable[[Collection[str]], Collection[str]]
"""Runs the controllers after objects of these kinds changed; the kinds that they wrote."""


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """What the pipeline made last."""

    revision: int
    """Of the store: everything up to it is in."""
    snapshot: Snapshot | None = None
    resources: tuple[AnyResource, ...] = ()
    proxies: Mapping[str, Proxy] = {}
    """The pods' own, by their ids."""
    tables: Mapping[str, ResourceTable] = {}
    """By the proxy's id, guests among them."""
    secrets: Mapping[str, Mapping[str, Resource]] = {}
    """Users' certificates for each pod's proxy, by its id."""
    secret_names: Mapping[str, frozenset[str]] = {}
    """What each pod's proxy will ask for, by its id."""
    problems: tuple[Problem, ...] = ()
    moment: datetime = datetime.max.replace(tzinfo=UTC)
    """For which the problems were found: some certificates are good until later."""
    seconds: float = 0.0
    """How long the build took."""
    failure: str = ""
    """Why there is no build of this revision, by a fault of ours: what was built before is still in use."""


class Pipeline:
    """Owned by one task (`run`); others read `built`."""

    def __init__(
        self,
        store: Store,
        ads: AdsServer,
        compiler: Compiler,
        settle: Settle,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`settle` is called before a build, so that what is built is complete."""
        self.built: Latest[Built] = Latest(Built(revision=-1))
        self._store = store
        self._ads = ads
        self._compiler = compiler
        self._settle = settle
        self._now = now
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        """Says which certificates have expired."""
        self._decoded = Decoded()
        self._known: tuple[tuple[Problem, ...], frozenset[Problem]] = ((), frozenset())
        self._guests: dict[str, Proxy] = {}
        self._objects: dict[Ref, Raw] = {}
        self._followed = -1
        """The revision of the store up to which all changes are in."""

    async def run(self) -> None:
        """Follow the store, for ever."""
        async for revision in self._store.revision:
            if revision > self.built.value.revision:
                self.refresh()
                await asyncio.sleep(MERGE_S)

    def build(self) -> Built:
        """Compile what the store holds now and publish it."""
        began = self._now()
        changed = self._follow()
        if changed and self._settle(changed):
            self._follow()
        revision, resources = self._followed, self._decoded.resources
        pods = proxies_of(resources)
        proxies = self._guests | pods
        compiled = self._compiler.compile(resources, proxies.values())
        tables = {proxy_id: compiled.tables[proxy] for proxy_id, proxy in proxies.items()}
        secrets = {proxy_id: compiled.secrets[proxy] for proxy_id, proxy in pods.items()}
        moment = self.clock()
        built = Built(
            revision=revision,
            snapshot=compiled.snapshot,
            resources=resources,
            proxies=pods,
            tables=tables,
            secrets=secrets,
            secret_names={proxy_id: compiled.secret_names[proxy] for proxy_id, proxy in pods.items()},
            problems=self.placed((*self._decoded.problems, *_found(compiled, moment))),
            moment=moment,
            seconds=self._now() - began,
        )
        for proxy_id in tables:
            self._publish(built, proxy_id)
        self.built.set(built)
        return built

    def publish_again(self, proxy_id: str) -> None:
        """Publish what was built last to a proxy that was closed and is opened again."""
        self._publish(self.built.value, proxy_id)

    def _publish(self, built: Built, proxy_id: str) -> None:
        """Secrets first, so that they are there when they are asked for; who joins by an open port gets none."""
        if proxy_id in built.secrets:
            self._ads.publish_secrets(proxy_id, SOURCE, built.secrets[proxy_id])
        self._ads.publish(proxy_id, built.tables[proxy_id])

    async def admit(self, changes: Sequence[Change]) -> tuple[Problem, ...]:
        """What would be wrong with the objects that change, and newly wrong with others, after these changes.

        Everything is done that a build does, so that what would break one is never stored.
        """
        resources, problems = self._decoded.tried(changes)
        if has_errors(problems) or not any(change.ref.kind in KINDS_COMPILED for change in changes):
            return problems
        proxies = self._guests | proxies_of(resources)
        compiled = self._compiler.compile(resources, proxies.values())
        return (*problems, *self._news(_found(compiled, self.clock()), changes, frozenset(problems)))

    def _news(
        self, compiled: Iterable[Problem], changes: Iterable[Change], told: frozenset[Problem]
    ) -> Iterator[Problem]:
        """The problems of the objects that change, and those of others that they do not have now."""
        changing = {change.ref: change for change in changes}
        known = self._known_problems()
        for problem in compiled:
            change = changing.get(problem.ref) if problem.ref is not None else None
            if problem.ref is None or problem in told or (change is None and problem in known):
                continue
            raw, positions = (change.after, change.positions) if change is not None else (None, None)
            if not is_suppressed(problem, raw or self._raw(problem.ref)):
                place = positions.at(problem.path) if positions else problem.position
                yield msgspec.structs.replace(problem, position=place) if place else self._at(problem)

    def _known_problems(self) -> frozenset[Problem]:
        """What is wrong now, wherever it is written."""
        problems = self.built.value.problems
        if self._known[0] is not problems:
            self._known = problems, frozenset(_same(problem) for problem in problems)
        return self._known[1]

    def invite(self, proxy_id: str, proxy: Proxy) -> None:
        """Plan for a proxy that is no pod of the mesh, now and whenever something changes, until it is dismissed."""
        self._guests[proxy_id] = proxy
        self._ads.publish(proxy_id, self._compiler.table_of(proxy))

    def dismiss(self, proxy_id: str) -> None:
        """Plan for it no more."""
        self._guests.pop(proxy_id, None)

    async def wait_built(self, revision: int) -> Built:
        """Wait until everything up to a revision is in. The caller sets the deadline.

        Raises StatusFault 500 if it can't be built, by a fault of ours.
        """
        built = await self.built.wait_for(lambda built: built.revision >= revision)
        if built.failure:
            text = f"the newest objects cannot be compiled, by a bug in meshgate: {built.failure}"
            raise StatusFault(text, code=500, reason="InternalError")
        return built

    def refresh(self) -> None:
        """Build, though perhaps nothing was written.

        A fault of ours must not take down the proxies' only source of configuration: the last good one stays.
        """
        try:
            self.build()
        except Exception as error:
            log.exception("the objects cannot be compiled; proxies keep what they have")
            failure = f"{type(error).__name__}: {error}"
            built = msgspec.structs.replace(self.built.value, revision=self._store.revision.value, failure=failure)
            self.built.set(built)

    def _follow(self) -> Collection[str]:
        """Take over what has changed in the store; the kinds of it."""
        changes = self._store.changes_since(self._followed)
        if changes is None:
            objects = self._read_all()
            changed: dict[Ref, Raw | None] = dict.fromkeys(self._objects.keys() - objects.keys())
            changed |= {ref: raw for ref, raw in objects.items() if self._objects.get(ref) is not raw}
        else:
            changed = {change.ref: change.after for change in changes if change.ref.kind in KINDS_FOLLOWED}
        for ref, raw in changed.items():
            if raw is None:
                self._objects.pop(ref, None)
            else:
                self._objects[ref] = raw
        self._decoded.follow(changed)
        self._followed = self._store.revision.value
        return {ref.kind for ref in changed}

    def _read_all(self) -> dict[Ref, Raw]:
        return {
            Ref(kind, meta(raw).get("namespace", ""), meta(raw)["name"]): raw
            for kind in KINDS_FOLLOWED
            for raw in self._store.list(kind)
        }

    def placed(self, problems: Sequence[Problem]) -> tuple[Problem, ...]:
        """The problems, each with the place in its file where one is known; sorted. Suppressed ones are left out."""
        told = (problem for problem in problems if not is_suppressed(problem, self._raw(problem.ref)))
        return tuple(sorted({self._at(problem) for problem in told}, key=lambda problem: problem.by_object))

    def position(self, origin: Origin) -> str:
        """`file:line` where a field is written; empty if that is not known."""
        positions = self._store.positions(origin.ref)
        return positions.at(origin.path) if positions else ""

    def _raw(self, ref: Ref | None) -> Raw | None:
        return self._store.get(ref.kind, ref.namespace, ref.name) if ref is not None else None

    def _at(self, problem: Problem) -> Problem:
        positions = self._store.positions(problem.ref) if problem.ref is not None and not problem.position else None
        return msgspec.structs.replace(problem, position=positions.at(problem.path)) if positions else problem


def _found(compiled: Compiled, moment: datetime) -> tuple[Problem, ...]:
    """What is wrong at a moment."""
    return (*compiled.problems, *out_of_date(compiled.snapshot.validities, moment))


def _same(problem: Problem) -> Problem:
    """The problem wherever its line is."""
    return msgspec.structs.replace(problem, position="") if problem.position else problem
