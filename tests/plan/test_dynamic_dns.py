"""Wildcard hosts that are looked up when they are called."""

from __future__ import annotations

import pytest

from meshgate.plan import Plan
from meshgate.plan.values import DynamicForwardProxyFilter, SniLookup
from tests.mesh.objects import istio, service
from tests.plan.planned import (
    ROUTER,
    cluster,
    cluster_names,
    clusters_of,
    listener,
    manager,
    planned,
    tcp,
    virtual_host,
)

CACHE = "*.wiki.org_dfp_dns_cache"


def entry(*ports: str, host: str = "*.wiki.org", name: str = "wiki") -> str:
    given = (one.split(":") for one in ports)
    listed = ", ".join(f"{{name: {kind.lower()}, number: {number}, protocol: {kind}}}" for kind, number in given)
    return istio("ServiceEntry", name, f"{{hosts: ['{host}'], ports: [{listed}], resolution: DYNAMIC_DNS}}")


def caches(made: Plan, name: str) -> list[str]:
    filters = manager(listener(made, name).filter_chains[0]).http_filters
    return [one.dns_cache for one in filters if isinstance(one, DynamicForwardProxyFilter)]


def test_http_is_looked_up_by_the_host_of_the_request() -> None:
    made = planned(entry("HTTP:80"))
    found = cluster(made, "outbound|80||*.wiki.org")
    assert (found.type, found.lb_policy) == ("DYNAMIC_FORWARD_PROXY", "CLUSTER_PROVIDED")
    assert found.dynamic_forward_proxy is not None
    assert found.dynamic_forward_proxy.dns_cache == CACHE
    assert caches(made, "0.0.0.0_80") == [CACHE]
    host = virtual_host(made, "80", "*.wiki.org:80")
    assert (host.domains, clusters_of(host.routes[0])) == (("*.wiki.org",), ["outbound|80||*.wiki.org"])


def test_tls_is_looked_up_by_its_sni() -> None:
    made = planned(entry("TLS:443"))
    (chain,) = listener(made, "0.0.0.0_443").filter_chains
    assert chain.match is not None
    assert chain.match.server_names == ("*.wiki.org",)
    assert tcp(chain).sni_lookup == SniLookup(dns_cache=CACHE, port=443)
    assert tcp(chain).clusters[0].cluster == "outbound|443||*.wiki.org"


def test_what_says_no_name_is_not_looked_up() -> None:
    text = istio(
        "ServiceEntry",
        "wiki",
        "{hosts: ['*.wiki.org'], ports: [{name: tls, number: 443, protocol: TLS}], resolution: DYNAMIC_DNS}",
    )
    assert cluster_names(planned(text)) == ["outbound|443||*.wiki.org"]
    static = text.replace("DYNAMIC_DNS", "NONE")
    assert tcp(listener(planned(static), "0.0.0.0_443").filter_chains[0]).sni_lookup is None


def test_a_listener_looks_up_what_is_on_its_port() -> None:
    more = entry("HTTP:80", "GRPC:8080", host="*.a.com", name="more") + service("web", "http:80", "http-b:8081")
    made = planned(entry("HTTP:80") + more)
    assert caches(made, "0.0.0.0_80") == ["*.a.com_dfp_dns_cache", CACHE]
    assert caches(made, "0.0.0.0_8080") == ["*.a.com_dfp_dns_cache"]
    assert caches(made, "0.0.0.0_8081") == []
    socket = "{egress: [{port: {protocol: HTTP}, bind: 'unix:///s', hosts: ['*/*']}]}"
    made = planned(entry("HTTP:80") + more + istio("Sidecar", "own", socket))
    assert caches(made, "unix:///s_0") == ["*.a.com_dfp_dns_cache", CACHE]


@pytest.mark.parametrize(
    ("destination", "is_looked_up"),
    [("'*.wiki.org', port: {number: 443}", True), ("web, port: {number: 8443}", False)],
)
def test_a_rule_may_send_there(destination: str, is_looked_up: bool) -> None:
    route = f"tls: [{{match: [{{sniHosts: ['*.wiki.org']}}], route: [{{destination: {{host: {destination}}}}}]}}]"
    text = entry("TLS:443") + service("web", "tls:8443")
    made = planned(text + istio("VirtualService", "wiki", f"{{hosts: ['*.wiki.org'], {route}}}"))
    (chain,) = listener(made, "0.0.0.0_443").filter_chains
    assert (tcp(chain).sni_lookup is not None) is is_looked_up


def test_gateways_look_nothing_up() -> None:
    text = entry("TLS:443") + istio(
        "Gateway",
        "out",
        "{selector: {istio: ingressgateway}, servers: [{port: {number: 443, name: tls, protocol: TLS}, "
        "hosts: ['*.wiki.org'], tls: {mode: PASSTHROUGH}}]}",
    )
    route = "tls: [{match: [{sniHosts: ['*.wiki.org']}], route: [{destination: {host: '*.wiki.org'}}]}]"
    rule = istio("VirtualService", "wiki", f"{{hosts: ['*.wiki.org'], gateways: [out], {route}}}")
    made = planned(text + rule, ROUTER)
    assert tcp(listener(made, "0.0.0.0_443").filter_chains[0]).sni_lookup is None
