"""Laws, on random meshes: a memo changes nothing, order changes nothing, what is named exists, names are unique."""

from __future__ import annotations

import random
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.api import AnyResource, Problem
from meshgate.mesh import build
from meshgate.plan import Memo, Plan, Proxy, load_assignments, names, plan
from meshgate.plan.values import (
    FilterChainMatch,
    FilterChainPlan,
    ForwardAction,
    HttpConnectionManagerPlan,
    RdsReference,
    RouteConfigurationPlan,
    TcpProxyPlan,
)
from tests.mesh.objects import endpoint_slice, istio, pod, resources, service
from tests.plan.planned import PLAIN, ROUTER, SIDECAR, in_namespace, with_labels

PROXIES = (SIDECAR, ROUTER, in_namespace(with_labels(SIDECAR, app="web", version="v1"), "shop"))

SERVER = "{{port: {{number: {}, name: p{}, protocol: {}}}, hosts: [{}]{}{}}}"
REDIRECT, SECURE = ", tls: {httpsRedirect: true}", ", tls: {mode: SIMPLE, credentialName: c}"
THROUGH = ", tls: {mode: PASSTHROUGH}"
SERVERS = st.builds(
    lambda number, protocol, host, rest, bind: SERVER.format(number, number, protocol, host, rest, bind),
    st.sampled_from([80, 81, 31400]),
    st.sampled_from(["HTTP", "TCP", "GRPC", "GRPC-WEB", "MONGO", "HTTPS", "TLS"]),
    st.sampled_from(["'*'", "a.org", "'shop/*'", "'*.org'"]),
    st.sampled_from(["", REDIRECT, SECURE, THROUGH]),
    st.sampled_from(["", ", bind: 10.0.0.9"]),
).filter(
    lambda server: (
        ("HTTPS}" in server or "TLS}" in server) == (SECURE in server or THROUGH in server)
        and not (REDIRECT in server and "HTTP}" not in server)
    )
)
HOSTS = st.sampled_from(
    ["web", "cart", "a.org", "'*.org'", "web.shop.svc.cluster.local", "'*.svc.cluster.local'", "nobody"]
)
SUBSETS = st.sampled_from(["", ", subset: v1", ", subset: v9"])
DESTINATIONS = st.builds(
    lambda host, subset: f"{{host: {host}{subset}}}", HOSTS.filter(lambda h: "*" not in h), SUBSETS
)
MATCHES = st.sampled_from(
    [
        "",
        ", match: [{uri: {prefix: /a}}]",
        ", match: [{port: 81}]",
        ", match: [{sourceLabels: {app: web}}]",
        ", match: [{gateways: [gw]}]",
        ", match: [{uri: {regex: '.*'}}]",
        ", match: [{uri: {prefix: /a/b}, headers: {x: {}}}]",
        ", match: [{uri: {exact: /a}, sourceNamespace: shop}]",
    ]
)
PLACES = st.tuples(st.sampled_from(["default", "shop"]), st.sampled_from(["a", "b", "c"]))
GATEWAYS = st.sampled_from(["mesh", "default/a", "default/a, mesh", "shop/b"])
AGES = st.sampled_from(["", "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"])


def _services(place: tuple[str, str], port: str, ip: int) -> str:
    address = "None" if ip == 0 else f"10.96.0.{ip}"
    name = {"a": "web", "b": "cart", "c": "db"}[place[1]]
    found = service(name, port, ip=address, namespace=place[0], selector=name)
    return found + endpoint_slice(name, f"{port.split(':')[0]}:8080", f"10.0.{ip}.1", namespace=place[0])


def _entries(place: tuple[str, str], host: str, port: str, resolution: str, address: str) -> str:
    number, protocol = port.split(":")
    ports = f"[{{number: {number}, name: p, protocol: {protocol}}}]"
    spec = f"{{hosts: [{host}], ports: {ports}, resolution: {resolution}{address}}}"
    return istio("ServiceEntry", place[1], spec, namespace=place[0])


def _virtual_services(place: tuple[str, str], host: str, gateways: str, rule: str, age: str) -> str:
    return istio(
        "VirtualService",
        place[1],
        f"{{hosts: [{host}], gateways: [{gateways}], {rule}}}",
        namespace=place[0],
        created=age,
    )


def _tls_rules(place: tuple[str, str], names: str, gateways: str, to: str, age: str) -> str:
    rule = f"tls: [{{match: [{{sniHosts: [{names}]}}], route: [{{destination: {to}}}]}}]"
    return _virtual_services(place, "'*.org'", gateways, rule, age)


