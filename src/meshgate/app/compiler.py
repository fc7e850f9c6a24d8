"""From objects to what each proxy must hold: decode, build, plan, emit, all remembered by value. No I/O.

One compiler serves one mesh, or one offline translation. What did not change since the last time is the same object,
down to the bytes and to the mapping of names that a delivery compares by identity: most proxies share most of it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from types import MappingProxyType

import msgspec
from msgspec.structs import replace

from meshgate.api import AnyResource, IstioOperator, Problem, mesh_config, mesh_layers
from meshgate.envoy import CLUSTER, ENDPOINTS, LISTENER, ROUTES, Resource, emit, emit_load_assignment
from meshgate.envoy import Memo as Spelled
from meshgate.mesh import EndpointTable, Facts, Snapshot, build
from meshgate.plan import Memo, Plan, Proxy, load_assignments, plan
from meshgate.plan.values import ClusterPlan
from meshgate.xds import ResourceTable

Named = Mapping[str, Resource]
_Inputs = tuple[frozenset[AnyResource], tuple[Proxy, ...]]
_NOTHING = Plan(listeners=(), route_configurations=(), clusters=())


class Compiled(msgspec.Struct, frozen=True, kw_only=True):
    """A whole mesh at one moment."""

    snapshot: Snapshot
    tables: Mapping[Proxy, ResourceTable]
    problems: tuple[Problem, ...]
    """Sorted, each once."""


class _Parts:
    """Resources by name, one mapping for equal parts of plans, as this build and the one before it made them."""

    def __init__(self) -> None:
        self._now: dict[Hashable, Named] = {}
        self._before: dict[Hashable, Named] = {}

    def turn(self) -> None:
        """A new build begins."""
        self._before, self._now = self._now, {}

    def of(self, part: Hashable, make: Callable[[], Iterable[Resource]]) -> Named:
        """For a part that is all that its resources are made from."""
        found = self._now.get(part)
        if found is None:
            found = self._before.get(part)
            self._now[part] = found = _named(make()) if found is None else found
        return found

    def refreshed(self, part: Hashable, make: Callable[[], Iterable[Resource]]) -> Named:
        """For a part that others than itself decide, too: made once in each build."""
        found = self._now.get(part)
        if found is None:
            found, before = _named(make()), self._before.get(part)
            self._now[part] = found = before if before == found else found
        return found


class Compiler:
    """Compiles again and again. One owner; `settings` is what `--set` says."""

    def __init__(self, facts: Facts, settings: IstioOperator | None = None) -> None:
        self._facts = facts
        self._settings = settings
        self._planned = Memo()
        self._spelled = Spelled()
        self._parts = _Parts()
        self._tables: dict[tuple[int, ...], ResourceTable] = {}
        self._last: tuple[_Inputs, Compiled] | None = None

    def compile(self, resources: Sequence[AnyResource], proxies: Iterable[Proxy]) -> Compiled:
        """The tables of these proxies, from these objects in any order.

        What was just compiled for admission costs nothing when it is stored.
        """
        inputs = frozenset(resources), tuple(proxies)
        if self._last is None or self._last[0] != inputs:
            self._last = inputs, self._compile(resources, inputs[1])
        return self._last[1]

    def table_of(self, proxy: Proxy) -> ResourceTable:
        """The table of one more proxy, as of the last build. There was one."""
        assert self._last is not None, "compile first"
        snapshot = self._last[1].snapshot
        planned, _ = plan(snapshot, proxy, self._planned)
        return self._table(planned, snapshot.endpoints, self._tables)

    def _compile(self, resources: Sequence[AnyResource], proxies: Iterable[Proxy]) -> Compiled:
        mesh, problems = mesh_config(mesh_layers(resources, self._settings))
        snapshot, found = build(resources, replace(self._facts, mesh=mesh), self._planned)
        all_problems = {*problems, *found}
        self._parts.turn()
        tables: dict[Proxy, ResourceTable] = {}
        shared: dict[tuple[int, ...], ResourceTable] = {}
        for proxy in proxies:
            planned, found = plan(snapshot, proxy, self._planned)
            all_problems.update(found)
            tables[proxy] = self._table(planned, snapshot.endpoints, shared)
        self._tables = shared
        self._spelled.next_build()
        return Compiled(snapshot=snapshot, tables=tables, problems=tuple(sorted(all_problems, key=str)))

    def _table(
        self, planned: Plan, endpoints: EndpointTable, shared: dict[tuple[int, ...], ResourceTable]
    ) -> ResourceTable:
        """One table for equal content, now and since the last build."""
        clusters, listeners, routes = planned.clusters, planned.listeners, planned.route_configurations
        kinds = {
            CLUSTER: self._spell((CLUSTER, clusters), replace(_NOTHING, clusters=clusters)),
            ENDPOINTS: self._assign(clusters, endpoints),
            LISTENER: self._spell((LISTENER, listeners), replace(_NOTHING, listeners=listeners)),
            ROUTES: self._spell((ROUTES, routes), replace(_NOTHING, route_configurations=routes)),
        }
        # equal mappings are one object, which `_parts` keeps for as long as these tables: its id stands for it
        key = tuple(map(id, kinds.values()))
        table = shared.get(key) or self._tables.get(key)
        if table is None:
            table = ResourceTable(types=MappingProxyType({url: named for url, named in kinds.items() if named}))
        shared[key] = table
        return table

    def _spell(self, part: Hashable, only: Plan) -> Named:
        def spelled() -> Iterable[Resource]:
            made = emit(only, self._spelled)
            return (*made.clusters, *made.listeners, *made.route_configurations)

        return self._parts.of(part, spelled)

    def _assign(self, clusters: Iterable[ClusterPlan], endpoints: EndpointTable) -> Named:
        """Pods that come and go change nothing but this."""
        wanted = tuple(cluster for cluster in clusters if cluster.endpoints is not None)
        return self._parts.refreshed(
            (ENDPOINTS, wanted),
            lambda: (emit_load_assignment(each, self._spelled) for each in load_assignments(endpoints, wanted)),
        )


def _named(resources: Iterable[Resource]) -> Named:
    return MappingProxyType({resource.name: resource for resource in resources})
