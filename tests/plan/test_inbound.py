"""What comes in: `virtualInbound` where no TLS is taken, and the clusters to the workload itself."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from meshgate.api import HTTPRetry, InboundMode, InboundTrafficPolicy, MeshH2UpgradePolicy
from meshgate.plan import Plan
from meshgate.plan.values import (
    CircuitBreakers,
    ClientCertificateDetails,
    FilterChainMatch,
    HttpInspectorFilter,
    HttpProtocolOptions,
    OriginalDstFilter,
    PortPredicate,
    RetryPolicyPlan,
    RouteConfigurationPlan,
    ServiceMetadata,
    SocketAddress,
)
from tests.mesh.objects import istio, service
from tests.plan.planned import SIDECAR, cluster, cluster_names, forward, listener, manager, mesh, planned, tcp_clusters

ALPN = ("http/1.1", "h2c")
PLAIN = istio("PeerAuthentication", "plain", "{mtls: {mode: DISABLE}}")


def serving(*ports: str, **more: str) -> str:
    return PLAIN + service("web", *ports, ip="10.96.0.1", selector="client", **more)


def inbound(plan: Plan) -> list[tuple[str, FilterChainMatch | None]]:
    return [(chain.name, chain.match) for chain in listener(plan, "virtualInbound").filter_chains]


def raw(port: int | None = None, *protocols: str) -> FilterChainMatch:
    return FilterChainMatch(destination_port=port, transport_protocol="raw_buffer", application_protocols=protocols)


PASSTHROUGH = [
    ("virtualInbound-blackhole", FilterChainMatch(destination_port=15006)),
    ("virtualInbound-catchall-http", raw(None, *ALPN)),
    ("virtualInbound", raw()),
]


def test_a_workload_without_a_service() -> None:
    plan = planned(PLAIN)
    assert inbound(plan) == PASSTHROUGH
    found = listener(plan, "virtualInbound")
    assert found.address == SocketAddress(address="0.0.0.0", port=15006)
    assert found.listener_filters == (
        OriginalDstFilter(),
        HttpInspectorFilter(disabled=PortPredicate(ports=(15006,))),
    )
    assert [tcp_clusters(chain) for chain in (found.filter_chains[0], found.filter_chains[2])] == [
        [("BlackHoleCluster", 1)],
        [("InboundPassthroughCluster", 1)],
    ]
    hcm = manager(found.filter_chains[1])
    assert isinstance(hcm.routes, RouteConfigurationPlan)
    assert (hcm.stat_prefix, hcm.routes.name) == ("InboundPassthroughCluster;", "InboundPassthroughCluster")
    assert hcm.routes.virtual_hosts[0].name == "inbound|http|0"


def test_chains_by_protocol_in_the_order_of_ports() -> None:
    plan = planned(serving("tcp:90:9000", "http:80:8080", "auto:81:8081", "tls:443:8443"))
    assert inbound(plan) == [
        *PASSTHROUGH,
        ("0.0.0.0_8080", raw(8080)),
        ("0.0.0.0_8081", raw(8081, *ALPN)),
        ("0.0.0.0_8081", raw(8081)),
        ("0.0.0.0_8443", raw(8443)),
        ("0.0.0.0_9000", raw(9000)),
    ]
    disabled = listener(plan, "virtualInbound").listener_filters[1]
    assert disabled == HttpInspectorFilter(disabled=PortPredicate(ports=(8080, 8443, 9000, 15006)))


def test_http_that_comes_in() -> None:
    plan = planned(serving("http:80:8080"))
    hcm = manager(listener(plan, "virtualInbound").filter_chains[3])
    assert (hcm.stat_prefix, hcm.server_name) == ("inbound_0.0.0.0_8080;", "istio-envoy")
    assert hcm.forward_client_certificate == "APPEND_FORWARD"
    assert hcm.client_certificate_details == ClientCertificateDetails(subject=True, dns=True, uri=True)
    assert isinstance(hcm.routes, RouteConfigurationPlan)
    (host,) = hcm.routes.virtual_hosts
    (route,) = host.routes
    assert (hcm.routes.name, host.name, host.domains) == ("inbound|8080||", "inbound|http|80", ("*",))
    assert (route.name, route.operation) == ("default", "web.default.svc.cluster.local:80/*")
    assert forward(route).max_stream_duration == timedelta(0)
    assert forward(route).retry == RetryPolicyPlan(retry_on="reset-before-request", attempts=2)


def test_the_meshs_retries_for_what_comes_in() -> None:
    facts = mesh(default_inbound_http_retry_policy=HTTPRetry(attempts=0))
    hcm = manager(listener(planned(serving("http:80"), facts=facts), "virtualInbound").filter_chains[3])
    assert isinstance(hcm.routes, RouteConfigurationPlan)
    assert forward(hcm.routes.virtual_hosts[0].routes[0]).retry is None


def test_a_cluster_delivers_to_the_address_that_was_called() -> None:
    plan = planned(serving("http:80:8080", "http2:81:8081", "auto:82:8082"))
    assert cluster_names(plan, "inbound|") == ["inbound|8080||", "inbound|8081||", "inbound|8082||"]
    found = cluster(plan, "inbound|8080||")
    assert (found.type, found.lb_policy, found.bind_address) == ("ORIGINAL_DST", "CLUSTER_PROVIDED", "127.0.0.6")
    assert (found.alt_stat_name, found.http) == ("inbound|8080||;", None)
    assert cluster(plan, "inbound|8081||").http == HttpProtocolOptions(protocol="explicit_http2")
    assert cluster(plan, "inbound|8082||").http == HttpProtocolOptions(protocol="use_downstream")


def test_a_cluster_can_deliver_to_localhost() -> None:
    facts = mesh(inbound_traffic_policy=InboundTrafficPolicy(mode=InboundMode.LOCALHOST))
    found = cluster(planned(serving("http:80:8080"), facts=facts), "inbound|8080||")
    assert (found.type, found.bind_address) == ("STATIC", "")
    assert found.load_assignment is not None
    (endpoint,) = found.load_assignment.localities[0].endpoints
    assert endpoint.address == SocketAddress(address="127.0.0.1", port=8080)


def aged(name: str, port: str, year: int) -> str:
    created = f"name: {name}, creationTimestamp: '{year}-01-01T00:00:00Z',"
    return service("web", port, ip="10.96.0.1", selector="client").replace("name: web,", created)


def test_several_services_behind_one_port() -> None:
    older, newer, newest = (
        aged("old", "tcp:90:8080", 2020),
        aged("web", "http:80:8080", 2021),
        aged("new", "http:90:8080", 2022),
    )
    plan = planned(PLAIN + older + newer + newest)
    assert inbound(plan) == [*PASSTHROUGH, ("0.0.0.0_8080", raw(8080))]
    assert tcp_clusters(listener(plan, "virtualInbound").filter_chains[3]) == [("inbound|8080||", 1)]
    assert cluster(plan, "inbound|8080||").services == (
        ServiceMetadata(host="old.default.svc.cluster.local", name="old", namespace="default"),
        ServiceMetadata(host="new.default.svc.cluster.local", name="new", namespace="default"),
    ), "those that have the port of the first"


def rule(policy: str, more: str = "") -> str:
    return istio("DestinationRule", "dr", f"{{host: web, {more} trafficPolicy: {policy}}}")


def test_the_limits_of_a_rule_count_where_requests_arrive_too() -> None:
    pool = "connectionPool: {tcp: {maxConnections: 3, connectTimeout: 1s}, http: {useClientProtocol: true}}"
    policy = f"{{{pool}, loadBalancer: {{simple: RANDOM}}, outlierDetection: {{interval: 1s}}}}"
    found = cluster(planned(serving("http:80:8080") + rule(policy)), "inbound|8080||")
    assert found.circuit_breakers == CircuitBreakers(max_connections=3)
    assert found.connect_timeout == timedelta(seconds=1)
    assert found.http == HttpProtocolOptions(protocol="use_downstream")
    assert (found.lb_policy, found.outlier_detection) == ("CLUSTER_PROVIDED", None)
    assert found.config == "/apis/networking.istio.io/v1/namespaces/default/destination-rule/dr"


def test_no_rule_for_selected_clients_counts_for_what_arrives() -> None:
    policy = "{connectionPool: {tcp: {maxConnections: 3}}}"
    selected = rule(policy, "workloadSelector: {matchLabels: {app: client}},")
    assert cluster(planned(serving("http:80:8080") + selected), "inbound|8080||").circuit_breakers == CircuitBreakers()


def test_nothing_is_upgraded_on_the_way_to_the_workload() -> None:
    facts = mesh(h2_upgrade_policy=MeshH2UpgradePolicy.UPGRADE)
    assert cluster(planned(serving("http:80:8080"), facts=facts), "inbound|8080||").http is None


def test_both_families_have_an_address_to_come_from() -> None:
    proxy = msgspec.structs.replace(SIDECAR, addresses=("10.0.0.100", "fd00::1"))
    plan = planned(serving("http:80:8080"), proxy)
    for name in ("inbound|8080||", "InboundPassthroughCluster"):
        found = cluster(plan, name)
        assert (found.bind_address, found.extra_bind_addresses) == ("127.0.0.6", ("::6",))
    only_ipv6 = planned(serving("http:80:8080"), msgspec.structs.replace(SIDECAR, addresses=("fd00::1",)))
    assert cluster(only_ipv6, "inbound|8080||").bind_address == "::6"


def test_addresses_of_the_workload_are_kept() -> None:
    found = cluster(planned(serving("http:80:8080")), "inbound|8080||")
    assert found.cleanup_interval == timedelta(seconds=9223372035)
    local = mesh(inbound_traffic_policy=InboundTrafficPolicy(mode=InboundMode.LOCALHOST))
    assert cluster(planned(serving("http:80:8080"), facts=local), "inbound|8080||").cleanup_interval is None


def test_the_outbound_side_does_not_depend_on_what_is_served() -> None:
    text = serving("http:80:8080")
    other = msgspec.structs.replace(SIDECAR, labels=(("app", "nobody"),), name="other", addresses=("10.0.0.101",))
    mine, theirs = planned(text), planned(text, other)
    assert mine.route_configurations == theirs.route_configurations
    assert set(mine.listeners) - set(theirs.listeners) == {listener(mine, "virtualInbound")}
    assert set(mine.clusters) - set(theirs.clusters) == {cluster(mine, "inbound|8080||")}


@pytest.mark.parametrize("port", [15001, 15006])
def test_nobody_may_call_the_ports_of_the_proxy(port: int) -> None:
    name = {15001: "virtualOutbound", 15006: "virtualInbound"}[port]
    chain = listener(planned(""), name).filter_chains[0]
    assert (chain.name, chain.match) == (f"{name}-blackhole", FilterChainMatch(destination_port=port))
    assert tcp_clusters(chain) == [("BlackHoleCluster", 1)]
