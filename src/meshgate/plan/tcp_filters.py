"""Network filters for bytes: where a TCP or TLS rule, or a service without a rule, sends a connection.

(istio:pilot/pkg/networking/core/networkfilter.go)
"""

from __future__ import annotations

from collections.abc import Iterable

from meshgate.api import MeshConfig, Origin, Ref, RouteDestination
from meshgate.mesh import BoundDestinationRule, Scope, full_name
from meshgate.plan import names
from meshgate.plan.access_logs import access_logs
from meshgate.plan.destinations import host_facts
from meshgate.plan.hashing import consistent_hash
from meshgate.plan.outbound_settings import OutboundSettings
from meshgate.plan.traffic_policies import tcp_idle_timeout
from meshgate.plan.values import TcpProxyPlan, WeightedTcpCluster


def plain_tcp_proxy(
    mesh: MeshConfig, cluster: str, *, logged: bool = True, origin: Origin | None = None
) -> TcpProxyPlan:
    """All connections go to one cluster, and it gives the statistics their name."""
    return TcpProxyPlan(
        stat_prefix=cluster,
        clusters=(WeightedTcpCluster(cluster=cluster, weight=1),),
        access_logs=access_logs(mesh) if logged else (),
        origin=origin,
    )


def tcp_proxy_to_host(
    host: str, port: int, rule: BoundDestinationRule | None, mesh: MeshConfig, origin: Origin
) -> TcpProxyPlan:
    """All connections go to a service."""
    cluster = names.outbound_cluster(port, "", host)
    hashed = consistent_hash(rule, "", port)
    return TcpProxyPlan(
        stat_prefix=cluster,
        clusters=(WeightedTcpCluster(cluster=cluster, weight=1),),
        idle_timeout=tcp_idle_timeout(rule, "", port),
        hash_source_ip=bool(hashed and hashed.use_source_ip),
        access_logs=access_logs(mesh),
        origin=origin,
    )


class TcpFilters:
    """Makes the filters for one scope."""

    def __init__(self, scope: Scope, settings: OutboundSettings) -> None:
        self._scope = scope
        self._settings = settings

    def to_destinations(
        self, destinations: Iterable[RouteDestination], port: int, ref: Ref, origin: Origin
    ) -> TcpProxyPlan:
        """To the destinations of a rule of the object `ref`, by weight. If none gets anything, nothing does."""
        given = [(one.destination, one.weight) for one in destinations if one.destination is not None]
        if len(given) > 1:
            given = [(destination, weight) for destination, weight in given if weight > 0]
        single = len(given) == 1
        clusters = tuple(
            WeightedTcpCluster(
                cluster=self._cluster(destination.host, destination.port, destination.subset, ref.namespace, port),
                weight=1 if single else weight,
            )
            for destination, weight in given
        ) or (WeightedTcpCluster(cluster=names.BLACK_HOLE, weight=1),)
        first = given[0][0] if given else None
        host = self._full_name(first.host, ref.namespace) if first else ""
        rule = self._scope.rule_for_host(host) if first else None
        hashed = consistent_hash(rule, first.subset, first.port or port) if first else None
        return TcpProxyPlan(
            stat_prefix=clusters[0].cluster if len(clusters) == 1 else f"{ref.name}.{ref.namespace}",
            clusters=clusters,
            idle_timeout=tcp_idle_timeout(rule, first.subset, first.port or port) if first else None,
            hash_source_ip=bool(hashed and hashed.use_source_ip),
            access_logs=access_logs(self._settings.mesh),
            origin=origin,
        )

    def _full_name(self, host: str, namespace: str) -> str:
        return full_name(host, namespace, self._settings.config_domain).lower()

    def _cluster(self, host: str, given_port: int, subset: str, namespace: str, called_port: int) -> str:
        host = self._full_name(host, namespace)
        facts = host_facts(self._scope, host)
        port = given_port or (facts.only_port if facts else 0) or called_port
        return names.outbound_cluster(port, subset, facts.concrete if facts else host)
