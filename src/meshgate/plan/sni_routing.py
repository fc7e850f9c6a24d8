"""AUTO_PASSTHROUGH: the mesh's own mutual TLS goes through a gateway to the service and subset that its SNI names.

Nothing is taken off and nobody is asked: a chain for each service, port and subset that the server's hosts cover, to a
cluster of that name, whose endpoints are only those that take mutual TLS. So nobody reaches a workload without a
certificate of the mesh. (istio:pilot/pkg/networking/core/gateway.go#builtAutoPassthroughFilterChains, cluster.go)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from meshgate.api import MeshConfig, ServerTLSMode
from meshgate.mesh import BoundDestinationRule, BoundServer, MeshService, Port, Protocol, Scope, is_within
from meshgate.plan import names
from meshgate.plan.client import Client
from meshgate.plan.gateway_servers import PortServers
from meshgate.plan.outbound_chains import chain
from meshgate.plan.outbound_clusters import service_clusters
from meshgate.plan.tcp_filters import tcp_proxy_to_service
from meshgate.plan.values import ClusterPlan, FilterChainMatch, FilterChainPlan, WeightedTcpCluster

Covered = tuple[MeshService, Port, BoundDestinationRule | None]


def is_routed_by_sni(server: BoundServer) -> bool:
    """Whether a server is of this mode."""
    return server.server.tls is not None and server.server.tls.mode is ServerTLSMode.AUTO_PASSTHROUGH


def servers_by_sni(ports: Iterable[PortServers]) -> tuple[BoundServer, ...]:
    """All of this mode."""
    return tuple(server for port in ports for server in port.servers if is_routed_by_sni(server))


def covered(servers: Iterable[BoundServer], scope: Scope) -> Iterator[Covered]:
    """The services of the mesh, by port, that some of the servers' hosts cover, each once."""
    hosts = {host for server in servers for _, host in server.hosts}
    for service in scope.by_host.values():
        if not service.is_external and any(is_within(service.hostname, host) for host in hosts):
            rule = scope.rule_for_host(service.hostname)
            ports = {port.number: port for port in reversed(service.ports) if port.protocol is not Protocol.UDP}
            yield from ((service, ports[number], rule) for number in sorted(ports))


def sni_chains(server: BoundServer, scope: Scope, mesh: MeshConfig) -> Iterator[tuple[str, FilterChainPlan]]:
    """By SNI, the chains of one server."""
    for service, port, rule in covered((server,), scope):
        for subset in ("", *(bound.subset.name for bound in (rule.subsets if rule else ()))):
            name = names.mesh_sni(port.number, subset, service.hostname)
            proxy = msgspec.structs.replace(
                tcp_proxy_to_service(service, port, rule, mesh),
                stat_prefix=name,
                clusters=(WeightedTcpCluster(cluster=name, weight=1),),
                alpn=(),
            )
            match = FilterChainMatch(server_names=(name,), application_protocols=names.MESH_ALPN)
            yield name, chain((proxy,), match)


def sni_clusters(
    service: MeshService, port: Port, rule: BoundDestinationRule | None, client: Client, mesh: MeshConfig
) -> tuple[ClusterPlan, ...]:
    """The clusters of a service's port: as they are for everybody, but for bytes that are encrypted already."""
    made, _ = service_clusters(service, port, rule, client, mesh)
    snis = (names.mesh_sni(port.number, cluster.subset, service.hostname) for cluster in made)
    return tuple(_opaque(cluster, sni, mesh) for cluster, sni in zip(made, snis, strict=True))


def _opaque(cluster: ClusterPlan, name: str, mesh: MeshConfig) -> ClusterPlan:
    own_stat_name = cluster.alt_stat_name if mesh.outbound_cluster_stat_name else name + names.END_OF_STAT_NAME
    endpoints, fixed = cluster.endpoints, cluster.load_assignment
    return msgspec.structs.replace(
        cluster,
        name=name,
        alt_stat_name=own_stat_name,
        http=None,
        tls=None,
        tls_choices=(),
        has_own_alpn=False,
        endpoints=msgspec.structs.replace(endpoints, takes_mutual_tls=True) if endpoints else None,
        load_assignment=msgspec.structs.replace(fixed, cluster=name) if fixed else None,
    )
