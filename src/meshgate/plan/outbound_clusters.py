"""Clusters for services: one for each port, and one more for each subset of its DestinationRule.

(istio:pilot/pkg/networking/core/cluster.go#buildOutboundClusters)
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from meshgate.api import Labels, MeshConfig, Problem, codes, is_subset
from meshgate.mesh import (
    UNKNOWN,
    BoundDestinationRule,
    MeshService,
    Port,
    Protocol,
    Resolving,
    ServiceTrust,
    at,
    warning,
)
from meshgate.plan import names
from meshgate.plan.client import Client
from meshgate.plan.dns import dns_settings
from meshgate.plan.dynamic_dns import dynamic_cluster, is_looked_up
from meshgate.plan.endpoints import localities
from meshgate.plan.load_balancing import balancing, circuit_breakers, connect_timeout, outlier_detection, tcp_keepalive
from meshgate.plan.localities import preference
from meshgate.plan.stat_names import outbound_stat_name
from meshgate.plan.traffic_policies import EffectivePolicy, effective_policy
from meshgate.plan.upstream_http import upstream_http
from meshgate.plan.upstream_tls import Destination, secured, uses_settings
from meshgate.plan.values import (
    ClusterPlan,
    DnsSettings,
    EndpointSelector,
    LoadAssignmentPlan,
    OriginalDstSettings,
    ServiceMetadata,
    Spread,
)

Made = tuple[tuple[ClusterPlan, ...], tuple[Problem, ...]]


def service_clusters(
    service: MeshService,
    port: Port,
    rule: BoundDestinationRule | None,
    client: Client,
    mesh: MeshConfig,
    trust: ServiceTrust = UNKNOWN,
) -> Made:
    """The clusters for one port of a service. MG0123, MG0141."""
    if port.protocol is Protocol.UDP or service.resolving is Resolving.ALIAS:
        return (), ()
    clusters: list[ClusterPlan] = []
    problems: list[Problem] = [*_unused_endpoints(service, port)]
    for subset, labels in _subsets(rule):
        policy = effective_policy(rule, subset, port.number)
        base = _base(service, port, subset, policy, mesh)
        if rule is not None:
            base = msgspec.structs.replace(base, config=names.config_path(rule.ref))
        http = upstream_http(port.protocol, policy, mesh, is_sidecar=client.role == "sidecar")
        base = msgspec.structs.replace(base, http=http)
        to = Destination(
            service=service,
            port=port,
            subset=subset,
            trust=trust,
            may_use_secrets=client.role == "router" or (rule is not None and rule.workload_selector is not None),
        )
        problems += _unused_secret(to, policy)
        if service.resolving is Resolving.DYNAMIC_DNS:
            found = [dynamic_cluster(base, service, client)] if is_looked_up(service, port) else []
            clusters += [secured(one, to, policy.tls, mesh) for one in found]
        elif _is_original_dst(service, client) or _passes_through(rule, policy, port):
            clusters.append(secured(_original_dst(base, service, port), to, policy.tls, mesh))
        else:
            preferred = preference(policy, service.distribution, mesh, client.place)
            base = msgspec.structs.replace(_balanced(base, policy), locality_weighted=preferred.is_weighted)
            which = _Which(service=service, port=port, labels=labels, spread=preferred.spread)
            base = secured(base, to, policy.tls, mesh)
            clusters += _with_endpoints(base, which, dns_settings(mesh, client))
    return tuple(clusters), tuple(dict.fromkeys(problems))


def _subsets(rule: BoundDestinationRule | None) -> Iterator[tuple[str, Labels]]:
    """The whole service, then the subsets."""
    yield "", ()
    for bound in rule.subsets if rule else ():
        yield bound.subset.name, bound.subset.labels


def _base(service: MeshService, port: Port, subset: str, policy: EffectivePolicy, mesh: MeshConfig) -> ClusterPlan:
    """What all kinds of clusters have in common. It has no endpoint: HTTP is answered 503, other bytes are refused."""
    pool = policy.connection_pool
    return ClusterPlan(
        name=names.outbound_cluster(port.number, subset, service.hostname),
        alt_stat_name=outbound_stat_name(mesh, service, port, subset),
        type="STATIC",
        connect_timeout=connect_timeout(pool, mesh.connect_timeout),
        circuit_breakers=circuit_breakers(pool, policy.retry_budget),
        outlier_detection=outlier_detection(policy.outlier_detection),
        healthy_panic_threshold=policy.outlier_detection.min_health_percent if policy.outlier_detection else 0,
        tcp_keepalive=tcp_keepalive(pool, mesh.tcp_keepalive),
        proxy_protocol=policy.proxy_protocol.version.value if policy.proxy_protocol else "",
        external=service.is_external and not subset,
        services=(ServiceMetadata(host=service.hostname, name=service.name, namespace=service.namespace),),
        subset=subset,
        origin=service.origin,
    )


def _balanced(base: ClusterPlan, policy: EffectivePolicy) -> ClusterPlan:
    chosen = balancing(policy.load_balancer)
    return msgspec.structs.replace(
        base, lb_policy=chosen.policy, hash_settings=chosen.hashing, slow_start=chosen.slow_start
    )


def _unused_endpoints(service: MeshService, port: Port) -> Iterator[Problem]:
    """MG0123: Envoy takes one name for such a cluster, and would refuse more."""
    if service.resolving is not Resolving.DNS_ROUND_ROBIN:
        return
    found = [fixed.endpoint.address for fixed in service.fixed if fixed.port == port.number]
    if len(found) > 1:
        text = f'port {port.number} of "{service.hostname}" has {len(found)} endpoints; "{found[0]}" alone is used'
        yield warning(codes.ONE_NAME, service.origin, text, "take resolution DNS for several")


def _unused_secret(to: Destination, policy: EffectivePolicy) -> Iterator[Problem]:
    """MG0141: as in Istio, where no sidecar shall wait for a Secret that it may not see."""
    if policy.tls is None or uses_settings(to, policy.tls):
        return
    assert policy.tls_origin is not None
    origin = at(policy.tls_origin, "credentialName")
    text = (
        f'sidecars do not use the Secret "{policy.tls.credential_name}" and send to "{to.service.hostname}" without '
        "TLS of their own: a rule with a Secret is for gateways, and for sidecars that a workloadSelector selects"
    )
    hint = "nothing, if only gateways send there; else select the workloads that it is for"
    yield Problem(codes.SECRET_FOR_GATEWAYS, "info", origin.ref, origin.path, text, hint)


class _Which(Struct, frozen=True, kw_only=True):
    """Which endpoints a cluster has."""

    service: MeshService
    port: Port
    labels: Labels
    spread: Spread | None


def _with_endpoints(cluster: ClusterPlan, which: _Which, dns: DnsSettings) -> Iterator[ClusterPlan]:
    """The cluster with its endpoints; none for a DNS service that has no name to resolve, as in Istio."""
    service, port, labels = which.service, which.port, which.labels
    if service.resolving not in (Resolving.DNS, Resolving.DNS_ROUND_ROBIN):
        selector = EndpointSelector(
            hostname=service.hostname,
            namespace=service.namespace,
            port=port.number,
            labels=labels,
            spread=which.spread,
        )
        yield msgspec.structs.replace(cluster, type="EDS", endpoints=selector)
        return
    found = [fixed.endpoint for fixed in service.fixed if fixed.port == port.number]
    chosen = [endpoint for endpoint in found if is_subset(labels, endpoint.labels)]
    is_strict = service.resolving is Resolving.DNS
    if chosen:
        chosen = chosen if is_strict else chosen[:1]  # Envoy refuses more
        yield msgspec.structs.replace(
            cluster,
            type="STRICT_DNS" if is_strict else "LOGICAL_DNS",
            dns=dns,
            load_assignment=LoadAssignmentPlan(
                cluster=cluster.name,
                localities=localities(chosen, which.spread, chooses_tls=bool(cluster.tls_choices)),
            ),
        )


def _is_original_dst(service: MeshService, client: Client) -> bool:
    """A gateway has no original destination to pass connections through to."""
    return service.resolving is Resolving.PASSTHROUGH and client.role == "sidecar"


def _passes_through(rule: BoundDestinationRule | None, policy: EffectivePolicy, port: Port) -> bool:
    """Where the host's policy passes through, its subsets do too, whatever they say themselves."""
    host = effective_policy(rule, "", port.number).load_balancer
    return balancing(policy.load_balancer).is_passthrough or balancing(host).is_passthrough


def _original_dst(base: ClusterPlan, service: MeshService, port: Port) -> ClusterPlan:
    """To where the connection was going, but to the port that a ServiceEntry without resolution names for it."""
    override = service.registry == "External" and service.resolving is Resolving.PASSTHROUGH
    target = port.target if override and isinstance(port.target, int) else 0
    return msgspec.structs.replace(
        base,
        type="ORIGINAL_DST",
        lb_policy="CLUSTER_PROVIDED",
        original_dst=OriginalDstSettings(upstream_port_override=target) if target else None,
    )
