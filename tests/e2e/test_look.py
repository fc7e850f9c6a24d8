"""What running proxies hold and whether it is what they should hold: proxy-config and proxy-status."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.mesh import Mesh
from tests.e2e.tour_mesh import GATEWAY_NAMESPACE, TourMesh

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

GATEWAY = f"deploy/my-gateway-controller.{GATEWAY_NAMESPACE}"
BARE = """
apiVersion: v1
kind: Pod
metadata: {name: bare, labels: {sidecar.istio.io/inject: "false"}}
spec: {containers: [{name: app, command: [sleep, "1000"]}]}
"""
MORE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: look-more}
spec:
  hosts: [look.example.com]
  http: [{match: [{uri: {prefix: /looked}}], route: [{destination: {host: service-a}}]}]
"""


@pytest.fixture(scope="module", autouse=True)
def _applied(tour: TourMesh) -> Iterator[None]:
    with tour.applied("01-gateway-many-ports", "02-virtualservice-gateway-and-mesh"):
        yield


def rows(mesh: Mesh, *arguments: str) -> list[list[str]]:
    """A table's lines but the first, by cells."""
    text = mesh.meshgate(*arguments).stdout
    assert mesh.meshgate(*arguments).stdout == text, "the same again"
    return [re.split(r" {2,}", line) for line in text.splitlines()[1:]]


def pod_name(mesh: Mesh, selector: str, namespace: str = "default") -> str:
    metadata = mesh.pods(selector, namespace)[0]["metadata"]
    assert isinstance(metadata, dict)
    return str(metadata["name"])


def test_clusters_listeners_and_routes_of_a_sidecar(tour: TourMesh) -> None:
    clusters = rows(tour.mesh, "pc", "cluster", "deploy/sleep", "--fqdn", "service-a")
    assert clusters == [["service-a.default.svc.cluster.local", "8000", "-", "outbound", "EDS"]]
    listeners = tour.mesh.meshgate("pc", "l", "deploy/sleep", "--port", "8000").stdout
    assert listeners.splitlines()[0].split() == ["ADDRESSES", "PORT", "MATCH", "DESTINATION"]
    assert re.search(r"^0\.0\.0\.0 +8000 +.*App: http/1\.1,h2c +Route: 8000$", listeners, re.MULTILINE)
    routes = rows(tour.mesh, "proxy-config", "routes", "deploy/sleep", "--name", "9080")
    ours = [row for row in routes if row[-1] == "bookinfo-rule.bookinfo-namespace"]
    assert {row[1] for row in ours} >= {"reviews.prod.svc.cluster.local:9080"}
    assert {row[3] for row in ours} >= {"/reviews/*"}


def test_a_gateway(tour: TourMesh) -> None:
    routes = rows(tour.mesh, "pc", "r", GATEWAY, "--name", "http.9080")
    assert {(row[1], row[-1]) for row in routes} == {
        ("reviews.prod.svc.cluster.local:9080", "bookinfo-rule.bookinfo-namespace")
    }, tour.mesh.meshgate("pc", "r", GATEWAY).stdout
    listeners = json.loads(tour.mesh.meshgate("pc", "listener", GATEWAY, "--port", "9080", "-o", "json").stdout)
    assert {each["address"]["socketAddress"]["portValue"] for each in listeners} == {9080}


def test_endpoints_are_the_pods_addresses(tour: TourMesh) -> None:
    def address(selector: str, namespace: str) -> str:
        status = tour.mesh.pods(selector, namespace)[0]["status"]
        assert isinstance(status, dict)
        return str(status["podIP"])

    cluster = "outbound|9080||reviews.prod.svc.cluster.local"
    found = rows(tour.mesh, "pc", "ep", "deploy/sleep", "--cluster", cluster)
    assert found == [[f"{address('app=reviews', 'prod')}:9080", "HEALTHY", "OK", cluster]]


def test_all_of_it_and_no_private_key(tour: TourMesh) -> None:
    brief = tour.mesh.meshgate("pc", "all", "deploy/sleep").stdout
    assert brief.startswith("Istio Version: 1.30.0\nEnvoy Version: 1.40.")
    for kind in ("cluster/", "listener/", "route/", "endpoint/"):
        assert f"\n{kind}" in brief
    for what in ("all", "secret"):
        for target in ("deploy/sleep", GATEWAY):
            text = tour.mesh.meshgate("pc", what, target, "-o", "json").stdout
            inline = re.findall(r'"inline_?[bB]ytes": "([^"]*)"', text)
            assert all(b"PRIVATE KEY" not in base64.b64decode(each) for each in inline)
            assert "PRIVATE KEY" not in text
    assert (
        "spiffe://cluster.local/ns/default/sa/default"
        in tour.mesh.meshgate("pc", "s", "deploy/sleep", "-o", "wide").stdout
    )
    node = json.loads(tour.mesh.meshgate("pc", "b", "deploy/sleep").stdout)["bootstrap"]["node"]
    assert node["metadata"]["NAMESPACE"] == "default"


