"""What a Sidecar makes of a proxy's listeners, routes and clusters."""

from __future__ import annotations

import pytest

from meshgate.api import InboundMode, InboundTrafficPolicy, MeshConfig, OutboundTrafficPolicy
from meshgate.mesh import Facts, Memo
from meshgate.plan import Plan, plan
from meshgate.plan.values import (
    DirectResponseAction,
    ForwardAction,
    HttpConnectionManagerPlan,
    PipeAddress,
    SocketAddress,
)
from tests.mesh.objects import istio, service, snapshot
from tests.plan.planned import (
    SIDECAR,
    cluster,
    cluster_names,
    clusters_of,
    configuration,
    host_names,
    in_namespace,
    listener,
    listener_names,
    manager,
    mesh,
    planned,
    problems,
    tcp_clusters,
    virtual_host,
    with_labels,
)

WEB = service("web", "http:80", "tcp-a:9000", ip="10.96.0.1")
CART = service("cart", "http:80", "grpc:8080", "tls-b:443", namespace="shop", ip="10.96.0.2")
SERVICES = WEB + CART


def sidecar(spec: str, namespace: str = "default") -> str:
    return istio("Sidecar", "own", spec, namespace=namespace)


def egress(*listeners: str) -> str:
    return sidecar(f"{{egress: [{', '.join(f'{{{one}}}' for one in listeners)}]}}")


def outbound(made: Plan) -> list[str]:
    return [name.removesuffix(".svc.cluster.local") for name in cluster_names(made)]


def test_only_what_is_seen_has_listeners_routes_and_clusters() -> None:
    made = planned(SERVICES + egress("hosts: ['./*']"))
    assert listener_names(made) == ["0.0.0.0_80", "10.96.0.1_9000"]
    assert host_names(made, "80") == ["web.default.svc.cluster.local:80", "allow_any"]
    assert outbound(made) == ["outbound|80||web.default", "outbound|9000||web.default"]


def test_a_listener_of_its_own_keeps_others_from_its_port() -> None:
    made = planned(SERVICES + egress("port: {number: 80, protocol: HTTP}, hosts: ['shop/*']", "hosts: ['./*']"))
    assert listener_names(made) == ["0.0.0.0_80", "10.96.0.1_9000"]
    assert host_names(made, "80") == ["cart.shop.svc.cluster.local:80", "allow_any"]
    assert outbound(made) == ["outbound|80||cart.shop", "outbound|80||web.default", "outbound|9000||web.default"]


@pytest.mark.parametrize(
    ("place", "name", "is_bound"),
    [
        ("captureMode: NONE", "127.0.0.1_80", True),
        ("bind: 127.0.0.2, captureMode: NONE", "127.0.0.2_80", True),
        ("bind: 10.1.1.1", "10.1.1.1_80", False),
    ],
)
def test_where_a_listener_listens(place: str, name: str, is_bound: bool) -> None:
    made = planned(SERVICES + egress(f"port: {{number: 80, protocol: HTTP}}, {place}, hosts: ['./*']"))
    assert listener_names(made) == [name]
    assert listener(made, name).bind_to_port is is_bound


def test_all_ports_of_services_bound_to_the_loopback_address() -> None:
    made = planned(SERVICES + egress("captureMode: NONE, hosts: ['./*']"))
    assert {name: listener(made, name).bind_to_port for name in listener_names(made)} == {
        "127.0.0.1_80": True,
        "127.0.0.1_9000": True,
    }


