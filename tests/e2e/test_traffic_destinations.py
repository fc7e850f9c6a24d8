"""What DestinationRules do, and TCP rules: by requests and connections of a sidecar and of a gateway.

Each rule has a Service of its own, all of them in front of the same servers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest
import yaml

from tests.e2e.answers import Answer
from tests.e2e.manifests import Object, istio, service
from tests.e2e.mesh import wait_until
from tests.e2e.traffic_mesh import SUBSETS, TrafficMesh, destination_rule, virtual_services

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

COOKIE = "loadBalancer: {consistentHash: {httpCookie: {name: chosen, ttl: 60s, path: /}}}"
BY_SOURCE = "loadBalancer: {consistentHash: {useSourceIp: true}}"
FULL = "{tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1}}"
POLICIES = {
    "by-header": "loadBalancer: {consistentHash: {httpHeaderName: x-user, minimumRingSize: 512}}",
    "by-query": "loadBalancer: {consistentHash: {httpQueryParameterName: user, maglev: {tableSize: 1021}}}",
    "by-source": BY_SOURCE,
    "by-cookie": COOKIE,
    "round-robin": "loadBalancer: {simple: ROUND_ROBIN}",
    "least-request": "loadBalancer: {simple: LEAST_REQUEST}",
    "random": "loadBalancer: {simple: RANDOM}",
    "full": f"portLevelSettings: [{{port: {{number: 8000}}, connectionPool: {FULL}}}]",
    "ejecting": "outlierDetection: {consecutive5xxErrors: 2, interval: 1s, maxEjectionPercent: 50}",
}
BY_PATH = """
- {match: [{uri: {prefix: /v2}}], route: [{destination: {host: by-subset, subset: v2}}]}
- {route: [{destination: {host: by-subset, subset: v1}}]}
"""
TCP = {
    "echo-shares": """
- route:
  - {destination: {host: echo-shares, subset: v1}, weight: 80}
  - {destination: {host: echo-shares, subset: v2}, weight: 20}
""",
    "echo-chosen": """
- match: [{port: 9000, sourceLabels: {app: other}}]
  route: [{destination: {host: echo-chosen, subset: v2}}]
- match: [{port: 9000, destinationSubnets: [10.0.0.0/8]}]
  route: [{destination: {host: echo-chosen, subset: v1}}]
""",
    "echo-elsewhere": """
- match: [{port: 9000, destinationSubnets: [192.0.2.0/24]}]
  route: [{destination: {host: echo-elsewhere, subset: v1}}]
""",
}


def rules() -> Iterator[Object]:
    """All Services with their rules."""
    for name, policy in POLICIES.items():
        yield web(name)
        yield destination_rule(name, name, policy)
    yield web("by-client")
    yield destination_rule("by-client", "by-client", BY_SOURCE, workloadSelector={"matchLabels": {"app": "sleep"}})
    yield web("by-subset")
    hashed = {**SUBSETS[0], "trafficPolicy": yaml.safe_load(BY_SOURCE)}
    yield istio("DestinationRule", "by-subset", {"host": "by-subset", "subsets": [hashed, SUBSETS[1]]})
    yield istio("VirtualService", "by-subset", {"hosts": ["by-subset"], "http": yaml.safe_load(BY_PATH)})
    for name, text in TCP.items():
        yield service(name, {"tcp": 9000}, "echo")
        yield istio("DestinationRule", name, {"host": name, "subsets": SUBSETS})
        yield istio("VirtualService", name, {"hosts": [name], "tcp": yaml.safe_load(text)})
    yield service("echo-proxied", {"tcp": 9000}, "echo")
    # the header comes before TLS, which a sidecar does not take for TLS then: as in Istio it goes without
    yield destination_rule("echo-proxied", "echo-proxied", "{proxyProtocol: {version: V1}, tls: {mode: DISABLE}}")
    yield from virtual_services({"sticky": "[{route: [{destination: {host: by-cookie, port: {number: 8000}}}]}]"})


def web(name: str) -> Object:
    return service(name, {"http": 80, "http-8000": 8000}, "web", target=8000)


@pytest.fixture(scope="module", autouse=True)
def _applied(traffic: TrafficMesh) -> Iterator[None]:
    with traffic.applied(list(rules())):
        yield


def instances(answers: list[Answer]) -> set[str]:
    assert {answer.status for answer in answers} == {200}
    return {answer.instance for answer in answers}


def asked(traffic: TrafficMesh, number: int, url: str, *arguments: str) -> set[str]:
    """Which servers answer a sidecar's requests."""
    return instances(traffic.sleep.get_all(*[(url, *arguments)] * number))


def test_a_hash_of_a_header_sticks(traffic: TrafficMesh) -> None:
    url = "http://by-header:8000"
    answers = traffic.sleep.get_all(
        *[(url, "-H", "x-user: one")] * 12, *[(url, "-H", f"x-user: {number}") for number in range(40)]
    )
    assert (len(instances(answers[:12])), len(instances(answers[12:]))) == (1, 3)


