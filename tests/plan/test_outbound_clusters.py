"""Clusters for services: kinds of endpoints, subsets and policies. TLS has its own tests."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from meshgate.api import H2UpgradePolicy, MeshH2UpgradePolicy, ProxyConfig, ProxyHeaders, TcpKeepalive
from meshgate.mesh import Facts
from meshgate.plan import Proxy
from meshgate.plan.values import (
    UNLIMITED,
    CircuitBreakers,
    ClusterPlan,
    DnsSettings,
    EndpointSelector,
    Http2Keepalive,
    HttpProtocolOptions,
    Maglev,
    OutlierDetectionPlan,
    RetryBudget,
    RingHash,
    ServiceMetadata,
    SlowStart,
    SocketAddress,
)
from meshgate.plan.values import TcpKeepalive as PlannedKeepalive
from tests.mesh.objects import istio, service
from tests.plan.planned import PLAIN, ROUTER, SIDECAR, cluster, cluster_names, mesh, planned, problems

LOCAL = "default.svc.cluster.local"
WEB = service("web", "http:80", "http2:81", "auto:82", ip="10.96.0.1")
NAME = f"outbound|80||web.{LOCAL}"


def entry(resolution: str, rest: str = "", host: str = "a.org") -> str:
    ports = "ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}]"
    return istio("ServiceEntry", "out", f"{{hosts: ['{host}'], {ports}, resolution: {resolution}{rest}}}")


def rule(policy: str, host: str = "web", subsets: str = "") -> str:
    return istio("DestinationRule", "dr", f"{{host: {host}, trafficPolicy: {policy}{subsets}}}")


def web(policy: str, *, port: int = 80, subset: str = "", proxy: Proxy = SIDECAR, facts: Facts = PLAIN) -> ClusterPlan:
    return cluster(planned(WEB + rule(policy), proxy, facts), f"outbound|{port}|{subset}|web.{LOCAL}")


def test_a_kubernetes_service() -> None:
    found = cluster(planned(WEB), NAME)
    assert found == ClusterPlan(
        name=NAME,
        alt_stat_name=f"{NAME};",
        type="EDS",
        lb_policy="LEAST_REQUEST",
        healthy_panic_threshold=0,
        circuit_breakers=CircuitBreakers(),
        services=(ServiceMetadata(host=f"web.{LOCAL}", name="web", namespace="default"),),
        endpoints=EndpointSelector(hostname=f"web.{LOCAL}", namespace="default", port=80),
        tls_choices=found.tls_choices,
        origin=found.origin,
    )
    assert str(found.origin) == "Service/default/web"


def test_http_versions() -> None:
    plan = planned(WEB)
    kinds = {port: cluster(plan, f"outbound|{port}||web.{LOCAL}").http for port in (80, 81, 82)}
    assert kinds == {
        80: None,
        81: HttpProtocolOptions(protocol="explicit_http2"),
        82: HttpProtocolOptions(protocol="use_downstream"),
    }
    assert cluster(planned(WEB, ROUTER), f"outbound|82||web.{LOCAL}").http is None


@pytest.mark.parametrize(
    ("resolution", "sidecar", "router"),
    [
        ("STATIC", "EDS", "EDS"),
        ("DNS", "STRICT_DNS", "STRICT_DNS"),
        ("DNS_ROUND_ROBIN", "LOGICAL_DNS", "LOGICAL_DNS"),
        ("NONE", "ORIGINAL_DST", "EDS"),
    ],
)
def test_kinds_of_endpoints(resolution: str, sidecar: str, router: str) -> None:
    for proxy, expected in ((SIDECAR, sidecar), (ROUTER, router)):
        found = cluster(planned(entry(resolution), proxy), "outbound|80||a.org")
        assert (found.type, found.external) == (expected, True)
        assert (found.lb_policy == "CLUSTER_PROVIDED") is (expected == "ORIGINAL_DST")


def test_round_robin_takes_one_name() -> None:
    text = entry("DNS_ROUND_ROBIN", ", endpoints: [{address: one.org}]").replace("name: out", "name: one")
    text += entry("DNS_ROUND_ROBIN", ", endpoints: [{address: two.org}]").replace("name: out", "name: two")
    found = cluster(planned(text), "outbound|80||a.org").load_assignment
    assert found is not None
    assert [len(one.endpoints) for one in found.localities] == [1]
    assert problems(text) == [
        'ServiceEntry/default/one spec.hosts[0]: port 80 of "a.org" has 2 endpoints; "one.org" alone is used; '
        "take resolution DNS for several [MG0123]"
    ]


def test_headless_services_pass_through_sidecars_only() -> None:
    text = service("db", "tcp:80", ip="None")
    assert cluster(planned(text), f"outbound|80||db.{LOCAL}").type == "ORIGINAL_DST"
    assert cluster(planned(text, ROUTER), f"outbound|80||db.{LOCAL}").type == "EDS"


def test_dns_asks_the_server_without_virtual_addresses() -> None:
    proxy = msgspec.structs.replace(SIDECAR, dns_resolver=("127.0.0.1", 15054))
    found = cluster(planned(entry("DNS"), proxy, mesh(dns_refresh_rate=timedelta(seconds=5))), "outbound|80||a.org")
    assert found.dns == DnsSettings(
        refresh_rate=timedelta(seconds=5), resolver=SocketAddress(address="127.0.0.1", port=15054)
    )
    assert found.load_assignment is not None
    (endpoint,) = found.load_assignment.localities[0].endpoints
    assert endpoint.address == SocketAddress(address="a.org", port=8080)


@pytest.mark.parametrize(
    ("addresses", "family"),
    [(("10.0.0.1",), "V4_ONLY"), (("fd00::1",), "V6_ONLY"), (("10.0.0.1", "fd00::1"), "ALL"), ((), "V4_ONLY")],
)
def test_dns_looks_for_the_proxys_families(addresses: tuple[str, ...], family: str) -> None:
    found = cluster(planned(entry("DNS"), msgspec.structs.replace(SIDECAR, addresses=addresses)), "outbound|80||a.org")
    assert found.dns is not None
    assert found.dns.lookup_family == family


def test_subsets() -> None:
    subsets = (
        ", subsets: [{name: v1, labels: {version: v1}}, {name: v2, trafficPolicy: {loadBalancer: {simple: RANDOM}}}]"
    )
    plan = planned(WEB + rule("{loadBalancer: {simple: ROUND_ROBIN}}", subsets=subsets))
    one, two, all_of_it = (cluster(plan, f"outbound|80|{subset}|web.{LOCAL}") for subset in ("v1", "v2", ""))
    assert [found.lb_policy for found in (all_of_it, one, two)] == ["ROUND_ROBIN", "ROUND_ROBIN", "RANDOM"]
    assert one.endpoints is not None
    assert one.endpoints.labels == (("version", "v1"),)
    assert (one.subset, one.config) == (
        "v1",
        "/apis/networking.istio.io/v1/namespaces/default/destination-rule/dr",
    )
    assert len(cluster_names(plan)) == 9


def test_subsets_of_a_dns_service_choose_among_its_endpoints() -> None:
    endpoints = ", endpoints: [{address: a.com, labels: {v: '1'}}, {address: b.com, labels: {v: '2'}}]"
    subsets = ", subsets: [{name: one, labels: {v: '1'}}, {name: none, labels: {v: '3'}}]"
    plan = planned(entry("DNS", endpoints) + rule("{loadBalancer: {simple: RANDOM}}", "a.org", subsets))
    assert cluster_names(plan) == ["outbound|80|one|a.org", "outbound|80||a.org"]
    found = cluster(plan, "outbound|80|one|a.org").load_assignment
    assert found is not None
    assert [one.address for one in found.localities[0].endpoints] == [SocketAddress(address="a.com", port=8080)]


@pytest.mark.parametrize(
    ("simple", "expected"),
    [
        ("UNSPECIFIED", "LEAST_REQUEST"),
        ("LEAST_CONN", "LEAST_REQUEST"),
        ("LEAST_REQUEST", "LEAST_REQUEST"),
        ("RANDOM", "RANDOM"),
        ("ROUND_ROBIN", "ROUND_ROBIN"),
        ("PASSTHROUGH", "CLUSTER_PROVIDED"),
    ],
)
def test_load_balancers(simple: str, expected: str) -> None:
    found = web(f"{{loadBalancer: {{simple: {simple}}}}}")
    assert found.lb_policy == expected
    assert (found.type == "ORIGINAL_DST") is (simple == "PASSTHROUGH")


@pytest.mark.parametrize(
    ("settings", "policy", "hashing"),
    [
        ("{httpHeaderName: x}", "RING_HASH", RingHash(minimum_ring_size=1024)),
        ("{useSourceIp: true, ringHash: {minimumRingSize: 7}}", "RING_HASH", RingHash(minimum_ring_size=7)),
        ("{useSourceIp: true, minimumRingSize: 9}", "RING_HASH", RingHash(minimum_ring_size=9)),
        ("{httpCookie: {name: c, ttl: 0s}, maglev: {tableSize: 11}}", "MAGLEV", Maglev(table_size=11)),
    ],
)
def test_hashing(settings: str, policy: str, hashing: RingHash | Maglev) -> None:
    found = web(f"{{loadBalancer: {{consistentHash: {settings}}}}}")
    assert (found.lb_policy, found.hash_settings) == (policy, hashing)


def test_warmup() -> None:
    warmup = "warmup: {duration: 10s, aggression: 2, minimumPercent: 5}"
    found = web(f"{{loadBalancer: {{simple: ROUND_ROBIN, {warmup}}}}}")
    assert found.slow_start == SlowStart(window=timedelta(seconds=10), aggression=2, min_weight_percent=5)
    assert web("{loadBalancer: {simple: RANDOM, warmupDurationSecs: 10s}}").slow_start is None
    old = web("{loadBalancer: {simple: LEAST_REQUEST, warmupDurationSecs: 10s}}")
    assert old.slow_start == SlowStart(window=timedelta(seconds=10))


def test_limits() -> None:
    tcp = (
        "tcp: {maxConnections: 1, connectTimeout: 2s, maxConnectionDuration: 9s, tcpKeepalive: {probes: 3, time: 60s}}"
    )
    http = (
        "http: {http1MaxPendingRequests: 4, http2MaxRequests: 5, maxRetries: 6, maxRequestsPerConnection: 7, "
        "idleTimeout: 8s, maxConcurrentStreams: 10}"
    )
    found = web(f"{{connectionPool: {{{tcp}, {http}}}}}")
    assert found.circuit_breakers == CircuitBreakers(
        max_connections=1, max_pending_requests=4, max_requests=5, max_retries=6
    )
    assert (found.connect_timeout, found.tcp_keepalive) == (
        timedelta(seconds=2),
        PlannedKeepalive(probes=3, time_s=60),
    )
    assert found.http == HttpProtocolOptions(
        max_requests_per_connection=7,
        idle_timeout=timedelta(seconds=8),
        max_connection_duration=timedelta(seconds=9),
    )
    at_81 = web(f"{{connectionPool: {{{tcp}, {http}}}}}", port=81).http
    assert at_81 is not None
    assert (at_81.protocol, at_81.max_concurrent_streams) == ("explicit_http2", 10), "for HTTP/2 alone"
    assert web("{connectionPool: {http: {maxRetries: 1}}}").circuit_breakers == CircuitBreakers(
        max_connections=UNLIMITED, max_retries=1
    )


def test_an_idle_timeout_of_tcp_counts_for_http_that_has_none() -> None:
    found = web("{connectionPool: {tcp: {idleTimeout: 3s}, http: {maxRetries: 1}}}").http
    assert found == HttpProtocolOptions(idle_timeout=timedelta(seconds=3))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("{}", RetryBudget(percent=20, min_concurrency=3)),
        ("{percent: 12.5, minRetryConcurrency: 5, budgetInterval: 10s}", RetryBudget(percent=12.5, min_concurrency=5)),
    ],
)
def test_a_budget_for_retries(given: str, expected: RetryBudget) -> None:
    assert web(f"{{retryBudget: {given}}}").circuit_breakers == CircuitBreakers(retry_budget=expected)


def test_pings_on_connections_of_http2() -> None:
    policy = "{connectionPool: {http: {http2KeepAlive: {interval: 15s, timeout: 5s}}}}"
    expected = Http2Keepalive(interval=timedelta(seconds=15), timeout=timedelta(seconds=5))
    assert web(policy, port=81).http == HttpProtocolOptions(protocol="explicit_http2", keepalive=expected)
    assert web(policy).http is None


def test_names_of_headers_may_keep_their_case() -> None:
    facts = mesh(default_config=ProxyConfig(proxy_headers=ProxyHeaders(preserve_http1_header_case=True)))
    plan = planned(WEB, facts=facts)
    kept = {port: cluster(plan, f"outbound|{port}||web.{LOCAL}").http for port in (80, 81, 82)}
    assert kept == {
        80: HttpProtocolOptions(preserve_header_case=True),
        81: HttpProtocolOptions(protocol="explicit_http2"),
        82: HttpProtocolOptions(protocol="use_downstream", preserve_header_case=True),
    }


def test_names_in_statistics_by_pattern() -> None:
    facts = mesh(
        outbound_cluster_stat_name="%SERVICE%_%SERVICE_NAME%_%SERVICE_FQDN%_%SERVICE_PORT%_%SERVICE_PORT_NAME%_%SUBSET_NAME%",
        inbound_cluster_stat_name="in_%SERVICE%_%TARGET_PORT%",
    )
    plan = planned(
        WEB + entry("DNS") + rule("{loadBalancer: {simple: RANDOM}}", subsets=", subsets: [{name: v1}]"), facts=facts
    )
    assert cluster(plan, NAME).alt_stat_name == f"web.default_web_web.{LOCAL}_80_http_;"
    assert cluster(plan, f"outbound|80|v1|web.{LOCAL}").alt_stat_name == f"web.default_web_web.{LOCAL}_80_http_v1;"
    assert cluster(plan, "outbound|80||a.org").alt_stat_name == "a.org_a.org_a.org_80_http_;"
    served = planned(service("web", "http:80:8080", selector="client"), facts=facts)
    assert cluster(served, "inbound|8080||").alt_stat_name == "in_web.default_8080;"


def test_only_the_whole_service_is_marked_as_outside() -> None:
    plan = planned(entry("STATIC") + rule("{loadBalancer: {simple: RANDOM}}", "a.org", ", subsets: [{name: v1}]"))
    found = [cluster(plan, f"outbound|80|{subset}|a.org").external for subset in ("", "v1")]
    assert found == [True, False]


def test_the_meshs_keepalive() -> None:
    facts = mesh(tcp_keepalive=TcpKeepalive(interval=timedelta(seconds=75)))
    assert cluster(planned(WEB, facts=facts), NAME).tcp_keepalive == PlannedKeepalive(interval_s=75)


@pytest.mark.parametrize(
    ("http", "expected"),
    [
        ("h2UpgradePolicy: UPGRADE", "explicit_http2"),
        ("h2UpgradePolicy: DO_NOT_UPGRADE, idleTimeout: 1s", "explicit_http1"),
        ("useClientProtocol: true", "use_downstream"),
    ],
)
def test_the_version_can_be_chosen(http: str, expected: str) -> None:
    found = web(f"{{connectionPool: {{http: {{{http}}}}}}}")
    assert found.http is not None
    assert found.http.protocol == expected


def test_the_version_of_sniffed_and_http2_ports() -> None:
    upgrade, keep = (
        "{connectionPool: {http: {h2UpgradePolicy: UPGRADE}}}",
        "{connectionPool: {http: {useClientProtocol: true}}}",
    )
    assert web(upgrade, port=82).http == HttpProtocolOptions(protocol="explicit_http2")
    for proxy in (SIDECAR, ROUTER):
        assert web(keep, port=81, proxy=proxy).http == HttpProtocolOptions(protocol="use_downstream")
        assert web(keep, port=82, proxy=proxy).http == HttpProtocolOptions(protocol="use_downstream")


def test_the_mesh_can_upgrade_all_http() -> None:
    value = MeshH2UpgradePolicy.UPGRADE
    found = cluster(planned(WEB, facts=mesh(h2_upgrade_policy=value)), NAME)
    assert found.http == HttpProtocolOptions(protocol="explicit_http2")
    kept = f"{{connectionPool: {{http: {{h2UpgradePolicy: {H2UpgradePolicy.DO_NOT_UPGRADE.value}}}}}}}"
    assert web(kept, facts=mesh(h2_upgrade_policy=value)).http is None


def test_outliers() -> None:
    settings = (
        "consecutive5xxErrors: 3, interval: 1s, baseEjectionTime: 2s, maxEjectionPercent: 40, minHealthPercent: 20"
    )
    found = web(f"{{outlierDetection: {{{settings}}}}}")
    assert found.outlier_detection == OutlierDetectionPlan(
        consecutive_5xx=3,
        interval=timedelta(seconds=1),
        base_ejection_time=timedelta(seconds=2),
        max_ejection_percent=40,
    )
    assert found.healthy_panic_threshold == 20
    split = "consecutiveGatewayErrors: 1, splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 2"
    assert web(f"{{outlierDetection: {{{split}}}}}").outlier_detection == OutlierDetectionPlan(
        consecutive_gateway_failure=1, split_external_local_origin_errors=True, consecutive_local_origin_failure=2
    )


def test_statuses_that_count_as_errors() -> None:
    found = web("{outlierDetection: {outlierDetectionHttpErrorCodes: [429, 503]}}").http
    assert found == HttpProtocolOptions(error_codes=(429, 503))


def test_settings_of_a_port_replace_all_above_them() -> None:
    port = "portLevelSettings: [{port: {number: 80}, connectionPool: {http: {maxRetries: 1}}}]"
    plan = planned(WEB + rule(f"{{loadBalancer: {{simple: RANDOM}}, {port}}}"))
    at_80, at_81 = cluster(plan, NAME), cluster(plan, f"outbound|81||web.{LOCAL}")
    assert (at_80.lb_policy, at_81.lb_policy) == ("LEAST_REQUEST", "RANDOM")
    assert at_80.circuit_breakers == CircuitBreakers(max_retries=1)


def test_the_proxy_protocol_to_endpoints() -> None:
    assert web("{proxyProtocol: {version: V2}}").proxy_protocol == "V2"
    port = "portLevelSettings: [{port: {number: 80}, connectionPool: {http: {maxRetries: 1}}}]"
    assert web(f"{{proxyProtocol: {{version: V2}}, {port}}}").proxy_protocol == ""
    below = rule("{proxyProtocol: {version: V2}}", subsets=f", subsets: [{{name: v1, trafficPolicy: {{{port}}}}}]")
    assert cluster(planned(WEB + below), f"outbound|80|v1|web.{LOCAL}").proxy_protocol == "V2"