def test_every_proxy_has_what_it_should_have(tour: TourMesh) -> None:
    tour.mesh.wait_applied()
    listed = {row[0]: row for row in rows(tour.mesh, "proxy-status")}
    sleep = f"{pod_name(tour.mesh, 'app=sleep')}.default"
    assert listed[sleep][1:4] == ["Kubernetes", "meshgate", "1.30.0"]
    assert re.fullmatch(r"\d \(CDS,LDS,EDS,RDS.*\)", listed[sleep][4])
    assert "edge" in listed
    told: dict[str, Any] = json.loads(tour.mesh.meshgate("ps", "-n", "prod", "-o", "json").stdout)
    assert {each["node"]["id"].rpartition(".")[2] for each in told["resources"]} == {"prod"}
    states = {config["configStatus"] for each in told["resources"] for config in each["genericXdsConfigs"]}
    assert states == {"SYNCED"}
    for target in ("deploy/sleep", GATEWAY, f"pod/{sleep}"):
        text = tour.mesh.meshgate("ps", target).stdout
        assert re.fullmatch(r"Clusters Match\nListeners Match\nRoutes Match \(RDS last loaded at .* UTC\)\n", text)


def test_what_differs_is_shown(tour: TourMesh, tmp_path: Path) -> None:
    before = tmp_path / "before.json"
    before.write_text(tour.mesh.meshgate("pc", "all", "deploy/sleep", "-o", "json").stdout)
    tour.apply(MORE)
    try:
        told = tour.mesh.meshgate("ps", "deploy/sleep", "--file", before).stdout
        assert "Clusters Match\nListeners Match\n--- Istiod Routes\n+++ Envoy Routes\n" in told
        assert re.search(r'^-.*"/looked"', told, re.MULTILINE)
        assert rows(tour.mesh, "pc", "routes", "deploy/sleep", "--name", "80")
        assert "look-more.default" in tour.mesh.meshgate("pc", "routes", "deploy/sleep", "--name", "80").stdout
        assert "look-more" not in tour.mesh.meshgate("pc", "routes", "--file", before).stdout
    finally:
        tour.mesh.meshgate("delete", "-f", "-", stdin=MORE)


def test_a_pod_without_a_proxy(tour: TourMesh) -> None:
    tour.mesh.meshgate("apply", "-f", "-", stdin=BARE)
    try:
        for command in (["pc", "cluster", "bare"], ["ps", "bare"]):
            done = tour.mesh.meshgate(*command, check=False)
            assert done.returncode == 1
            assert 'pod "bare" has no proxy: it has no container "istio-proxy"' in done.stderr
    finally:
        tour.mesh.meshgate("delete", "pod/bare")


def test_levels_of_loggers_change_while_it_runs(tour: TourMesh) -> None:
    def levels(*arguments: str) -> dict[str, str]:
        told = tour.mesh.meshgate("pc", "log", "deploy/sleep", *arguments).stdout
        assert re.match(r"sleep-\S+\.default:\nactive loggers:\n", told)
        return dict(re.findall(r"^  (\w+): (\w+)$", told, re.MULTILINE))

    before = levels()
    assert (before["http"], before["misc"]) == ("warning", "error")
    changed = levels("--level", "http:debug,misc:off")
    assert (changed["http"], changed["misc"], changed["router"]) == ("debug", "off", "warning")
    assert set(levels("--level", "info").values()) == {"info"}
    assert levels("-r") == before


STRICT = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: look-strict, namespace: prod}
spec:
  mtls: {mode: STRICT}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: look-plain, namespace: default}
spec:
  host: service-a
  trafficPolicy:
    tls: {mode: DISABLE}
"""


def test_who_must_prove_what_and_who_says_so(tour: TourMesh, tmp_path: Path) -> None:
    def told(target: str) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(tour.mesh.meshgate("authn", target, "-o", "json").stdout)
        return value

    assert {each["mode"] for each in told("deploy/reviews.prod")["accepts"]} == {"PERMISSIVE"}
    file = tmp_path / "strict.yaml"
    file.write_text(STRICT)
    tour.mesh.meshgate("apply", "-f", file)
    tour.mesh.wait_applied()
    try:
        reviews = told("deploy/reviews.prod")
        assert reviews["identity"] == "spiffe://cluster.local/ns/prod/sa/default"
        [port] = [each for each in reviews["accepts"] if each["port"] == 9080]
        assert (port["mode"], port["takes"]) == ("STRICT", ["mTLS"])
        [why] = port["why"]
        assert (why["ref"], why["path"]) == ("PeerAuthentication/prod/look-strict", "spec.mtls.mode")
        assert why["position"] == f"{file}:6"
        sleep = told("deploy/sleep")
        [sent] = [each for each in sleep["sends"] if each["host"].startswith("service-a.")]
        assert (sent["sends"], sent["why"][0]["path"]) == ("plaintext", "spec.trafficPolicy.tls")
        text = tour.mesh.meshgate("authn", "deploy/reviews", "-n", "prod", "--port", "9080").stdout
        assert re.search(
            r"^9080 +reviews\.prod\.svc\.cluster\.local:9080 +STRICT +mTLS +default +Peer", text, re.MULTILINE
        )
        listeners = tour.mesh.meshgate("pc", "l", "deploy/reviews.prod", "--port", "15006").stdout
        assert "raw_buffer" not in listeners, "the running Envoy takes no plaintext either"
    finally:
        tour.mesh.meshgate("delete", "-f", file)
