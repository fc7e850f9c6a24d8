"""From objects to what each proxy must hold: decode, build, plan, emit, all remembered by value. No I/O.

One compiler serves one mesh, or one offline translation. What did not change since the last time is the same object,
down to the bytes and to the mapping of names that a delivery compares by identity.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import msgspec

from meshgate.api import AnyResource, IstioOperator, Problem, mesh_config, mesh_layers
from meshgate.envoy import CLUSTER, ENDPOINTS, LISTENER, ROUTES, Resource, emit, emit_load_assignment
from meshgate.envoy import Memo as Spelled
from meshgate.mesh import Facts, Snapshot, build
from meshgate.plan import Memo, Plan, Proxy, load_assignments, plan
from meshgate.xds import ResourceTable


class Compiled(msgspec.Struct, frozen=True, kw_only=True):
    """A whole mesh at one moment."""

    snapshot: Snapshot
    tables: Mapping[Proxy, ResourceTable]
    problems: tuple[Problem, ...]
    """Sorted, each once."""


class Compiler:
    """Compiles again and again. One owner; `settings` is what `--set` says."""

    def __init__(self, facts: Facts, settings: IstioOperator | None = None) -> None:
        self._facts = facts
        self._settings = settings
        self._planned = Memo()
        self._spelled = Spelled()
        self._named: dict[tuple[Resource, ...], Mapping[str, Resource]] = {}

    def compile(self, resources: Sequence[AnyResource], proxies: Iterable[Proxy]) -> Compiled:
        """The tables of these proxies, from these objects."""
        mesh, problems = mesh_config(mesh_layers(resources, self._settings))
        snapshot, found = build(resources, msgspec.structs.replace(self._facts, mesh=mesh))
        all_problems = {*problems, *found}
        tables: dict[Proxy, ResourceTable] = {}
        shared: dict[tuple[object, ...], ResourceTable] = {}
        named: dict[tuple[Resource, ...], Mapping[str, Resource]] = {}
        for proxy in proxies:
            planned, found = plan(snapshot, proxy, self._planned)
            all_problems.update(found)
            key = (planned.clusters, planned.listeners, planned.route_configurations)
            if key not in shared:
                shared[key] = self._table(planned, snapshot, named)
            tables[proxy] = shared[key]
        self._named = named
        self._spelled.next_build()
        return Compiled(snapshot=snapshot, tables=tables, problems=tuple(sorted(all_problems, key=str)))

    def _table(
        self, planned: Plan, snapshot: Snapshot, named: dict[tuple[Resource, ...], Mapping[str, Resource]]
    ) -> ResourceTable:
        spelled = emit(planned, self._spelled)
        assigned = load_assignments(snapshot.endpoints, planned.clusters)
        endpoints = tuple(emit_load_assignment(each, self._spelled) for each in assigned)
        kinds = {
            CLUSTER: spelled.clusters,
            ENDPOINTS: endpoints,
            LISTENER: spelled.listeners,
            ROUTES: spelled.route_configurations,
        }
        types = {url: self._by_name(resources, named) for url, resources in kinds.items() if resources}
        return ResourceTable(types=MappingProxyType(types))

    def _by_name(
        self, resources: tuple[Resource, ...], named: dict[tuple[Resource, ...], Mapping[str, Resource]]
    ) -> Mapping[str, Resource]:
        """One mapping for equal resources, now and since the last time."""
        found = named.get(resources) or self._named.get(resources)
        if found is None:
            found = MappingProxyType({resource.name: resource for resource in resources})
        named[resources] = found
        return found
