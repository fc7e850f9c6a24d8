"""The other examples: an HTTP mirror, two versions of one service, a TCP server; and what lies outside of the mesh."""

from __future__ import annotations

import uuid
from collections import Counter

import pytest

from tests.e2e.manifests import Object, istio, text_of
from tests.e2e.mesh import wait_until
from tests.e2e.samples_mesh import SamplesMesh
from tests.e2e.tour_mesh import say

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

HTTPBIN = "http://httpbin:8000"


def seen_by(samples: SamplesMesh, version: str, marker: str) -> int:
    log = samples.mesh.meshgate("logs", f"deploy/httpbin-{version}", "-c", "httpbin").stdout
    return sum(marker in line for line in log.splitlines())


def test_httpbin_is_published_by_host_and_path(samples: SamplesMesh) -> None:
    with samples.applied("httpbin/gateway.yaml"):
        answers = samples.outside.get_all(
            ("http://httpbin.example.com/status/200",),
            ("http://httpbin.example.com/delay/0",),
            ("http://httpbin.example.com/headers",),
            ("http://other.example.com/status/200",),
        )
    assert [answer.status for answer in answers] == [200, 200, 404, 404]


def test_httpbin_mirrors_to_v2(samples: SamplesMesh) -> None:
    marker = uuid.uuid4().hex
    with samples.applied("httpbin/mirroring.yaml"):
        answers = samples.sleep.get_all(*[(f"{HTTPBIN}/{marker}",)] * 5)
        assert {answer.instance for answer in answers} == {"v1"}
        wait_until(lambda: seen_by(samples, "v2", marker) == 5, "a copy of each request arrives at v2")
    assert seen_by(samples, "v1", marker) == 5


def test_httpbin_breaks_the_circuit_by_connections(samples: SamplesMesh) -> None:
    with samples.applied("httpbin/circuit-breaker.yaml"):
        counted = Counter(status for status, _, _ in samples.sleep.many(20, f"{HTTPBIN}/delay/0.2"))
        assert set(counted) == {200, 503}
        one = samples.sleep.get(f"{HTTPBIN}/headers")
        assert one.status == 200
        line = samples.mesh.access_log("app=sleep", '" 503 UO upstream_reset_before_response_started{overflow}')
        assert "outbound|8000||httpbin.default.svc.cluster.local" in line


def test_httpbin_leaves_a_failing_server_alone(samples: SamplesMesh) -> None:
    with samples.applied("httpbin/circuit-breaker.yaml"):
        url = f"{HTTPBIN}/status/500/v2"

        def good() -> bool:
            answers = samples.sleep.get_all(*[(url,)] * 12)
            return {(answer.status, answer.instance) for answer in answers} == {(200, "v1")}

        wait_until(good, "v2, which fails, is asked no more")


def test_helloworld_shares_between_versions(samples: SamplesMesh) -> None:
    with samples.applied("helloworld/gateway.yaml"):
        answers = samples.outside.get_all(*[("http://hello.example.com/hello",)] * 150)
        other = samples.outside.status("http://hello.example.com/other")
    counted = Counter(str(answer.told()["message"]) for answer in answers)
    assert set(counted) == {"Hello version: v1", "Hello version: v2"}
    assert abs(counted["Hello version: v1"] / 1.5 - 70) <= 19
    assert other == 404


def test_tcp_echo_goes_to_v1_and_then_a_fifth_to_v2(samples: SamplesMesh) -> None:
    address = samples.mesh.load_balancer_address("tcp-gateway", "default")
    with samples.applied("tcp-echo/all-v1.yaml"):
        assert {say(address, 31400, "hello") for _ in range(10)} == {"one hello"}
        samples.apply("tcp-echo/20-v2.yaml")
        counted = Counter(say(address, 31400, "hello") for _ in range(150))
    assert set(counted) == {"one hello", "two hello"}
    assert abs(counted["two hello"] / 1.5 - 20) <= 17


BY_SOURCE: Object = {
    "hosts": ["httpbin"],
    "http": [
        {"match": [{"sourceLabels": {"app": "sleep"}}], "directResponse": {"status": 299}},
        {"route": [{"destination": {"host": "httpbin"}}]},
    ],
}


def test_requests_are_routed_by_who_sends_them(samples: SamplesMesh) -> None:
    text = text_of([istio("VirtualService", "httpbin", BY_SOURCE)])
    samples.mesh.apply(text)
    ask = "import urllib.request as r; print(r.urlopen('http://httpbin:8000/status/200').status)"
    assert samples.sleep.status(f"{HTTPBIN}/status/200") == 299
    done = samples.mesh.exec("deploy/helloworld-v1", "python3", "-c", ask)
    assert done.stdout == "200\n", done
    samples.mesh.meshgate("delete", "-f", "-", stdin=text)
