"""Network filters for bytes: where a TCP or TLS rule, or a service without a rule, sends a connection.

(istio:pilot/pkg/networking/core/networkfilter.go)
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from meshgate.api import Destination, LoadBalancerSettings, MeshConfig, Origin, Ref, RouteDestination, TCPSettings
from meshgate.mesh import BoundDestinationRule, MeshService, Port, Protocol, Scope, full_name
from meshgate.plan import names
from meshgate.plan.access_logs import access_logs
from meshgate.plan.destinations import host_facts
from meshgate.plan.outbound_settings import OutboundSettings
from meshgate.plan.upstream_alpn import Alpn, alpn_of_bytes
from meshgate.plan.values import BlockedLog, MongoProxyPlan, NetworkFilter, TcpProxyPlan, WeightedTcpCluster

NO_SETTINGS = TCPSettings()


def tcp_stack(protocol: Protocol, proxy: TcpProxyPlan) -> tuple[NetworkFilter, ...]:
    """The filters of a port that is not HTTP. By default Istio looks into MongoDB, but not into Redis and MySQL."""
    if protocol is not Protocol.MONGO:
        return (proxy,)
    return MongoProxyPlan(stat_prefix=proxy.stat_prefix, origin=proxy.origin), proxy


def _settings(rule: BoundDestinationRule | None) -> TCPSettings:
    """What a DestinationRule says of connections; as in Istio, only what it says of the whole host."""
    pool = rule.policy.connection_pool if rule and rule.policy else None
    return (pool.tcp if pool else None) or NO_SETTINGS


def _hashes_source(rule: BoundDestinationRule | None, subset: str) -> bool:
    """Whether connections are hashed by the client's address: as the subset says if it says anything, else the host."""
    if rule is None:
        return False
    policies = [bound.subset.traffic_policy for bound in rule.subsets if bound.subset.name == subset]
    balancer: LoadBalancerSettings | None = None
    for policy in (*policies, rule.policy):
        balancer = balancer or (policy.load_balancer if policy else None)
    hashed = balancer.consistent_hash if balancer else None
    return bool(hashed and hashed.use_source_ip)


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


def catch_all_proxy(settings: OutboundSettings) -> TcpProxyPlan:
    """All connections that the proxy does not know; what is refused is told."""
    proxy = plain_tcp_proxy(settings.mesh, settings.catch_all_cluster)
    if settings.catch_all_cluster != names.BLACK_HOLE:
        return proxy
    return msgspec.structs.replace(proxy, access_logs=(*proxy.access_logs, BlockedLog(is_http=False)))


def tcp_proxy_to_service(
    service: MeshService, port: Port, rule: BoundDestinationRule | None, mesh: MeshConfig
) -> TcpProxyPlan:
    """All connections go to a service."""
    cluster = names.outbound_cluster(port.number, "", service.hostname)
    settings = _settings(rule)
    return TcpProxyPlan(
        stat_prefix=cluster,
        clusters=(WeightedTcpCluster(cluster=cluster, weight=1),),
        idle_timeout=settings.idle_timeout,
        max_connection_duration=settings.max_connection_duration,
        hash_source_ip=_hashes_source(rule, ""),
        alpn=alpn_of_bytes(service, port, "", rule, mesh),
        access_logs=access_logs(mesh),
        origin=service.origin,
    )


class TcpFilters:
    """Makes the filters for one scope."""

    def __init__(self, scope: Scope, settings: OutboundSettings) -> None:
        self._scope = scope
        self._settings = settings

    def to_destinations(
        self, destinations: Iterable[RouteDestination], port: int, ref: Ref, origin: Origin
    ) -> TcpProxyPlan:
        """To the destinations of a rule of the object `ref`, by weight. If none gets anything, nothing does.

        How connections are kept is said by the DestinationRule of the first destination."""
        given = [(one.destination, one.weight) for one in destinations if one.destination is not None]
        single = len(given) == 1
        clusters = tuple(
            WeightedTcpCluster(
                cluster=self._cluster(destination.host, destination.port, destination.subset, ref.namespace, port),
                weight=1 if single else weight,
            )
            for destination, weight in given
            if single or weight > 0
        )
        rule = self._scope.rule_for_host(self._full_name(given[0][0].host, ref.namespace)) if given else None
        settings = _settings(rule)
        return TcpProxyPlan(
            stat_prefix=clusters[0].cluster if single else f"{ref.name}.{ref.namespace}",
            clusters=clusters or (WeightedTcpCluster(cluster=names.BLACK_HOLE, weight=1),),
            is_weighted=bool(clusters) and not single,
            idle_timeout=settings.idle_timeout,
            max_connection_duration=settings.max_connection_duration,
            hash_source_ip=_hashes_source(rule, given[0][0].subset if single else ""),
            alpn=self._alpn((destination for destination, _ in given), port, ref.namespace),
            access_logs=access_logs(self._settings.mesh),
            origin=origin,
        )

    def _full_name(self, host: str, namespace: str) -> str:
        return full_name(host, namespace, self._settings.config_domain).lower()

    def _cluster(self, host: str, given_port: int, subset: str, namespace: str, called_port: int) -> str:
        host, port = self._host_and_port(host, given_port, namespace, called_port)
        return names.outbound_cluster(port, subset, host)

    def _host_and_port(self, host: str, given_port: int, namespace: str, called_port: int) -> tuple[str, int]:
        host = self._full_name(host, namespace)
        facts = host_facts(self._scope, host)
        return facts.concrete if facts else host, given_port or (facts.only_port if facts else 0) or called_port

    def _alpn(self, destinations: Iterable[Destination], called_port: int, namespace: str) -> Alpn:
        """What must be said to these destinations; where they do not agree, what the cluster of each says."""
        found = {self._alpn_of(one, called_port, namespace) for one in destinations}
        return next(iter(found)) if len(found) == 1 else ()

    def _alpn_of(self, destination: Destination, called_port: int, namespace: str) -> Alpn:
        host, number = self._host_and_port(destination.host, destination.port, namespace, called_port)
        service = self._scope.by_host.get(host)
        port = service.port_numbered(number) if service else None
        if service is None or port is None:
            return ()
        return alpn_of_bytes(service, port, destination.subset, self._scope.rule_for_host(host), self._settings.mesh)
