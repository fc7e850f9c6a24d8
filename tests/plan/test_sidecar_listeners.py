"""A sidecar's listeners for what goes out."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from meshgate.api import OutboundMode, OutboundTrafficPolicy
from meshgate.plan.values import (
    CidrRange,
    FilterChainMatch,
    HttpInspectorFilter,
    MongoProxyPlan,
    RdsReference,
    SocketAddress,
    TlsInspectorFilter,
)
from tests.mesh.objects import endpoint_slice, istio, service
from tests.plan.planned import (
    SIDECAR,
    cluster_names,
    listener,
    listener_names,
    manager,
    mesh,
    planned,
    problems,
    tcp,
    tcp_clusters,
    with_labels,
)

LOCAL = "default.svc.cluster.local"
HTTP = FilterChainMatch(transport_protocol="raw_buffer", application_protocols=("http/1.1", "h2c"))
BLOCKED = mesh(outbound_traffic_policy=OutboundTrafficPolicy(mode=OutboundMode.REGISTRY_ONLY))


def entry(name: str, host: str, port: str, *, addresses: str = "", resolution: str = "DNS", rest: str = "") -> str:
    number, protocol = port.split(":")
    at = f", addresses: [{addresses}]" if addresses else ""
    ports = f"ports: [{{number: {number}, name: p, protocol: {protocol}}}]"
    return istio("ServiceEntry", name, f"{{hosts: [{host}]{at}, {ports}, resolution: {resolution}{rest}}}")


def test_http_services_share_the_listener_of_their_port() -> None:
    plan = planned(service("a", "http:80", ip="10.96.0.1") + service("b", "grpc:80", ip="10.96.0.2"))
    assert listener_names(plan) == ["0.0.0.0_80"]
    found = listener(plan, "0.0.0.0_80")
    (chain,) = found.filter_chains
    assert chain.match == HTTP
    assert manager(chain).routes == RdsReference(name="80")
    assert manager(chain).stat_prefix == "outbound_0.0.0.0_80;"
    assert (manager(chain).use_remote_address, manager(chain).server_name) == (False, "")
    assert found.listener_filters == (HttpInspectorFilter(),)
    assert (found.bind_to_port, found.direction) == (False, "OUTBOUND")
    assert (found.listener_filters_timeout, found.continue_on_listener_filters_timeout) == (timedelta(0), True)
    default = found.default_filter_chain
    assert default is not None
    assert (default.name, tcp_clusters(default)) == ("PassthroughFilterChain", [("PassthroughCluster", 1)])


def test_what_a_listener_does_not_take_is_refused_where_only_the_registry_counts() -> None:
    plan = planned(service("a", "http:80", ip="10.96.0.1"), facts=BLOCKED)
    assert tcp_clusters(listener(plan, "0.0.0.0_80").default_filter_chain) == [("BlackHoleCluster", 1)]


@pytest.mark.parametrize("port", ["tcp:82", "tls:83", "https:84", "mongo:85"])
def test_other_protocols_listen_on_the_services_address(port: str) -> None:
    number = port.split(":")[1]
    plan = planned(service("a", port, ip="10.96.0.1"))
    assert listener_names(plan) == [f"10.96.0.1_{number}"]
    found = listener(plan, f"10.96.0.1_{number}")
    (chain,) = found.filter_chains
    assert (chain.match, chain.name, found.default_filter_chain, found.listener_filters) == (None, "", None, ())
    assert tcp_clusters(chain) == [(f"outbound|{number}||a.{LOCAL}", 1)]
    assert tcp(chain).stat_prefix == f"outbound|{number}||a.{LOCAL}"


def test_a_sniffed_port_with_an_address() -> None:
    plan = planned(service("a", "auto:81", ip="10.96.0.1"))
    found = listener(plan, "10.96.0.1_81")
    (chain,) = found.filter_chains
    assert chain.match == HTTP
    assert manager(chain).routes == RdsReference(name=f"a.{LOCAL}:81")
    assert tcp_clusters(found.default_filter_chain) == [(f"outbound|81||a.{LOCAL}", 1)]
    assert found.default_filter_chain is not None
    assert found.default_filter_chain.name == ""


def test_a_sniffed_port_without_an_address() -> None:
    found = listener(planned(entry("a", "a.org", "81:''")), "0.0.0.0_81")
    assert manager(found.filter_chains[0]).routes == RdsReference(name="81")
    assert tcp_clusters(found.default_filter_chain) == [("outbound|81||a.org", 1)]


def test_tcp_without_an_address_takes_everything_on_its_port() -> None:
    text = entry("a", "a.org", "82:TCP") + entry("b", "b.org", "82:TCP")
    found = listener(planned(text), "0.0.0.0_82")
    assert tcp_clusters(found.filter_chains[0]) == [("outbound|82||a.org", 1)]
    assert problems(text) == [
        'ServiceEntry/default/b spec.ports[0]: ServiceEntry/default/a already has the connections to "0.0.0.0:82", '
        "so this port gets none of them; give the service an address of its own [MG0103]"
    ]


def test_tls_without_an_address_is_told_by_sni() -> None:
    found = listener(
        planned(entry("a", "a.org", "443:TLS") + entry("b", "'*.b.org'", "443:HTTPS", resolution="NONE")), "0.0.0.0_443"
    )
    assert [chain.match for chain in found.filter_chains] == [
        FilterChainMatch(server_names=("*.b.org",)),
        FilterChainMatch(server_names=("a.org",)),
    ]
    assert found.listener_filters == (TlsInspectorFilter(initial_read_buffer_size=512),)
    assert tcp_clusters(found.default_filter_chain) == [("PassthroughCluster", 1)]


def test_ranges_share_a_listener() -> None:
    text = entry("a", "a.org", "90:TCP", addresses="10.1.2.3/16", resolution="NONE")
    text += entry("b", "b.org", "90:TCP", addresses="10.1.0.0/24", resolution="NONE")
    text += entry("c", "c.org", "90:TCP", addresses="10.1.9.9/16", resolution="NONE")
    found = listener(planned(text), "0.0.0.0_90")
    assert [(chain.match, tcp_clusters(chain)) for chain in found.filter_chains] == [
        (
            FilterChainMatch(prefix_ranges=(CidrRange(address="10.1.2.3", prefix_length=16),)),
            [("outbound|90||a.org", 1)],
        ),
        (
            FilterChainMatch(prefix_ranges=(CidrRange(address="10.1.0.0", prefix_length=24),)),
            [("outbound|90||b.org", 1)],
        ),
    ]
    assert tcp_clusters(found.default_filter_chain) == [("PassthroughCluster", 1)]


def test_http_and_other_bytes_on_one_port() -> None:
    found = listener(planned(entry("t", "t.org", "80:TCP") + service("a", "http:80", ip="10.96.0.1")), "0.0.0.0_80")
    assert [chain.match for chain in found.filter_chains] == [HTTP]
    assert tcp_clusters(found.default_filter_chain) == [("outbound|80||t.org", 1)]


def test_headless_services_listen_at_the_addresses_of_their_pods() -> None:
    text = service("db", "tcp:5432", ip="None") + endpoint_slice("db", "tcp:5432", "10.0.0.3", "10.0.0.100")
    assert listener_names(planned(text)) == ["10.0.0.3_5432"]
    assert listener_names(planned(service("db", "tcp:5432", ip="None"))) == []
    plan = planned(text.replace("tcp", "tls"))
    assert listener(plan, "10.0.0.3_5432").filter_chains[0].match is None


def test_a_plain_entry_without_resolution_takes_everything() -> None:
    assert listener_names(planned(entry("a", "a.org", "90:TCP", resolution="NONE"))) == ["0.0.0.0_90"]
    listed = entry("a", "a.org", "90:TCP", resolution="NONE", rest=", workloadSelector: {labels: {a: b}}")
    assert listener_names(planned(listed)) == []


def test_two_families_of_addresses() -> None:
    both = msgspec.structs.replace(SIDECAR, addresses=("10.0.0.1", "fd00::1"))
    found = listener(planned(service("a", "http:80", ip="10.96.0.1"), both), "0.0.0.0_80")
    assert found.additional_addresses == (SocketAddress(address="::", port=80),)
    six = msgspec.structs.replace(SIDECAR, addresses=("fd00::1",))
    assert listener_names(planned(service("a", "http:80", ip="fd00::9"), six)) == ["::_80"]


def rule(body: str, hosts: str = "db") -> str:
    return istio("VirtualService", "vs", f"{{hosts: [{hosts}], {body}}}")


DB = service("db", "tcp:5432", ip="10.96.0.9") + service("new", "tcp:5432", ip="10.96.0.8")


@pytest.mark.parametrize(
    ("tcp_rules", "expected"),
    [
        pytest.param("[{route: [{destination: {host: new}}]}]", [f"outbound|5432||new.{LOCAL}"], id="all"),
        pytest.param(
            "[{match: [{port: 1}], route: [{destination: {host: new}}]}]", [f"outbound|5432||db.{LOCAL}"], id="port"
        ),
        pytest.param(
            "[{match: [{sourceLabels: {app: client}}], route: [{destination: {host: new}}]}]",
            [f"outbound|5432||new.{LOCAL}"],
            id="labels",
        ),
        pytest.param(
            "[{match: [{sourceLabels: {app: other}}], route: [{destination: {host: new}}]}]",
            [f"outbound|5432||db.{LOCAL}"],
            id="other labels",
        ),
        pytest.param(
            "[{match: [{gateways: [gw]}], route: [{destination: {host: new}}]}]",
            [f"outbound|5432||db.{LOCAL}"],
            id="a gateway",
        ),
    ],
)
def test_tcp_rules(tcp_rules: str, expected: list[str]) -> None:
    (chain,) = listener(planned(DB + rule(f"tcp: {tcp_rules}")), "10.96.0.9_5432").filter_chains
    assert [name for name, _ in tcp_clusters(chain)] == expected


def test_tcp_rules_for_some_destinations() -> None:
    some = "[{match: [{destinationSubnets: [10.5.0.0/16]}], route: [{destination: {host: new}}]}]"
    found = listener(planned(DB + rule(f"tcp: {some}")), "10.96.0.9_5432")
    assert [chain.match for chain in found.filter_chains] == [
        FilterChainMatch(prefix_ranges=(CidrRange(address="10.5.0.0", prefix_length=16),))
    ]
    assert tcp_clusters(found.default_filter_chain) == [(f"outbound|5432||db.{LOCAL}", 1)]
    same = entry("r", "r.org", "90:TCP", addresses="10.5.0.0/16", resolution="NONE") + rule(f"tcp: {some}", "r.org")
    (only,) = listener(planned(same), "0.0.0.0_90").filter_chains
    assert tcp_clusters(only) == [(f"outbound|90||new.{LOCAL}", 1)]


def test_tls_rules() -> None:
    tls = """tls: [
      {match: [{port: 443, sniHosts: [a.org], sourceLabels: {app: other}}], route: [{destination: {host: other.org}}]},
      {match: [{port: 443, sniHosts: [a.org]}], route: [{destination: {host: web}}]},
      {match: [{sniHosts: [a.org]}], route: [{destination: {host: never}}]},
      {match: [{sniHosts: [x.a.org], destinationSubnets: [10.5.0.0/16]}], route: [{destination: {host: web}}]}]"""
    text = entry("a", "a.org, '*.a.org'", "443:TLS", resolution="NONE") + service("web", "tls:443", ip="10.96.0.1")
    found = listener(planned(text + rule(tls, "a.org, x.a.org")), "0.0.0.0_443")
    chains = {chain.match: tcp_clusters(chain)[0][0] for chain in found.filter_chains}
    assert chains[FilterChainMatch(server_names=("a.org",))] == f"outbound|443||web.{LOCAL}"
    ranged = FilterChainMatch(
        server_names=("x.a.org",), prefix_ranges=(CidrRange(address="10.5.0.0", prefix_length=16),)
    )
    assert chains[ranged] == f"outbound|443||web.{LOCAL}"
    for_others = listener(planned(text + rule(tls, "a.org, x.a.org"), with_labels(SIDECAR, app="other")), "0.0.0.0_443")
    assert tcp_clusters(for_others.filter_chains[0]) == [("outbound|443||other.org", 1)]


def test_an_sni_is_one_rules() -> None:
    """Envoy refuses a listener with a name in two chains; the rule that comes later keeps its other names."""
    both = (
        "{hosts: [a.org, b.org], tls: [{match: [{sniHosts: [a.org, b.org]}], route: [{destination: {host: a.org}}]}]}"
    )
    one = "{hosts: [a.org], tls: [{match: [{sniHosts: [a.org]}], route: [{destination: {host: b.org}}]}]}"
    entries = entry("a", "a.org, b.org", "443:TLS", resolution="NONE")
    text = entries + istio("VirtualService", "a", both) + istio("VirtualService", "b", one)
    (chain,) = listener(planned(text), "0.0.0.0_443").filter_chains
    assert chain.match == FilterChainMatch(server_names=("a.org", "b.org"))
    (told,) = [each for each in problems(text) if "IST0130" in each]
    assert "VirtualService/default/b spec.tls[0]" in told
    assert 'VirtualService/default/a comes first and has the connections to "a.org" on port 443' in told
    text = entries + istio("VirtualService", "b", both) + istio("VirtualService", "a", one)
    found = listener(planned(text), "0.0.0.0_443").filter_chains
    assert {chain.match.server_names: tcp_clusters(chain)[0][0] for chain in found if chain.match} == {
        ("a.org",): "outbound|443||b.org",
        ("b.org",): "outbound|443||a.org",
    }


def test_settings_of_connections_come_from_the_rule_of_the_service() -> None:
    policy = (
        "trafficPolicy: {connectionPool: {tcp: {idleTimeout: 7s}}, loadBalancer: {consistentHash: {useSourceIp: true}}}"
    )
    plan = planned(DB + istio("DestinationRule", "db", f"{{host: db, {policy}}}"))
    proxy = tcp(listener(plan, "10.96.0.9_5432").filter_chains[0])
    assert (proxy.idle_timeout, proxy.hash_source_ip) == (timedelta(seconds=7), True)
    plan = planned(
        DB
        + istio("DestinationRule", "n", f"{{host: new, {policy}}}")
        + rule("tcp: [{route: [{destination: {host: new}}]}]")
    )
    assert tcp(listener(plan, "10.96.0.9_5432").filter_chains[0]).idle_timeout == timedelta(seconds=7)


def test_settings_of_subsets_and_ports_say_nothing_of_connections() -> None:
    """Istio reads idle time and length of connections for the whole host only, and hashing for a single subset."""
    spec = """
  host: db
  trafficPolicy:
    connectionPool: {tcp: {maxConnectionDuration: 9s}}
    loadBalancer: {consistentHash: {useSourceIp: true}}
    portLevelSettings: [{port: {number: 5432}, connectionPool: {tcp: {idleTimeout: 1s}}}]
  subsets: [{name: v1, trafficPolicy: {connectionPool: {tcp: {idleTimeout: 2s}}, loadBalancer: {simple: RANDOM}}}]