def test_a_unix_socket_serves_all_ports() -> None:
    made = planned(SERVICES + egress("port: {protocol: HTTP}, bind: 'unix:///run/out', hosts: ['shop/*']"))
    (name,) = listener_names(made)
    assert name == "unix:///run/out_0"
    assert listener(made, name).address == PipeAddress(path="/run/out")
    assert listener(made, name).bind_to_port
    routes = configuration(made, "unix:///run/out")
    assert not routes.ignore_port_in_host
    domains = {
        host.name.split(".")[0] + ":" + host.name.rpartition(":")[2]: host.domains for host in routes.virtual_hosts
    }
    assert domains["cart:8080"][:2] == ("cart.shop.svc.cluster.local:8080", "cart.shop.svc.cluster.local.:8080")
    assert {"cart.shop", "cart.shop:80"} <= set(domains["cart:80"])
    assert "cart:443" not in domains
    assert clusters_of(virtual_host(made, routes.name, "cart.shop.svc.cluster.local:8080").routes[0]) == [
        "outbound|8080||cart.shop.svc.cluster.local"
    ]


def test_an_http_proxy_serves_all_ports() -> None:
    proxy = "port: {number: 15080, protocol: HTTP_PROXY}, bind: 127.0.0.1, captureMode: NONE, hosts: ['*/*']"
    made = planned(SERVICES + egress(proxy))
    assert listener_names(made) == ["127.0.0.1_15080"]
    assert host_names(made, "15080") == [
        "cart.shop.svc.cluster.local:80",
        "cart.shop.svc.cluster.local:8080",
        "web.default.svc.cluster.local:80",
        "allow_any",
    ]


def test_bytes_on_a_port_of_the_sidecar() -> None:
    made = planned(SERVICES + egress("port: {number: 9000, protocol: TCP}, hosts: ['./*']"))
    assert listener_names(made) == ["0.0.0.0_9000"]
    (only,) = listener(made, "0.0.0.0_9000").filter_chains
    assert tcp_clusters(only) == [("outbound|9000||web.default.svc.cluster.local", 1)]


def test_sniffed_bytes_on_an_address_of_the_sidecar() -> None:
    made = planned(SERVICES + egress("port: {number: 9000}, bind: 127.0.0.1, captureMode: NONE, hosts: ['./*']"))
    assert [one.name for one in made.route_configurations] == ["web.default.svc.cluster.local:9000"]
    socket = "port: {protocol: ''}, bind: 'unix:///s', hosts: ['./*']"
    assert [one.name for one in planned(WEB + egress(socket)).route_configurations] == ["unix:///s"]


@pytest.mark.parametrize(
    ("policy", "expected", "host"),
    [
        ("{mode: REGISTRY_ONLY}", "BlackHoleCluster", "block_all"),
        ("{}", "BlackHoleCluster", "block_all"),
        ("{mode: ALLOW_ANY}", "PassthroughCluster", "allow_any"),
        (
            "{mode: ALLOW_ANY, egressProxy: {host: proxy.org, subset: v1, port: {number: 3128}}}",
            "outbound|3128|v1|proxy.org",
            "allow_any",
        ),
    ],
)
def test_what_becomes_of_the_rest(policy: str, expected: str, host: str) -> None:
    made = planned(SERVICES + sidecar(f"{{outboundTrafficPolicy: {policy}}}"))
    assert tcp_clusters(listener(made, "virtualOutbound").filter_chains[-1]) == [(expected, 1)]
    assert tcp_clusters(listener(made, "0.0.0.0_80").default_filter_chain) == [(expected, 1)]
    action = virtual_host(made, "80", host).routes[0].action
    assert isinstance(action, ForwardAction if host == "allow_any" else DirectResponseAction)


def test_the_mesh_decides_where_the_sidecar_says_nothing() -> None:
    refused = mesh(outbound_traffic_policy=OutboundTrafficPolicy())
    made = planned(SERVICES + egress("hosts: ['./*']"), facts=refused)
    assert host_names(made, "80")[-1] == "block_all"
    allowed = planned(SERVICES + sidecar("{outboundTrafficPolicy: {mode: ALLOW_ANY}}"), facts=refused)
    assert host_names(allowed, "80")[-1] == "allow_any"


