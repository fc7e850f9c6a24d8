"""The pipeline: whenever the store has changed, compile it and tell every proxy what is new.

One task. A write wakes it at once; what comes while it works, or within a few milliseconds of the last build, is
built together. Nothing waits otherwise. It also answers whether a change may be made (`admit`), by compiling the
objects as they would be.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from meshgate.aio import Latest
from meshgate.api import AnyResource, Problem, Ref
from meshgate.app.compiler import Compiled, Compiler
from meshgate.app.objects import KINDS_COMPILED, Decoded, Raw
from meshgate.app.proxies import proxies_of
from meshgate.mesh import Snapshot
from meshgate.plan import Proxy
from meshgate.store.core import Change, meta
from meshgate.store.sqlite import Store
from meshgate.xds import ResourceTable
from meshgate.xds.server import AdsServer

MERGE_S = 0.005
"""Single writes that come this soon after a build are built together."""


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """What the pipeline made last."""

    revision: int
    """Of the store: everything up to it is in."""
    snapshot: Snapshot | None = None
    resources: tuple[AnyResource, ...] = ()
    proxies: Mapping[str, Proxy] = {}
    tables: Mapping[str, ResourceTable] = {}
    """By the proxy's id."""
    problems: tuple[Problem, ...] = ()
    seconds: float = 0.0
    """How long the build took."""


class Pipeline:
    """Owned by one task (`run`); others read `built`."""

    def __init__(
        self,
        store: Store,
        ads: AdsServer,
        compiler: Compiler,
        settle: Callable[[], None],
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`settle` runs the controllers, so that what is built is complete."""
        self.built: Latest[Built] = Latest(Built(revision=-1))
        self._store = store
        self._ads = ads
        self._compiler = compiler
        self._settle = settle
        self._now = now
        self._decoded = Decoded()

    async def run(self) -> None:
        """Follow the store, for ever."""
        async for revision in self._store.revision:
            if revision > self.built.value.revision:
                self.build()
                await asyncio.sleep(MERGE_S)

    def build(self) -> Built:
        """Compile what the store holds now and publish it."""
        began = self._now()
        self._settle()
        revision = self._store.revision.value
        resources, problems = self._decoded.take(self._objects())
        proxies = proxies_of(resources)
        compiled = self._compiler.compile(resources, proxies.values())
        self._publish(proxies, compiled)
        built = Built(
            revision=revision,
            snapshot=compiled.snapshot,
            resources=resources,
            proxies=proxies,
            tables={proxy_id: compiled.tables[proxy] for proxy_id, proxy in proxies.items()},
            problems=self._placed((*problems, *compiled.problems)),
            seconds=self._now() - began,
        )
        self.built.set(built)
        return built

    async def admit(self, changes: Sequence[Change]) -> tuple[Problem, ...]:
        """What would be wrong with the mesh after these changes, as far as it concerns the objects that change."""
        if not any(change.ref.kind in KINDS_COMPILED for change in changes):
            return ()
        after = [(change.ref, change.after) for change in changes if change.ref.kind in KINDS_COMPILED]
        resources = self._decoded.with_changes(after)
        problems = self._compiler.compile(resources, proxies_of(resources).values()).problems
        concerned = {change.ref for change in changes}
        return tuple(problem for problem in problems if problem.ref in concerned)

    async def wait_built(self, revision: int) -> Built:
        """Wait until everything up to a revision is in. The caller sets the deadline."""
        return await self.built.wait_for(lambda built: built.revision >= revision)

    def _objects(self) -> dict[Ref, Raw]:
        return {
            Ref(kind, meta(raw).get("namespace", ""), meta(raw)["name"]): raw
            for kind in KINDS_COMPILED
            for raw in self._store.list(kind)
        }

    def _publish(self, proxies: Mapping[str, Proxy], compiled: Compiled) -> None:
        for proxy_id, proxy in proxies.items():
            self._ads.publish(proxy_id, compiled.tables[proxy])

    def _placed(self, problems: Sequence[Problem]) -> tuple[Problem, ...]:
        """The problems, each with the place in its file where one is known; sorted."""
        return tuple(sorted({self._at(problem) for problem in problems}, key=str))

    def _at(self, problem: Problem) -> Problem:
        positions = self._store.positions(problem.ref) if problem.ref is not None and not problem.position else None
        return msgspec.structs.replace(problem, position=positions.at(problem.path)) if positions else problem