def test_a_hash_of_a_query_parameter_sticks(traffic: TrafficMesh) -> None:
    url = "http://by-query:8000"
    answers = traffic.sleep.get_all(
        *[(f"{url}/?user=one",)] * 12, *[(f"{url}/?user={number}",) for number in range(40)]
    )
    assert (len(instances(answers[:12])), len(instances(answers[12:]))) == (1, 3)


def test_a_hash_of_the_source_address_sticks(traffic: TrafficMesh) -> None:
    assert len(asked(traffic, 12, "http://by-source:8000")) == 1


def test_a_cookie_is_made_and_sticks(traffic: TrafficMesh) -> None:
    first = traffic.sleep.get("http://by-cookie:8000")
    cookie = first.headers["set-cookie"]
    assert cookie.startswith('chosen="')
    assert "Max-Age=60; Path=/; HttpOnly" in cookie
    assert asked(traffic, 12, "http://by-cookie:8000", "-H", f"Cookie: {cookie.split(';')[0]}") == {first.instance}


def test_a_gateway_sticks_to_a_server_by_cookie(traffic: TrafficMesh) -> None:
    first = traffic.outside.get("http://sticky.test/")
    cookie = ("-H", f"Cookie: {first.headers['set-cookie'].split(';')[0]}")
    assert instances(traffic.outside.get_all(*[("http://sticky.test/", *cookie)] * 12)) == {first.instance}
    assert len(instances(traffic.outside.get_all(*[("http://sticky.test/",)] * 40))) == 3


def test_a_rule_for_some_clients_leaves_others_alone(traffic: TrafficMesh) -> None:
    assert len(asked(traffic, 12, "http://by-client:8000")) == 1
    others = traffic.other.get_all(*[("http://by-client:8000",)] * 40)
    assert len(instances(others)) == 3


def test_simple_balancers_ask_every_server(traffic: TrafficMesh) -> None:
    for name in ("round-robin", "least-request", "random"):
        counted = traffic.sleep.count(90, f"http://{name}:8000/")
        assert len(counted) == 3
        if name == "round-robin":
            assert max(counted.values()) - min(counted.values()) <= 8


def test_a_full_connection_pool_refuses_at_one_port_only(traffic: TrafficMesh) -> None:
    refused = Counter(status for status, _, _ in traffic.sleep.many(20, "http://full:8000/delay/0.3"))
    served = Counter(status for status, _, _ in traffic.sleep.many(20, "http://full:80/delay/0.1"))
    assert set(refused) == {200, 503}
    assert set(served) == {200}


def test_a_failing_server_is_ejected(traffic: TrafficMesh) -> None:
    url = "http://ejecting:8000/status/500/web-v2"

    def is_ejected() -> bool:
        return {answer.status for answer in traffic.sleep.get_all(*[(url,)] * 12)} == {200}

    wait_until(is_ejected, "the server that fails is asked no more")


def test_subsets_have_policies_of_their_own(traffic: TrafficMesh) -> None:
    (one,) = asked(traffic, 10, "http://by-subset:8000/")
    (two,) = asked(traffic, 10, "http://by-subset:8000/v2")
    assert (one[:6], two[:6]) == ("web-v1", "web-v2")


SAY = """
import socket, sys
for _ in range(int(sys.argv[3])):
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10) as connection:
        connection.sendall(b"hello\\n")
        print(connection.makefile().readline().strip())
"""


def said(traffic: TrafficMesh, service: str, number: int, pod: str = "sleep") -> Counter[str]:
    """What TCP servers say to so many connections."""
    done = traffic.mesh.exec(f"deploy/{pod}", "python3", "-c", SAY, service, "9000", str(number))
    assert done.returncode == 0, done
    return Counter(done.stdout.splitlines())


def test_tcp_is_shared_by_weights(traffic: TrafficMesh) -> None:
    counted = said(traffic, "echo-shares", 200)
    assert set(counted) == {"one hello", "two hello"}
    assert abs(counted["two hello"] / 2 - 20) <= 14


def test_tcp_is_chosen_by_source_port_and_address(traffic: TrafficMesh) -> None:
    assert set(said(traffic, "echo-chosen", 5)) == {"one hello"}
    assert set(said(traffic, "echo-chosen", 5, "other")) == {"two hello"}
    assert set(said(traffic, "echo-elsewhere", 30)) == {"one hello", "two hello"}, "no rule is for this address"


def test_the_proxy_protocol_goes_to_the_server(traffic: TrafficMesh) -> None:
    (line,) = said(traffic, "echo-proxied", 1)
    assert re.fullmatch(r"(one|two) PROXY TCP4 10[.].* 9000", line), line