def test_a_sidecar_is_for_the_workloads_that_it_selects() -> None:
    text = SERVICES + sidecar("{workloadSelector: {labels: {app: a}}, egress: [{hosts: ['./*']}]}")
    assert len(outbound(planned(text, with_labels(SIDECAR, app="a")))) == 2
    assert len(outbound(planned(text, with_labels(SIDECAR, app="b")))) == 5
    assert len(outbound(planned(text, in_namespace(with_labels(SIDECAR, app="a"), "shop")))) == 5


def test_proxies_that_see_the_same_share_their_outbound_part() -> None:
    made = snapshot(SERVICES + sidecar("{egress: [{hosts: ['shop/*']}]}", namespace="istio-system"))
    memo = Memo()
    first, second = (plan(made, in_namespace(SIDECAR, name), memo)[0] for name in ("one", "two"))
    assert first.parts[0] is second.parts[0]


INGRESS = "{port: {number: 9080, name: http, protocol: HTTP}"


def ingress(rest: str, more: str = "") -> Plan:
    backend = service("app", "http:80:9080", "admin:81:9081", selector="client")
    return planned(backend + sidecar(f"{{ingress: [{INGRESS}{rest}}}]{more}}}"))


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("127.0.0.1:8080", SocketAddress(address="127.0.0.1", port=8080)),
        ("0.0.0.0:8080", SocketAddress(address="10.0.0.100", port=8080)),
        ("[::1]:8080", SocketAddress(address="127.0.0.1", port=8080)),
        ("[::]:8080", SocketAddress(address="::1", port=8080)),
        ("unix:///app/socket", PipeAddress(path="/app/socket")),
        ("unix://@socket", PipeAddress(path="@socket")),
    ],
)
def test_where_requests_are_delivered(endpoint: str, address: SocketAddress | PipeAddress) -> None:
    made = cluster(ingress(f", defaultEndpoint: '{endpoint}'"), "inbound|9080||")
    assert made.type == "STATIC"
    assert made.load_assignment is not None
    assert made.load_assignment.localities[0].endpoints[0].address == address
    assert made.bind_address == ("127.0.0.6" if endpoint.startswith("0.0.0.0") else "")
    assert [one.host for one in made.services] == ["app.default.svc.cluster.local"]


@pytest.mark.parametrize("endpoint", ["", ":9080"])
def test_requests_are_delivered_to_the_address_that_was_called(endpoint: str) -> None:
    assert cluster(ingress(f", defaultEndpoint: '{endpoint}'"), "inbound|9080||").type == "ORIGINAL_DST"
    local = Facts(mesh=MeshConfig(inbound_traffic_policy=InboundTrafficPolicy(mode=InboundMode.LOCALHOST)))
    made = planned(sidecar(f"{{ingress: [{INGRESS}}}]}}"), facts=local)
    assert cluster(made, "inbound|9080||").type == "ORIGINAL_DST"


def test_ports_of_services_are_those_of_the_sidecar_then() -> None:
    made = ingress("")
    chains = [one for one in listener(made, "virtualInbound").filter_chains if one.match and one.match.destination_port]
    names = {one.name: str(one.origin) for one in chains if one.name != "virtualInbound-blackhole"}
    assert names == {"10.0.0.100_9080": "Sidecar/default/own spec.ingress[0]"}
    assert cluster_names(made, "inbound|") == ["inbound|9080||"]
    routes = manager(chains[-1]).routes
    assert routes.virtual_hosts[0].routes[0].operation == "own.default:9080/*"  # type: ignore[union-attr]  # inline


def test_a_port_without_a_service_is_told_nobody() -> None:
    made = planned(sidecar(f"{{ingress: [{INGRESS}, bind: 10.9.9.9}}]}}"))
    assert cluster(made, "inbound|9080||").services == ()
    assert "10.9.9.9_9080" in [one.name for one in listener(made, "virtualInbound").filter_chains]


POOL = "connectionPool: {tcp: {maxConnections: 7}}"


