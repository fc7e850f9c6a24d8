"""Clusters that every proxy of a kind has: for what is refused and for what passes through."""

from __future__ import annotations

from datetime import timedelta

from meshgate.api import MeshConfig
from meshgate.plan import names
from meshgate.plan.client import Client
from meshgate.plan.dns import resolver
from meshgate.plan.load_balancing import tcp_keepalive
from meshgate.plan.stat_names import stat_name
from meshgate.plan.values import CircuitBreakers, ClusterPlan, DynamicForwardProxySettings, HttpProtocolOptions

PASSTHROUGH_HTTP = HttpProtocolOptions(protocol="use_downstream", idle_timeout=timedelta(minutes=5))


def black_hole(mesh: MeshConfig) -> ClusterPlan:
    """No endpoints: HTTP is answered 503, other connections are closed."""
    return ClusterPlan(
        name=names.BLACK_HOLE,
        alt_stat_name=stat_name(names.BLACK_HOLE),
        type="STATIC",
        connect_timeout=mesh.connect_timeout,
    )


def passthrough(mesh: MeshConfig) -> ClusterPlan:
    """Where the connection was going."""
    return ClusterPlan(
        name=names.PASSTHROUGH,
        alt_stat_name=stat_name(names.PASSTHROUGH),
        type="ORIGINAL_DST",
        connect_timeout=mesh.connect_timeout,
        lb_policy="CLUSTER_PROVIDED",
        circuit_breakers=CircuitBreakers(),
        http=PASSTHROUGH_HTTP,
        tcp_keepalive=tcp_keepalive(None, mesh.tcp_keepalive),
    )


def inbound_bind_addresses(client: Client) -> tuple[str, ...]:
    """Where connections to the workload itself come from, by family; capture leaves these alone."""
    families = (client.has_ipv4, names.INBOUND_BIND_ADDRESS), (client.has_ipv6, names.INBOUND_BIND_ADDRESS_V6)
    return tuple(address for has_family, address in families if has_family)


def inbound_passthrough(mesh: MeshConfig, bind_addresses: tuple[str, ...]) -> ClusterPlan:
    """The workload itself, at a port of no service. (Istio gives it the other one's name in statistics.)"""
    return ClusterPlan(
        name=names.INBOUND_PASSTHROUGH,
        alt_stat_name=stat_name(names.PASSTHROUGH),
        type="ORIGINAL_DST",
        connect_timeout=mesh.connect_timeout,
        lb_policy="CLUSTER_PROVIDED",
        circuit_breakers=CircuitBreakers(),
        http=PASSTHROUGH_HTTP,
        tcp_keepalive=tcp_keepalive(None, mesh.tcp_keepalive),
        bind_address=bind_addresses[0],
        extra_bind_addresses=bind_addresses[1:],
    )


def allow_any_dynamic_dns(mesh: MeshConfig, client: Client) -> ClusterPlan:
    """What the request's own host resolves to."""
    return ClusterPlan(
        name=names.ALLOW_ANY_DYNAMIC_DNS_CLUSTER,
        alt_stat_name=stat_name(names.ALLOW_ANY_DYNAMIC_DNS_CLUSTER),
        type="DYNAMIC_FORWARD_PROXY",
        connect_timeout=mesh.connect_timeout,
        lb_policy="CLUSTER_PROVIDED",
        circuit_breakers=CircuitBreakers(),
        http=PASSTHROUGH_HTTP,
        dynamic_forward_proxy=DynamicForwardProxySettings(
            dns_cache=names.ALLOW_ANY_DYNAMIC_DNS_CACHE, resolver=resolver(client)
        ),
    )
