"""What each cell says: names, matches, destinations, certificates, in istioctl's words."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from meshgate.explain.dump import (
    ClusterFilter,
    Dump,
    EndpointFilter,
    Hosts,
    ListenerFilter,
    RouteFilter,
    cluster_json,
    cluster_table,
    host_json,
    host_table,
    listener_json,
    listener_table,
    load_assignment_table,
    route_json,
    route_table,
    secret_table,
    section_json,
    version_lines,
    whole_json,
)
from meshgate.explain.dump.sections import DumpFault
from tests.explain.dump.dumps import NOW, certificate, dump, host, hosts, http, secret, secrets, tcp
from tests.explain.dump.recorded import recorded_dump, recorded_hosts


def names(filter_: ClusterFilter) -> list[str]:
    return [str(each["name"]) for each in cluster_json(recorded_dump(), filter_) if isinstance(each, dict)]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        pytest.param(ClusterFilter(fqdn="store"), ["outbound|6379||store.default.svc.cluster.local"], id="fqdn"),
        pytest.param(ClusterFilter(direction="inbound"), ["inbound|8080||"], id="direction"),
        pytest.param(ClusterFilter(subset="v1"), ["outbound|80|v1|web.default.svc.cluster.local"], id="subset"),
        pytest.param(ClusterFilter(port=443, fqdn="api"), ["outbound|443||api.example.com"], id="port"),
        pytest.param(ClusterFilter(port=44), [], id="no part of a port"),
    ],
)
def test_clusters_are_filtered_by_parts_of_their_names(wanted: ClusterFilter, found: list[str]) -> None:
    assert names(wanted) == found
    assert len(cluster_table(recorded_dump(), wanted).rows) == len(found)


def test_clusters_sort_by_host_subset_and_port_as_a_number() -> None:
    given = ["outbound|443||b", "outbound|80||b", "outbound|80|v1|b", "inbound|80||b", "outbound|9||a", "z"]
    table = cluster_table(dump(clusters=[{"name": name} for name in given]), kinds=True)
    assert [row[0] for row in table.rows] == [
        "cluster/outbound|9||a",
        "cluster/inbound|80||b",
        "cluster/outbound|80||b",
        "cluster/outbound|443||b",
        "cluster/outbound|80|v1|b",
        "cluster/z",
    ]


def test_a_cluster_of_an_extension_has_the_extensions_name() -> None:
    table = cluster_table(dump(clusters=[{"name": "d", "cluster_type": {"name": "envoy.clusters.dynamic"}}]))
    assert table.rows == (("d", "-", "-", "-", "envoy.clusters.dynamic", ""),)


@pytest.mark.parametrize(
    ("match", "text"),
    [
        pytest.param({}, "ALL", id="nothing"),
        pytest.param({"server_names": ["a.b", "*.c"]}, "SNI: a.b,*.c", id="names"),
        pytest.param({"transport_protocol": "tls", "application_protocols": ["x"]}, "Trans: tls; App: x", id="both"),
        pytest.param({"application_protocols": ["istio-peer-exchange", "istio"]}, "App: TCP TLS", id="word"),
        pytest.param(
            {"application_protocols": ["http/1.0", "http/1.1", "h2c"], "destination_port": 80},
            "App: HTTP; Addr: *:80",
            id="port",
        ),
        pytest.param(
            {"prefix_ranges": [{"address_prefix": "10.0.0.0", "prefix_len": 8}], "destination_port": 80},
            "Addr: 10.0.0.0/8:80",
            id="range",
        ),
        pytest.param(
            {"prefix_ranges": [{"address_prefix": "0.0.0.0", "prefix_len": 0}, {"address_prefix": "::"}]},
            "Addr: 0.0.0.0/0,::/0",
            id="ranges",
        ),
    ],
)
def test_what_a_chain_matches(match: Mapping[str, object], text: str) -> None:
    listener = {"filter_chains": [{"filter_chain_match": match, **tcp(cluster="c")}]}
    [row] = listener_table(dump(listeners=[listener])).rows
    assert row[2] == text


TO_ONE = {"virtual_hosts": [{"domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "in"}}]}]}
TWO_HOSTS = {
    "virtual_hosts": [
        {"domains": ["a", "b"], "routes": [{"match": {"path": "/x"}}, {"match": {"prefix": "/y"}}]},
        {"domains": ["*"], "routes": [{"match": {"prefix": "/"}}]},
    ]
}


@pytest.mark.parametrize(
    ("chain", "destination", "kind"),
    [
        pytest.param(tcp(cluster="outbound|1||a"), "Cluster: outbound|1||a", "TCP", id="cluster"),
        pytest.param(tcp(cluster="PassthroughCluster"), "PassthroughCluster", "TCP", id="Istio's own"),
        pytest.param(tcp(cluster="BlackHoleCluster"), "Non-HTTP/Non-TCP", "UNKNOWN", id="black hole"),
        pytest.param(
            tcp(weighted_clusters={"clusters": [{"name": "a", "weight": 20}, {"name": "b", "weight": 80}]}),
            "Clusters: a (20), b (80)",
            "TCP",
            id="shares",
        ),
        pytest.param(http(rds={"route_config_name": "80"}), "Route: 80", "HTTP", id="routes"),
        pytest.param(http(route_config=TO_ONE), "Cluster: in", "HTTP", id="all to one"),
        pytest.param(http(route_config=TWO_HOSTS), "Inline Route: a/b /x, /y*; /*", "HTTP", id="written there"),
        pytest.param(http(), "HTTP", "HTTP", id="http and nothing said"),
        pytest.param({"filters": []}, "Non-HTTP/Non-TCP", "UNKNOWN", id="nothing"),
    ],
)
def test_where_a_chain_goes(chain: Mapping[str, object], destination: str, kind: str) -> None:
    read = dump(listeners=[{"default_filter_chain": chain}])
    [row] = listener_table(read).rows
    assert row[3] == destination
    [brief] = listener_table(read, verbose=False).rows
    assert brief[2] == kind


def test_addresses_of_a_listener() -> None:
    def at(address: str, port: int) -> Mapping[str, object]:
        return {"socket_address": {"address": address, "port_value": port}}

    both = {"name": "b", "address": at("0.0.0.0", 80), "additional_addresses": [{"address": at("::", 80)}]}
    pipe = {"name": "p", "address": {"pipe": {"path": "/run/x"}}}
    given = [{**both, "filter_chains": [tcp(cluster="c")]}, {**pipe, "filter_chains": [tcp(cluster="c")]}]
    table = listener_table(dump(listeners=given), kinds=True)
    assert [row[:3] for row in table.rows] == [("listener/p", "/run/x", "0"), ("listener/b", "0.0.0.0,::", "80")]
    assert len(listener_table(dump(listeners=given), ListenerFilter(address="::")).rows) == 1


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        pytest.param(ListenerFilter(port=15001), ["virtualOutbound"], id="port"),
        pytest.param(ListenerFilter(address="10.96.0.8"), ["10.96.0.8_6379"], id="address"),
        pytest.param(ListenerFilter(type="tcp", port=6379), ["10.96.0.8_6379"], id="type"),
        pytest.param(ListenerFilter(type="HTTP", port=6379), [], id="another type"),
    ],
)
def test_listeners_are_filtered(wanted: ListenerFilter, found: list[str]) -> None:
    assert [each["name"] for each in listener_json(recorded_dump(), wanted) if isinstance(each, dict)] == found


def test_routes_by_port_and_what_is_hidden() -> None:
    def to(cluster: str, **match: object) -> Mapping[str, object]:
        return {"match": match, "route": {"cluster": cluster}}

    odd = {"filter_metadata": {"istio": {"config": "/somewhere/else"}}}
    given: list[Mapping[str, object]] = [
        {"name": "http.8080"},
        {"name": "443", "virtual_hosts": [{"name": "none", "domains": []}]},
        {
            "name": "80",
            "virtual_hosts": [
                {
                    "name": "v",
                    "domains": ["[::1]", "[::1]:80", "b"],
                    "routes": [
                        to("PassthroughCluster", prefix="/"),
                        {**to("c", path_separated_prefix="/get"), "metadata": odd},
                        {"match": {"path": "/old"}, "redirect": {}},
                    ],
                }
            ],
        },
    ]
    assert route_table(dump(routes=given)).rows == (
        ("80", "v", "[::1], b", "/get/*", "<unknown>"),
        ("80", "v", "[::1], b", "/old", ""),
        ("443", "none", "", "/*", "404"),
    )
    assert route_table(dump(routes=given), verbose=False, kinds=True).rows == (
        ("route/80", "1"),
        ("route/443", "1"),
        ("route/http.8080", "0"),
    )
    assert [row[0] for row in route_table(dump(routes=given), RouteFilter(name="443")).rows] == ["443"]


def test_endpoints_sort_and_say_how_they_are() -> None:
    pipe = {"address": {"pipe": {"path": "/run/x"}}}
    given = hosts({"b": [host("10.0.0.2", 80), host("10.0.0.1", 443, "UNHEALTHY", failed=True)], "a": [pipe]})
    assert host_table(given).rows == (
        ("10.0.0.1:443", "UNHEALTHY", "FAILED", "b"),
        ("10.0.0.2:80", "HEALTHY", "OK", "b"),
        ("unix:///run/x", "UNKNOWN", "OK", "a"),
    )
    assert [row[0] for row in host_table(given, EndpointFilter(status="unhealthy")).rows] == ["10.0.0.1:443"]
    assert [row[0] for row in host_table(given, EndpointFilter(cluster="B", port=80)).rows] == ["10.0.0.2:80"]
    assert [
        each["name"] for each in host_json(given, EndpointFilter(address="10.0.0.2")) if isinstance(each, dict)
    ] == ["b"]


def test_assigned_endpoints_are_filtered_too() -> None:
    table = load_assignment_table(
        recorded_dump(), EndpointFilter(port=8080, cluster="outbound|80|v1|web.default.svc.cluster.local")
    )
    assert len(table.rows) == 1


def test_json_is_in_lower_camel_case_without_the_type() -> None:
    [cluster] = cluster_json(recorded_dump(), ClusterFilter(fqdn="store"))
    assert isinstance(cluster, dict)
    assert {"name", "edsClusterConfig", "connectTimeout"} <= cluster.keys()
    assert "@type" not in cluster
    [route] = route_json(recorded_dump(), RouteFilter(name="80"))
    assert isinstance(route, dict)
    assert "virtualHosts" in route
    [status] = host_json(recorded_hosts(), EndpointFilter(cluster="agent"))
    assert isinstance(status, dict)
    assert "hostStatuses" in status
    assert "dynamicActiveSecrets" in section_json(recorded_dump(), "SecretsConfigDump")
    assert "bootstrap" in section_json(recorded_dump(), "BootstrapConfigDump")
    whole = whole_json(recorded_dump())
    assert isinstance(whole, dict)
    assert "configs" in whole


SPIFFE = "URI:spiffe://mesh.example/ns/shop/sa/web"


def test_certificates_of_a_workload_a_gateway_and_roots() -> None:
    own = certificate(0xAB, SPIFFE) + certificate(0x1CD, ca=True, issuer="root")
    roots = certificate(1, ca=True) + certificate(2, ca=True, days=-1)
    server = certificate(7, "DNS:shop.example.com", "IP:10.0.0.1", "email:a@b.c")
    read = secrets(
        dynamic_active_secrets=[
            secret("kubernetes://shop", chain=server),
            secret("default", chain=own),
            secret("ROOTCA", roots=roots),
        ]
    )
    after, expired, before = "2026-12-02T00:00:00Z", "2026-11-30T00:00:00Z", "2026-11-22T00:00:00Z"
    assert secret_table(read, NOW).rows == (
        ("ROOTCA", "CA", "ACTIVE", "true", "01", after, before, ""),
        ("ROOTCA", "CA", "ACTIVE", "false", "02", expired, before, ""),
        ("default", "Cert Chain", "ACTIVE", "true", "ab", after, before, "mesh.example"),
        ("kubernetes://shop", "Cert Chain", "ACTIVE", "true", "07", after, before, ""),
    )
    wide = [(row[0], row[4], *row[8:]) for row in secret_table(read, NOW, wide=True, kinds=True).rows]
    assert wide[2:] == [
        ("secret/default", "ab", "CN=number 171", "O=issuer", SPIFFE),
        ("secret/default", "01cd", "CN=number 461", "O=root", ""),
        ("secret/kubernetes://shop", "07", "CN=number 7", "O=issuer", "DNS:shop.example.com,IP:10.0.0.1,email:a@b.c"),
    ]


def test_secrets_that_are_not_there_or_cannot_be_read() -> None:
    broken = b"-----BEGIN CERTIFICATE-----\nbm90aGluZw==\n-----END CERTIFICATE-----\n"
    read = secrets(
        dynamic_warming_secrets=[secret("kubernetes://missing"), {"name": "default", "version_info": "uninitialized"}],
        dynamic_active_secrets=[secret("kubernetes://broken", chain=broken)],
    )
    assert [row[:4] for row in secret_table(read, NOW).rows] == [
        ("default", "", "UNINITIALIZED", "false"),
        ("kubernetes://broken", "", "ACTIVE", "false"),
        ("kubernetes://missing", "", "WARMING", "false"),
    ]
    table = secret_table(read, NOW, wide=True)
    assert {len(row) for row in table.rows} == {len(table.columns)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(b"hello", "this is no configuration dump: ", id="no JSON"),
        pytest.param(b'{"configs": [{"x": 1}]}', "this is no configuration dump: ", id="no type"),
        pytest.param(b"{}", "this configuration dump has no ClustersConfigDump", id="no section"),
        pytest.param(
            b'{"configs": [{"@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump", "static_clusters": 1}]}',
            "this configuration dump cannot be read: ",
            id="another shape",
        ),
    ],
)
def test_what_is_no_dump(text: bytes, said: str) -> None:
    with pytest.raises(DumpFault, match=said) as fault:
        cluster_table(Dump(text))
    assert "/config_dump" in fault.value.hint


def test_what_another_envoy_has() -> None:
    read = dump(
        clusters=[{"name": "a", "transport_socket": {"typed_config": {"@type": "type.googleapis.com/istio.X"}}}]
    )
    assert len(cluster_table(read).rows) == 1
    with pytest.raises(DumpFault, match=r"something that the API of this Envoy has not: .*istio\.X"):
        cluster_json(read)


def test_what_is_no_list_of_clusters() -> None:
    with pytest.raises(DumpFault, match="this is no list of clusters: ") as fault:
        Hosts(b"[]")
    assert "format=json" in fault.value.hint


def test_versions_of_a_build_with_a_label() -> None:
    build = {"version": {"major_number": 1, "patch": 2}, "metadata": {"build.label": "dev", "build.type": "DEBUG"}}
    section = {"bootstrap": {"node": {"user_agent_build_version": build}}}
    typed = {"@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump", **section}
    text = json.dumps({"configs": [typed]}).encode()
    assert version_lines(Dump(text)) == (("Envoy Version:", "1.0.2-dev/DEBUG"),)
