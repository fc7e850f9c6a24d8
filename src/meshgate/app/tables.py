"""From plans to the tables that are delivered: each part is spelled once, and shared by all proxies that share it.

A change costs what it touches: a part that no change touched keeps its mappings of names, which a delivery compares by
identity, and where endpoints change they are replaced in a copy of their mapping and nothing else is looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from types import MappingProxyType
from typing import Generic, NamedTuple, TypeVar

from meshgate.envoy import CLUSTER, ENDPOINTS, LISTENER, ROUTES, Memo, Resource, emit, emit_load_assignment
from meshgate.mesh import EndpointTable
from meshgate.plan import Part, Plan, load_assignments
from meshgate.plan.values import ClusterPlan, ListenerPlan, RouteConfigurationPlan
from meshgate.xds import EMPTY, Layers, ResourceTable

T = TypeVar("T")
Named = Mapping[str, Resource]
Clusters = tuple[ClusterPlan, ...]
Key = tuple[str, str, int]
"""Of an `EndpointTable`."""


class Kept(Generic[T]):
    """Values of this build and of the one before it, by what they are made from."""

    def __init__(self) -> None:
        self._now: dict[Hashable, T] = {}
        self._before: dict[Hashable, T] = {}

    def turn(self) -> None:
        """A build begins."""
        self._before, self._now = self._now, {}

    def of(self, key: Hashable, make: Callable[[], T]) -> T:
        found = self._now.get(key)
        if found is None:
            found = self._before.get(key)
            self._now[key] = found = make() if found is None else found
        return found


class Tables:
    """Makes tables. One owner; `turn` begins a build."""

    def __init__(self, memo: Memo) -> None:
        self._memo = memo
        self._endpoints = EndpointTable(by_port={})
        self._changes = _Changes()
        self._assigned: Kept[_Assigned] = Kept()
        self._newest: _Assigned | None = None
        self._layers: Kept[Named] = Kept()
        self._tables: Kept[ResourceTable] = Kept()

    def turn(self, endpoints: EndpointTable) -> None:
        """What is made from now on has these endpoints."""
        self._endpoints = endpoints
        for kept in (self._assigned, self._layers, self._tables):
            kept.turn()

    def of(self, planned: Plan) -> ResourceTable:
        """The table of a proxy with this plan; one table for equal content, now and since the last build."""
        spelled = [self._memo.nest(_spelled, part) for part in planned.parts]
        kinds = {
            CLUSTER: self._joined(part.clusters for part in spelled),
            ENDPOINTS: self._joined(self._assign(part) for part in spelled),
            LISTENER: self._joined(part.listeners for part in spelled),
            ROUTES: self._joined(part.routes for part in spelled),
        }
        # equal mappings are one object, which the table holds: its id stands for it
        types = {url: named for url, named in kinds.items() if named}
        return self._tables.of(
            tuple((url, id(named)) for url, named in types.items()),
            lambda: ResourceTable(types=MappingProxyType(types)),
        )

    def _assign(self, part: _Spelled) -> Named:
        if not part.wanted:
            return EMPTY
        assigned = self._assigned.of(id(part.wanted), lambda: _Assigned(part.wanted, self._memo, self._newest))
        self._newest = assigned
        return assigned.at(self._endpoints, self._changes)

    def _joined(self, parts: Iterable[Named]) -> Named:
        found = [named for named in parts if named]
        if len(found) < 2:
            return found[0] if found else EMPTY
        return self._layers.of(tuple(map(id, found)), lambda: Layers(tuple(found)))


class _Spelled(NamedTuple):
    """A part's resources, and its clusters that want endpoints."""

    clusters: Named
    listeners: Named
    routes: Named
    wanted: Clusters


def _spelled(memo: Memo, part: Part) -> _Spelled:
    return _Spelled(
        clusters=memo.nest(_clusters, part.clusters),
        listeners=memo.nest(_listeners, part.listeners),
        routes=memo.nest(_routes, part.route_configurations),
        wanted=memo.get(_wanted, part.clusters),
    )


def _clusters(memo: Memo, plans: Clusters) -> Named:
    return _named(emit(Part(clusters=plans), memo).clusters)


def _listeners(memo: Memo, plans: tuple[ListenerPlan, ...]) -> Named:
    return _named(emit(Part(listeners=plans), memo).listeners)


def _routes(memo: Memo, plans: tuple[RouteConfigurationPlan, ...]) -> Named:
    return _named(emit(Part(route_configurations=plans), memo).route_configurations)


def _wanted(clusters: tuple[ClusterPlan, ...]) -> Clusters:
    return tuple(cluster for cluster in clusters if cluster.endpoints is not None)


class _Changes:
    """Which service ports have other endpoints in one table than in another; the last answer is kept."""

    def __init__(self) -> None:
        self._last: tuple[EndpointTable, EndpointTable, Collection[Key]] | None = None

    def between(self, before: EndpointTable, after: EndpointTable) -> Collection[Key]:
        if self._last is None or self._last[0] is not before or self._last[1] is not after:
            old, new = before.by_port, after.by_port
            found = [key for key, endpoints in new.items() if old.get(key) != endpoints]
            found += [key for key in old if key not in new]
            self._last = before, after, found
        return self._last[2]


class _Assigned:
    """The endpoints of clusters, brought up to date by what changed in the endpoint table since.

    Where it begins, what others have already made for equal clusters is taken over.
    """

    def __init__(self, clusters: Clusters, memo: Memo, like: _Assigned | None) -> None:
        self._clusters = {cluster.name: cluster for cluster in clusters}
        self._memo = memo
        self._like = like
        self._table: EndpointTable | None = None
        self._named: Named = EMPTY
        self._by_key: dict[Key, list[ClusterPlan]] = defaultdict(list)
        for cluster in clusters:
            if cluster.endpoints is not None:
                wanted = cluster.endpoints
                self._by_key[wanted.hostname, wanted.namespace, wanted.port].append(cluster)

    def at(self, table: EndpointTable, changes: _Changes) -> Named:
        """With the endpoints of a table."""
        if self._table is None:
            self._named = self._begun(table, changes)
        elif self._table is not table:
            changed = changes.between(self._table, table)
            clusters = [cluster for key in changed for cluster in self._by_key.get(key, ())]
            if clusters:
                self._named = MappingProxyType({**self._named, **self._made(clusters, table)})
        self._table = table
        return self._named

    def _begun(self, table: EndpointTable, changes: _Changes) -> Named:
        like, self._like = self._like, None
        given = like.at(table, changes) if like is not None else EMPTY
        known = {
            name: given[name]
            for name, cluster in self._clusters.items()
            if like and like._clusters.get(name) == cluster
        }
        made = self._made([one for name, one in self._clusters.items() if name not in known], table)
        return MappingProxyType({name: known.get(name) or made[name] for name in self._clusters})

    def _made(self, clusters: Iterable[ClusterPlan], table: EndpointTable) -> Named:
        return _named(emit_load_assignment(each, self._memo) for each in load_assignments(table, clusters))


def _named(resources: Iterable[Resource]) -> Named:
    return MappingProxyType({resource.name: resource for resource in resources}) or EMPTY