def _destination_rules(place: tuple[str, str], host: str, rest: str) -> str:
    return istio("DestinationRule", place[1], f"{{host: {host}{rest}}}", namespace=place[0])


RULES = st.one_of(
    st.builds(lambda match, to: f"http: [{{route: [{{destination: {to}}}]{match}}}]", MATCHES, DESTINATIONS),
    st.builds(
        lambda match, to, other: (
            f"http: [{{route: [{{destination: {to}, weight: 1}}, {{destination: {other}}}]{match}}}]"
        ),
        MATCHES,
        DESTINATIONS,
        DESTINATIONS,
    ),
    st.builds(lambda match, place: f"http: [{{delegate: {{name: d, namespace: {place[0]}}}{match}}}]", MATCHES, PLACES),
    st.builds(lambda to: f"tcp: [{{route: [{{destination: {to}}}]}}]", DESTINATIONS),
)
TEXTS = st.one_of(
    st.builds(
        _services, PLACES, st.sampled_from(["http:80", "tcp:80", "auto:81", "tls:443", "grpc:81"]), st.integers(0, 3)
    ),
    st.builds(
        _entries,
        PLACES,
        st.sampled_from(["a.org", "b.org", "'*.org'"]),
        st.sampled_from(["80:HTTP", "80:TCP", "81:''", "443:TLS"]),
        st.sampled_from(["NONE", "STATIC"]),
        st.sampled_from(["", ", addresses: [10.9.0.1]", ", addresses: [10.9.0.0/16]", ", exportTo: ['.']"]),
    ),
    st.builds(
        _virtual_services,
        PLACES,
        HOSTS,
        GATEWAYS,
        RULES,
        AGES,
    ),
    st.builds(
        _tls_rules,
        PLACES,
        st.sampled_from(["a.org", "'*.org'", "a.org, b.org"]),
        GATEWAYS,
        DESTINATIONS,
        AGES,
    ),
    st.builds(
        lambda place, match, to: istio(
            "VirtualService", "d", f"{{http: [{{route: [{{destination: {to}}}]{match}}}]}}", namespace=place[0]
        ),
        PLACES,
        MATCHES.filter(lambda match: "sourceNamespace" not in match and "gateways" not in match),
        DESTINATIONS,
    ),
    st.builds(
        _destination_rules,
        PLACES,
        HOSTS,
        st.sampled_from(
            [
                "",
                ", subsets: [{name: v1}]",
                ", trafficPolicy: {tls: {mode: SIMPLE}}",
                ", workloadSelector: {matchLabels: {app: web}}",
            ]
        ),
    ),
    st.builds(
        lambda place, servers, age: istio(
            "Gateway", place[1], f"{{servers: [{', '.join(servers)}]}}", namespace=place[0], created=age
        ),
        PLACES,
        st.lists(SERVERS, min_size=1, max_size=2, unique_by=lambda server: server.split(",")[0]),
        AGES,
    ),
    st.just(pod("web-1", "10.0.1.1", app="web")),
)
"""Objects, one each."""


def _objects(text: str) -> tuple[AnyResource, ...]:
    return resources(text)


MESHES = st.lists(TEXTS.map(_objects), max_size=12).map(
    lambda given: tuple({one.ref: one for objects in given for one in objects}.values())
)


def planned(
    objects: tuple[AnyResource, ...], proxy: Proxy, memo: Memo | None = None
) -> tuple[Plan, tuple[Problem, ...]]:
    return plan(build(objects, PLAIN, memo)[0], proxy, memo)


@pytest.mark.slow
@given(st.lists(MESHES, min_size=1, max_size=4))
def test_a_memo_changes_nothing(meshes: list[tuple[AnyResource, ...]]) -> None:
    memo = Memo()
    for objects in (*meshes, *meshes):
        for proxy in PROXIES:
            assert planned(objects, proxy, memo) == planned(objects, proxy)


@pytest.mark.slow
@given(MESHES, st.integers())
def test_order_changes_nothing(objects: tuple[AnyResource, ...], seed: int) -> None:
    shuffled = tuple(random.Random(seed).sample(objects, len(objects)))
    for proxy in PROXIES:
        assert planned(objects, proxy) == planned(shuffled, proxy)


def chains(made: Plan) -> Iterator[FilterChainPlan]:
    for listener in made.listeners:
        yield from listener.filter_chains
        if listener.default_filter_chain is not None:
            yield listener.default_filter_chain


def inline_and_named(made: Plan) -> Iterator[RouteConfigurationPlan]:
    yield from made.route_configurations
    for chain in chains(made):
        for one in chain.filters:
            if isinstance(one, HttpConnectionManagerPlan) and isinstance(one.routes, RouteConfigurationPlan):
                yield one.routes