"""
    text = DB + istio("DestinationRule", "db", spec)
    own = tcp(listener(planned(text), "10.96.0.9_5432").filter_chains[0])
    assert (own.idle_timeout, own.max_connection_duration, own.hash_source_ip) == (None, timedelta(seconds=9), True)
    to_subset = text + rule("tcp: [{route: [{destination: {host: db, subset: v1}}]}]")
    single = tcp(listener(planned(to_subset), "10.96.0.9_5432").filter_chains[0])
    assert (single.idle_timeout, single.hash_source_ip) == (None, False)


def test_connections_by_weight() -> None:
    routes = "[{destination: {host: db, subset: v1}, weight: 0}, {destination: {host: db, subset: v2}, weight: 3}]"
    plan = planned(DB + rule(f"tcp: [{{route: {routes}}}]"))
    (chain,) = listener(plan, "10.96.0.9_5432").filter_chains
    assert tcp_clusters(chain) == [(f"outbound|5432|v2|db.{LOCAL}", 3)]
    assert (tcp(chain).is_weighted, tcp(chain).stat_prefix) == (True, "vs.default")


def test_mongodb_is_looked_into() -> None:
    plan = planned(service("a", "mongo:85", ip="10.96.0.1"))
    (chain,) = listener(plan, "10.96.0.1_85").filter_chains
    first, _ = chain.filters
    assert isinstance(first, MongoProxyPlan)
    assert first.stat_prefix == f"outbound|85||a.{LOCAL}"


def test_a_service_that_lost_its_host_has_no_listeners() -> None:
    text = service("a", "http:80", ip="10.96.0.1") + entry("squat", f"a.{LOCAL}", "90:TCP")
    plan = planned(text)
    assert listener_names(plan) == ["0.0.0.0_80"]
    assert cluster_names(plan) == [f"outbound|80||a.{LOCAL}"]


def test_udp_ports_are_none_of_a_proxys_business() -> None:
    text = service("dns", "dns:53", ip="10.96.0.1").replace("port: 53", "port: 53, protocol: UDP")
    plan = planned(text)
    assert (listener_names(plan), cluster_names(plan)) == ([], [])


def test_tls_to_an_alias_is_told_by_its_names() -> None:
    alias = service("alias", extra="type: ExternalName\n  externalName: a.org")
    (chain,) = listener(planned(entry("a", "a.org", "443:TLS") + alias), "0.0.0.0_443").filter_chains
    assert chain.match == FilterChainMatch(
        server_names=("a.org", f"alias.{LOCAL}", "alias.default", "alias.default.svc")
    )
