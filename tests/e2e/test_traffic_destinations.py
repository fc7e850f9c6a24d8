"""What DestinationRules do, and TCP rules: by requests and connections of a sidecar and of a gateway."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest
import yaml

from tests.e2e.answers import Answer
from tests.e2e.manifests import istio
from tests.e2e.mesh import wait_until
from tests.e2e.traffic_mesh import SUBSETS, TrafficMesh, destination_rule, virtual_services

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

WEB = "http://web:8000"
COOKIE = "loadBalancer: {consistentHash: {httpCookie: {name: chosen, ttl: 60s, path: /}}}"
"""How the web's servers are chosen, one way at a time."""


def instances(answers: list[Answer]) -> set[str]:
    assert {answer.status for answer in answers} == {200}
    return {answer.instance for answer in answers}


def asked(traffic: TrafficMesh, number: int, *arguments: str, path: str = "/") -> set[str]:
    """Which servers answer a sidecar's requests."""
    return instances(traffic.sleep.get_all(*[(WEB + path, *arguments)] * number))


def test_a_hash_of_a_header_sticks(traffic: TrafficMesh) -> None:
    policy = "loadBalancer: {consistentHash: {httpHeaderName: x-user, minimumRingSize: 512}}"
    with traffic.applied([destination_rule("web", "web", policy)]):
        assert len(asked(traffic, 12, "-H", "x-user: one")) == 1
        many = [(WEB, "-H", f"x-user: {number}") for number in range(40)]
        assert len(instances(traffic.sleep.get_all(*many))) == 3


def test_a_hash_of_a_query_parameter_sticks(traffic: TrafficMesh) -> None:
    policy = "loadBalancer: {consistentHash: {httpQueryParameterName: user, maglev: {tableSize: 1021}}}"
    with traffic.applied([destination_rule("web", "web", policy)]):
        assert len(asked(traffic, 12, path="/?user=one")) == 1
        many = [(f"{WEB}/?user={number}",) for number in range(40)]
        assert len(instances(traffic.sleep.get_all(*many))) == 3


def test_a_hash_of_the_source_address_sticks(traffic: TrafficMesh) -> None:
    with traffic.applied([destination_rule("web", "web", "loadBalancer: {consistentHash: {useSourceIp: true}}")]):
        assert len(asked(traffic, 12)) == 1


def test_a_cookie_is_made_and_sticks(traffic: TrafficMesh) -> None:
    with traffic.applied([destination_rule("web", "web", COOKIE)]):
        first = traffic.sleep.get(WEB)
        cookie = first.headers["set-cookie"]
        assert cookie.startswith('chosen="')
        assert "Max-Age=60; Path=/; HttpOnly" in cookie
        assert asked(traffic, 12, "-H", f"Cookie: {cookie.split(';')[0]}") == {first.instance}


def test_a_rule_for_some_clients_leaves_others_alone(traffic: TrafficMesh) -> None:
    policy = "loadBalancer: {consistentHash: {useSourceIp: true}}"
    selected = {"workloadSelector": {"matchLabels": {"app": "sleep"}}}
    with traffic.applied([destination_rule("web", "web", policy, **selected)]):
        assert len(asked(traffic, 12)) == 1
        others = traffic.other.get_all(*[(WEB,)] * 30)
        assert len(instances(others)) == 3


@pytest.mark.parametrize("name", ["ROUND_ROBIN", "LEAST_REQUEST", "RANDOM"])
def test_simple_balancers_ask_every_server(traffic: TrafficMesh, name: str) -> None:
    with traffic.applied([destination_rule("web", "web", f"loadBalancer: {{simple: {name}}}")]):
        counted = traffic.sleep.count(90, WEB)
    assert len(counted) == 3
    if name == "ROUND_ROBIN":
        assert max(counted.values()) - min(counted.values()) <= 8


def test_a_full_connection_pool_refuses_at_one_port_only(traffic: TrafficMesh) -> None:
    full = "{tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1}}"
    policy = f"portLevelSettings: [{{port: {{number: 8000}}, connectionPool: {full}}}]"
    with traffic.applied([destination_rule("web", "web", policy)]):
        refused = Counter(status for status, _, _ in traffic.sleep.many(20, f"{WEB}/delay/0.3"))
        served = Counter(status for status, _, _ in traffic.sleep.many(20, "http://web:80/delay/0.1"))
    assert set(refused) == {200, 503}
    assert set(served) == {200}