def referenced_clusters(made: Plan) -> set[str]:
    found = set()
    for chain in chains(made):
        for one in chain.filters:
            if isinstance(one, TcpProxyPlan):
                found |= {target.cluster for target in one.clusters}
    for configuration in inline_and_named(made):
        for host in configuration.virtual_hosts:
            for route in host.routes:
                if isinstance(route.action, ForwardAction):
                    found |= {target.cluster for target in route.action.clusters}
    return found


@pytest.mark.slow
@given(MESHES)
def test_every_reference_leads_somewhere_or_is_reported(objects: tuple[AnyResource, ...]) -> None:
    snapshot, problems = build(objects, PLAIN)
    reported = " ".join(str(problem) for problem in problems)
    for proxy in PROXIES:
        made, _ = plan(snapshot, proxy)
        present = {cluster.name for cluster in made.clusters}
        for name in referenced_clusters(made) - present:
            parsed = names.parse_cluster(name)
            assert parsed is not None, name
            assert f'"{parsed[3]}"' in reported, name
        wanted = {
            one.routes.name
            for chain in chains(made)
            for one in chain.filters
            if isinstance(one, HttpConnectionManagerPlan) and isinstance(one.routes, RdsReference)
        }
        assert wanted == {configuration.name for configuration in made.route_configurations}
        eds = {cluster.name for cluster in made.clusters if cluster.type == "EDS"}
        assert {one.cluster for one in load_assignments(snapshot.endpoints, made.clusters)} == eds


def _by_name(match: FilterChainMatch | None) -> list[FilterChainMatch | None]:
    """The match once for each SNI: no name may be in two."""
    names = match.server_names if match else ()
    return [msgspec.structs.replace(match, server_names=(name,)) for name in names] if match and names else [match]


@pytest.mark.slow
@given(MESHES)
def test_envoy_could_take_it(objects: tuple[AnyResource, ...]) -> None:
    for proxy in PROXIES:
        made, problems = planned(objects, proxy)
        assert not any(problem.is_error for problem in problems)
        for values in (made.listeners, made.route_configurations, made.clusters):
            found = [value.name for value in values]
            assert found == sorted(set(found))
        for listener in made.listeners:
            matches = [one for chain in listener.filter_chains for one in _by_name(chain.match)]
            assert len(matches) == len(set(matches)) > 0
        addresses = [listener.address for listener in made.listeners]
        assert len(addresses) == len(set(addresses))
        for configuration in inline_and_named(made):
            domains = [domain for host in configuration.virtual_hosts for domain in host.domains]
            assert len(domains) == len(set(domains)) > 0
            hosts = [host.name for host in configuration.virtual_hosts]
            assert len(hosts) == len(set(hosts))


@pytest.mark.slow
@given(MESHES)
def test_objects_that_nobody_sees_change_nothing(objects: tuple[AnyResource, ...]) -> None:
    hidden = resources(
        istio(
            "ServiceEntry",
            "x",
            "{hosts: [x.com], ports: [{number: 80, name: http, protocol: HTTP}], exportTo: ['.']}",
            namespace="far",
        )
        + istio(
            "VirtualService",
            "x",
            "{hosts: [web], exportTo: ['.'], http: [{route: [{destination: {host: y}}]}]}",
            namespace="far",
        )
        + istio("DestinationRule", "x", "{host: web.default.svc.cluster.local, exportTo: ['.']}", namespace="far")
    )
    for proxy in PROXIES:
        assert planned(objects, proxy)[0] == planned((*objects, *hidden), proxy)[0]


@pytest.mark.slow
@given(MESHES, st.lists(SERVERS, min_size=1, max_size=3, unique_by=lambda server: server.split(",")[0]))
def test_a_younger_gateway_takes_nothing_away(objects: tuple[AnyResource, ...], servers: list[str]) -> None:
    """It may add listeners, chains and hosts; what listened before listens on, with the same chains among others."""
    text = istio("Gateway", "youngest", f"{{servers: [{', '.join(servers)}]}}", created="2030-01-01T00:00:00Z")
    before, _ = planned(objects, ROUTER)
    after, _ = planned((*objects, *resources(text)), ROUTER)
    chains = {listener.name: listener.filter_chains for listener in after.listeners}
    for listener in before.listeners:
        assert set(listener.filter_chains) <= set(chains[listener.name])
    hosts = {configuration.name: len(configuration.virtual_hosts) for configuration in after.route_configurations}
    assert {configuration.name for configuration in before.route_configurations} <= set(hosts)
