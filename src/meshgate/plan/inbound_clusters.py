"""Clusters to the workload itself: one for each of its ports that a service has, whatever the number of services.

By default a sidecar delivers to the address that the client called, from 127.0.0.6, so that capture lets it through.
(istio:pilot/pkg/networking/core/cluster.go#buildInboundClusters)
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import msgspec

from meshgate.api import InboundMode, MeshConfig
from meshgate.mesh import BoundDestinationRule, MeshService, ServiceTarget
from meshgate.plan import names
from meshgate.plan.load_balancing import circuit_breakers, connect_timeout, tcp_keepalive
from meshgate.plan.stat_names import inbound_stat_name
from meshgate.plan.traffic_policies import NO_POLICY, effective_policy, only_pool
from meshgate.plan.upstream_http import upstream_http
from meshgate.plan.values import (
    ClusterPlan,
    EndpointPlan,
    LoadAssignmentPlan,
    LocalityEndpoints,
    ServiceMetadata,
    SocketAddress,
)

LOCALHOST = "127.0.0.1"

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
        services=_named(target.service for target in targets if target.port.number == first.port.number),
        config=names.config_path(rule.ref) if rule is not None and rule.policy is not None else "",
        origin=first.service.origin,
    )
    if mesh.inbound_traffic_policy.mode is InboundMode.PASSTHROUGH:
        return cluster
    return msgspec.structs.replace(
        cluster,
        type="STATIC",
        lb_policy="ROUND_ROBIN",
        bind_address="",
        extra_bind_addresses=(),
        cleanup_interval=None,
        load_assignment=_localhost(cluster.name, port),
    )


def _named(services: Iterable[MeshService]) -> tuple[ServiceMetadata, ...]:
    return tuple(
        ServiceMetadata(host=service.hostname, name=service.name, namespace=service.namespace)
        for service in dict.fromkeys(services)
    )


def _localhost(cluster: str, port: int) -> LoadAssignmentPlan:
    endpoint = EndpointPlan(address=SocketAddress(address=LOCALHOST, port=port))
    return LoadAssignmentPlan(cluster=cluster, localities=(LocalityEndpoints(endpoints=(endpoint,)),))