def test_limits_of_a_port_go_before_those_of_the_sidecar() -> None:
    def limit(made: Plan, port: int) -> int | None:
        breakers = cluster(made, f"inbound|{port}||").circuit_breakers
        return breakers.max_connections if breakers else None

    rest = ", inboundConnectionPool: {tcp: {maxConnections: 3}}"
    assert limit(ingress(f", {POOL}", rest), 9080) == 7
    assert limit(ingress("", rest), 9080) == 3
    backend = service("app", "http:80:9080", "admin:81:9081", selector="client")
    rule = istio("DestinationRule", "app", "{host: app, trafficPolicy: {connectionPool: {tcp: {maxConnections: 5}}}}")
    assert limit(planned(backend + rule), 9081) == 5
    assert limit(planned(backend + rule + sidecar(f"{{{rest.removeprefix(', ')}}}")), 9081) == 3


def disabled(port: int) -> str:
    spec = f"{{selector: {{matchLabels: {{app: client}}}}, portLevelMtls: {{{port}: {{mode: DISABLE}}}}}}"
    return istio("PeerAuthentication", "own", spec)


TLS = "tls: {mode: MUTUAL, serverCertificate: /c, privateKey: /k, caCertificates: /ca}"


@pytest.mark.parametrize(("protocol", "is_http"), [("HTTPS", True), ("TLS", False)])
def test_tls_of_a_sidecar_ends_where_the_meshs_is_off(protocol: str, is_http: bool) -> None:
    port = f"{{port: {{number: 9443, protocol: {protocol}}}, defaultEndpoint: '127.0.0.1:8080', {TLS}}}"
    made = planned(sidecar(f"{{ingress: [{port}]}}") + disabled(9443))
    (chain,) = [one for one in listener(made, "virtualInbound").filter_chains if one.name == "10.0.0.100_9443"]
    assert chain.match is not None
    assert chain.match.transport_protocol == "tls"
    assert chain.tls is not None
    assert [one.name for one in chain.tls.certificates] == ["file-cert:/c~/k"]
    assert chain.tls.require_client_certificate
    assert isinstance(chain.filters[-1], HttpConnectionManagerPlan) is is_http


def test_tls_of_a_sidecar_that_is_not_used_is_told() -> None:
    port = f"{{port: {{number: 9443, protocol: HTTPS}}, {TLS}}}"
    (told,) = problems(sidecar(f"{{ingress: [{port}]}}"))
    assert told.startswith("Sidecar/default/own spec.ingress[0].tls: the port takes the mesh's mutual TLS (PERMISSIVE)")
    made = planned(sidecar(f"{{ingress: [{port}]}}"))
    chains = [one for one in listener(made, "virtualInbound").filter_chains if one.name == "10.0.0.100_9443"]
    assert {one.match.transport_protocol for one in chains if one.match} == {"tls", "raw_buffer"}
    assert problems(sidecar(f"{{ingress: [{port}]}}") + disabled(9443)) == []


def test_tls_that_a_sidecar_passes_on() -> None:
    port = "{port: {number: 9443, protocol: TLS}, tls: {mode: PASSTHROUGH}}"
    made = planned(sidecar(f"{{ingress: [{port}]}}") + disabled(9443))
    (chain,) = [one for one in listener(made, "virtualInbound").filter_chains if one.name == "10.0.0.100_9443"]
    assert (chain.tls, chain.match.transport_protocol if chain.match else "") == (None, "raw_buffer")


def test_a_port_that_is_called_at_its_own_address() -> None:
    port = f"{INGRESS}, bind: 10.0.0.9, captureMode: NONE, defaultEndpoint: '127.0.0.1:8080'}}"
    made = planned(sidecar(f"{{ingress: [{port}]}}"))
    bound = listener(made, "10.0.0.9_9080")
    assert (bound.address, bound.bind_to_port) == (SocketAddress(address="10.0.0.9", port=9080), True)
    assert bound.direction == "INBOUND"
    assert all(chain.match is None or chain.match.destination_port is None for chain in bound.filter_chains)
    names = [one.name for one in listener(made, "virtualInbound").filter_chains]
    assert "10.0.0.9_9080" not in names
