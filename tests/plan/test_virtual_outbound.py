"""`virtualOutbound` and the clusters that every sidecar has."""

from __future__ import annotations

from datetime import timedelta

from meshgate.api import OutboundMode, OutboundTrafficPolicy
from meshgate.plan.values import (
    DynamicForwardProxyFilter,
    DynamicForwardProxySettings,
    FilterChainMatch,
    HttpInspectorFilter,
    RouteConfigurationPlan,
    SocketAddress,
)
from tests.plan.planned import cluster, listener, manager, mesh, planned, tcp_clusters


def test_connections_are_handed_on_and_the_rest_goes_out() -> None:
    found = listener(planned(""), "virtualOutbound")
    assert found.address == SocketAddress(address="0.0.0.0", port=15001)
    assert (found.use_original_dst, found.bind_to_port, found.listener_filters) == (True, True, ())
    assert [(chain.name, chain.match, tcp_clusters(chain)) for chain in found.filter_chains] == [
        ("virtualOutbound-blackhole", FilterChainMatch(destination_port=15001), [("BlackHoleCluster", 1)]),
        ("virtualOutbound-catchall-tcp", None, [("PassthroughCluster", 1)]),
    ]


def test_the_rest_is_refused_where_only_the_registry_counts() -> None:
    facts = mesh(outbound_traffic_policy=OutboundTrafficPolicy(mode=OutboundMode.REGISTRY_ONLY))
    assert tcp_clusters(listener(planned("", facts=facts), "virtualOutbound").filter_chains[1]) == [
        ("BlackHoleCluster", 1)
    ]


def test_names_can_be_resolved_on_the_way() -> None:
    facts = mesh(outbound_traffic_policy=OutboundTrafficPolicy(mode=OutboundMode.ALLOW_ANY_DYNAMIC_DNS))
    plan = planned("", facts=facts)
    found = listener(plan, "virtualOutbound")
    chain = found.filter_chains[1]
    assert (chain.name, found.listener_filters) == ("virtualOutbound-catchall-tcp-http", (HttpInspectorFilter(),))
    hcm = manager(chain)
    assert isinstance(hcm.routes, RouteConfigurationPlan)
    assert hcm.routes.virtual_hosts[0].name == "allow_any_dynamic_dns"
    cache = "allow_any_dfp_dns_cache"
    assert hcm.http_filters[-2] == DynamicForwardProxyFilter(dns_cache=cache)
    assert cluster(plan, "AllowAnyDynamicDNSCluster").dynamic_forward_proxy == DynamicForwardProxySettings(
        dns_cache=cache
    )


def test_fixed_clusters() -> None:
    plan = planned("", facts=mesh(connect_timeout=timedelta(seconds=3)))
    assert [one.name for one in plan.clusters] == [
        "BlackHoleCluster",
        "InboundPassthroughCluster",
        "PassthroughCluster",
    ]
    hole, inbound, outbound = plan.clusters
    assert (hole.type, hole.load_assignment) == ("STATIC", None)
    assert {one.type for one in (inbound, outbound)} == {"ORIGINAL_DST"}
    assert (inbound.bind_address, outbound.bind_address) == ("127.0.0.6", "")
    assert {one.connect_timeout for one in plan.clusters} == {timedelta(seconds=3)}
    assert outbound.http is not None
    assert (outbound.http.protocol, outbound.http.idle_timeout) == ("use_downstream", timedelta(minutes=5))
