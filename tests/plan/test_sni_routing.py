"""AUTO_PASSTHROUGH: services by SNI."""

from __future__ import annotations

from meshgate.plan import load_assignments
from meshgate.plan.values import FilterChainMatch, SocketAddress, TlsInspectorFilter
from tests.mesh.objects import endpoint_slice, istio, pod, service, snapshot
from tests.plan.gateway_objects import LOCAL, gateway, server
from tests.plan.planned import (
    PLAIN,
    ROUTER,
    cluster,
    cluster_names,
    listener,
    listener_names,
    planned,
    problems,
    tcp_clusters,
)

ALPN = ("istio", "istio-peer-exchange", "istio-http/1.0", "istio-http/1.1", "istio-h2")
WEB = service("web", "http:80:8080", ip="10.96.0.1", selector="web")
AUTO = ", tls: {mode: AUTO_PASSTHROUGH}"
GATEWAY = gateway(server(15443, "TLS", "'*.local'", rest=AUTO))
SNI = f"outbound_.80_._.web.{LOCAL}"
SUBSET = f"outbound_.80_.v1_.web.{LOCAL}"
RULE = istio("DestinationRule", "web", f"{{host: web.{LOCAL}, subsets: [{{name: v1, labels: {{version: v1}}}}]}}")
OUTSIDE = istio(
    "ServiceEntry",
    "outside",
    "{hosts: [outside.local], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}]}",
)


def test_a_chain_for_each_service_and_subset() -> None:
    text = WEB + service("dns", "udp-dns:53:53", ip="10.96.0.2") + OUTSIDE + RULE + GATEWAY
    found = listener(planned(text, ROUTER), "0.0.0.0_15443")
    assert found.listener_filters == (TlsInspectorFilter(initial_read_buffer_size=512),)
    assert {
        chain.match: tcp_clusters(chain) for chain in found.filter_chains if SNI in str(chain) or SUBSET in str(chain)
    } == {FilterChainMatch(server_names=(name,), application_protocols=ALPN): [(name, 1)] for name in (SNI, SUBSET)}
    assert all(chain.tls is None for chain in found.filter_chains)
    assert not any("outside" in str(chain.match) for chain in found.filter_chains), "what is outside of the mesh"


def test_the_servers_hosts_decide() -> None:
    text = WEB + gateway(server(15443, "TLS", "'*.org'", rest=AUTO))
    assert listener_names(planned(text, ROUTER)) == []
    assert problems(text, ROUTER) == []
    assert cluster_names(planned(text, ROUTER), "outbound_.") == []


def test_clusters_pass_on_what_is_encrypted() -> None:
    plan = planned(WEB + RULE + GATEWAY, ROUTER)
    assert cluster_names(plan, "outbound_.") == [SNI, SUBSET]
    found = cluster(plan, SNI)
    assert (found.alt_stat_name, found.http, found.tls, found.tls_choices) == (f"{SNI};", None, None, ())
    assert cluster(plan, f"outbound|80||web.{LOCAL}").tls_choices != ()


def test_only_workloads_that_take_mutual_tls_are_reached() -> None:
    text = WEB + GATEWAY + endpoint_slice("web", "http:8080", "10.0.0.1", "10.0.0.2")
    labelled = {"app": "web", "security.istio.io/tlsMode": "istio"}
    given = snapshot(text + pod("web-1", "10.0.0.1", **labelled) + pod("web-2", "10.0.0.2", app="web"), PLAIN)
    made = {one.cluster: one for one in load_assignments(given.endpoints, planned(text, ROUTER).clusters)}
    addresses = [one.address for group in made[SNI].localities for one in group.endpoints]
    assert addresses == [SocketAddress(address="10.0.0.1", port=8080)]


def test_two_servers_of_one_port_do_not_double_chains() -> None:
    both = gateway(server(15443, "TLS", "'*.local'", rest=AUTO), server(15443, "HTTPS", "'*.cluster.local'", rest=AUTO))
    chains = listener(planned(WEB + both, ROUTER), "0.0.0.0_15443").filter_chains
    assert [chain.match.server_names for chain in chains if chain.match] == [(SNI,)]