def test_a_failing_server_is_ejected(traffic: TrafficMesh) -> None:
    policy = "outlierDetection: {consecutive5xxErrors: 2, interval: 1s, baseEjectionTime: 3m, maxEjectionPercent: 50}"
    with traffic.applied([destination_rule("web", "web", policy)]):

        def is_ejected() -> bool:
            statuses = {answer.status for answer in traffic.sleep.get_all(*[(f"{WEB}/status/500/web-v2",)] * 12)}
            return statuses == {200}

        wait_until(is_ejected, "the server that fails is asked no more")


def test_subsets_have_policies_of_their_own(traffic: TrafficMesh) -> None:
    hashed = yaml.safe_load("{loadBalancer: {consistentHash: {useSourceIp: true}}}")
    subsets = [{**SUBSETS[0], "trafficPolicy": hashed}, SUBSETS[1]]
    rule = """
- {match: [{uri: {prefix: /v2}}], route: [{destination: {host: web, subset: v2}}]}
- {route: [{destination: {host: web, subset: v1}}]}
"""
    route = istio("VirtualService", "web", {"hosts": ["web"], "http": yaml.safe_load(rule)})
    with traffic.applied([istio("DestinationRule", "web", {"host": "web", "subsets": subsets}), route]):
        (one,) = asked(traffic, 10)
        (two,) = asked(traffic, 10, path="/v2")
    assert (one[:6], two[:6]) == ("web-v1", "web-v2")


SAY = """
import socket, sys
for _ in range(int(sys.argv[3])):
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10) as connection:
        connection.sendall(b"hello\\n")
        print(connection.makefile().readline().strip())
"""


def said(traffic: TrafficMesh, number: int, pod: str = "sleep") -> Counter[str]:
    done = traffic.mesh.exec(f"deploy/{pod}", "python3", "-c", SAY, "echo", "9000", str(number))
    assert done.returncode == 0, done
    return Counter(done.stdout.splitlines())


ECHO_SUBSETS = istio("DestinationRule", "echo", {"host": "echo", "subsets": SUBSETS})


def tcp(text: str) -> list[dict[str, object]]:
    return [ECHO_SUBSETS, istio("VirtualService", "echo", {"hosts": ["echo"], "tcp": yaml.safe_load(text)})]


def test_tcp_is_shared_by_weights(traffic: TrafficMesh) -> None:
    shares = """
- route:
  - {destination: {host: echo, subset: v1}, weight: 80}
  - {destination: {host: echo, subset: v2}, weight: 20}
"""
    with traffic.applied(tcp(shares)):
        counted = said(traffic, 200)
    assert set(counted) == {"one hello", "two hello"}
    assert abs(counted["two hello"] / 2 - 20) <= 10


def test_tcp_is_chosen_by_source_port_and_address(traffic: TrafficMesh) -> None:
    chosen = """
- match: [{port: 9000, sourceLabels: {app: other}}]
  route: [{destination: {host: echo, subset: v2}}]
- match: [{port: 9000, destinationSubnets: [10.0.0.0/8]}]
  route: [{destination: {host: echo, subset: v1}}]
"""
    with traffic.applied(tcp(chosen)):
        assert set(said(traffic, 5)) == {"one hello"}
        assert set(said(traffic, 5, "other")) == {"two hello"}
    with traffic.applied(tcp(chosen.replace("10.0.0.0/8", "192.0.2.0/24"))):
        assert set(said(traffic, 30)) == {"one hello", "two hello"}, "no rule is for this address"


def test_the_proxy_protocol_goes_to_the_server(traffic: TrafficMesh) -> None:
    with traffic.applied([destination_rule("echo", "echo", "proxyProtocol: {version: V1}")]):
        (line,) = said(traffic, 1)
    assert re.fullmatch(r"(one|two) PROXY TCP4 10[.].* 9000", line), line


@pytest.fixture
def gateway_cookie(traffic: TrafficMesh) -> Iterator[None]:
    rules = {"sticky": "[{route: [{destination: {host: web, port: {number: 8000}}}]}]"}
    with traffic.applied([destination_rule("web", "web", COOKIE), *virtual_services(rules)]):
        yield


@pytest.mark.usefixtures("gateway_cookie")
def test_a_gateway_sticks_to_a_server_by_cookie(traffic: TrafficMesh) -> None:
    first = traffic.outside.get("http://sticky.test/")
    cookie = ("-H", f"Cookie: {first.headers['set-cookie'].split(';')[0]}")
    assert instances(traffic.outside.get_all(*[("http://sticky.test/", *cookie)] * 12)) == {first.instance}
    assert len(instances(traffic.outside.get_all(*[("http://sticky.test/",)] * 30))) == 3
