"""Clusters to the workload itself: one for each of its ports that a service has, whatever the number of services.

By default a sidecar delivers to the address that the client called, from 127.0.0.6, so that capture lets it through.
(istio:pilot/pkg/networking/core/cluster.go#buildInboundClusters)
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import msgspec

from meshgate.api import InboundMode, MeshConfig
from meshgate.mesh import BoundDestinationRule, Ingress, ServiceTarget
from meshgate.plan import names
from meshgate.plan.endpoints import UNIX
from meshgate.plan.load_balancing import circuit_breakers, connect_timeout, tcp_keepalive
from meshgate.plan.stat_names import inbound_stat_name
from meshgate.plan.traffic_policies import NO_POLICY, effective_policy, only_pool
from meshgate.plan.upstream_http import upstream_http
from meshgate.plan.values import (
    Address,
    ClusterPlan,
    EndpointPlan,
    LoadAssignmentPlan,
    LocalityEndpoints,
    PipeAddress,
    ServiceMetadata,
    SocketAddress,
)

NEVER = timedelta(seconds=9223372035)
"""As long as Istio has it: an address of the workload is not forgotten, and its statistics with it."""

InboundRules = tuple[tuple[str, BoundDestinationRule], ...]
"""The DestinationRules of served hosts: limits count on the receiving side, too."""


def inbound_clusters(
    mesh: MeshConfig,
    targets: Iterable[ServiceTarget],
    rules: InboundRules = (),
    bind_addresses: tuple[str, ...] = (names.INBOUND_BIND_ADDRESS,),
) -> tuple[ClusterPlan, ...]:
    """The clusters, by port."""
    by_port: dict[int, list[ServiceTarget]] = {}
    for target in targets:
        by_port.setdefault(target.target, []).append(target)
    by_host = dict(rules)
    return tuple(
        _cluster(mesh, port, found, by_host.get(found[0].service.hostname), bind_addresses)
        for port, found in sorted(by_port.items())
    )


def _cluster(
    mesh: MeshConfig,
    port: int,
    targets: list[ServiceTarget],
    rule: BoundDestinationRule | None,
    bind_addresses: tuple[str, ...],
) -> ClusterPlan:
    """The oldest service decides; those that it shares the service's port with are named in the metadata, too."""
    first = targets[0]
    policy = NO_POLICY if rule is None else effective_policy(rule, "", first.port.number)
    ingress = first.ingress
    if ingress is not None and ingress.pool is not None:
        policy = msgspec.structs.replace(policy, connection_pool=ingress.pool)
    pool = policy.connection_pool
    cluster = ClusterPlan(
        name=names.inbound_cluster(port),
        alt_stat_name=inbound_stat_name(mesh, first.service, first.port, port),
        type="ORIGINAL_DST",
        connect_timeout=connect_timeout(pool, mesh.connect_timeout),
        lb_policy="CLUSTER_PROVIDED",
        circuit_breakers=circuit_breakers(pool, policy.retry_budget),
        http=upstream_http(first.port.protocol, only_pool(policy), mesh, is_sidecar=True, is_inbound=True),
        tcp_keepalive=tcp_keepalive(pool, mesh.tcp_keepalive),
        bind_address=bind_addresses[0],
        extra_bind_addresses=bind_addresses[1:],
        cleanup_interval=NEVER,
        services=_named(target for target in targets if target.port.number == first.port.number),
        config=names.config_path(rule.ref) if rule is not None and rule.policy is not None else "",
        origin=first.service.origin,
    )
    if ingress is not None and ingress.called:
        return _delivered(cluster, ingress) if ingress.address else cluster
    if mesh.inbound_traffic_policy.mode is InboundMode.PASSTHROUGH:
        return cluster
    return _static(cluster, SocketAddress(address=names.LOOPBACK, port=port))


def _delivered(cluster: ClusterPlan, ingress: Ingress) -> ClusterPlan:
    """To where a Sidecar says. Only what goes to the workload's own address could be captured again."""
    if ingress.address.startswith(UNIX):
        return _static(cluster, PipeAddress(path=ingress.address.removeprefix(UNIX)))
    static = _static(cluster, SocketAddress(address=ingress.address, port=ingress.port))
    if not ingress.is_own:
        return static
    return msgspec.structs.replace(
        static, bind_address=cluster.bind_address, extra_bind_addresses=cluster.extra_bind_addresses
    )


def _static(cluster: ClusterPlan, address: Address) -> ClusterPlan:
    """The cluster with one endpoint."""
    locality = LocalityEndpoints(endpoints=(EndpointPlan(address=address),))
    return msgspec.structs.replace(
        cluster,
        type="STATIC",
        lb_policy="ROUND_ROBIN",
        bind_address="",
        extra_bind_addresses=(),
        cleanup_interval=None,
        load_assignment=LoadAssignmentPlan(cluster=cluster.name, localities=(locality,)),
    )


def _named(targets: Iterable[ServiceTarget]) -> tuple[ServiceMetadata, ...]:
    services = (one.service for one in targets if one.ingress is None or one.ingress.has_service)
    return tuple(
        ServiceMetadata(host=service.hostname, name=service.name, namespace=service.namespace)
        for service in dict.fromkeys(services)
    )
