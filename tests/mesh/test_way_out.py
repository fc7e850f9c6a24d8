"""Mistakes on the way out that are legal, and what looks like them and is none."""

from __future__ import annotations

import pytest

from tests.mesh.objects import built, istio, pod, service

PORTS = "ports: [{number: 80, name: http, protocol: HTTP}, {number: 443, name: https, protocol: HTTPS}]"
ENTRY = istio("ServiceEntry", "cnn", f"{{hosts: [cnn.com], {PORTS}, resolution: DNS}}")
TARGETED = ENTRY.replace("protocol: HTTP}", "protocol: HTTP, targetPort: 443}")
EGRESS = "egress.istio-system.svc.cluster.local"
PODS = pod("egress-1", "10.0.0.5", "istio-system", istio="egressgateway")
SERVICE = service("egress", "http:80:8080", "https:443:8443", namespace="istio-system").replace(
    "spec:\n", "spec:\n  selector: {istio: egressgateway}\n", 1
)
GATEWAY = istio(
    "Gateway",
    "out",
    "{selector: {istio: egressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [cnn.com]}]}",
)


def found(text: str) -> list[tuple[str, str]]:
    """Code and path of each finding of this part."""
    problems = built(text)[1]
    return [(one.code, one.path) for one in problems if one.code in ("MG0162", "MG0163", "MG0164", "MG0165")]


def rule(policy: str, more: str = "") -> str:
    return istio("DestinationRule", "cnn", f"{{host: cnn.com{more}, trafficPolicy: {policy}}}")


ON_443 = "{portLevelSettings: [{port: {number: 443}, tls: {mode: SIMPLE}}]}"
ON_80 = "{portLevelSettings: [{port: {number: 80}, tls: {mode: SIMPLE}}]}"
PLAIN = f"trafficPolicy: {ON_80}"
WRONG = [("MG0163", "spec.trafficPolicy.portLevelSettings[0].tls")]
ANY = istio(
    "ServiceEntry",
    "any",
    "{hosts: ['*.cnn.com'], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DYNAMIC_DNS}",
)
POLICY = "trafficPolicy"
SELECTED = ", workloadSelector: {matchLabels: {istio: egressgateway}}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ENTRY + rule(ON_443), [("MG0162", "spec.trafficPolicy.portLevelSettings[0].tls")]),
        (ENTRY + rule(ON_443.replace("SIMPLE", "ISTIO_MUTUAL")), []),
        (ENTRY + rule(ON_443, SELECTED), []),
        (ENTRY + rule(ON_80), [("MG0163", "spec.trafficPolicy.portLevelSettings[0].tls")]),
        (TARGETED + rule(ON_80), []),
        (TARGETED + rule("{tls: {mode: SIMPLE}}"), [("MG0162", "spec.trafficPolicy.tls")]),
        (ENTRY + rule(ON_80.replace("80", "8080")), [("MG0163", "spec.trafficPolicy.portLevelSettings[0].port")]),
        (service("cnn", "http:80") + istio("DestinationRule", "cnn", f"{{host: cnn, trafficPolicy: {ON_80}}}"), []),
        (ANY + istio("DestinationRule", "any", f"{{host: '*.cnn.com', trafficPolicy: {ON_80}}}"), []),
        (
            ANY.replace("DYNAMIC_DNS", "NONE") + istio("DestinationRule", "any", f"{{host: '*.cnn.com', {PLAIN}}}"),
            WRONG,
        ),
        (rule(ON_443), []),
        (
            ENTRY + istio("DestinationRule", "cnn", f"{{host: cnn.com, subsets: [{{name: a, {POLICY}: {ON_443}}}]}}"),
            [("MG0162", "spec.subsets[0].trafficPolicy.portLevelSettings[0].tls")],
        ),
    ],
)
def test_tls_where_it_cannot_be_wanted(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


TLS_ROUTE = "tls: [{match: [{sniHosts: [cnn.com]}], route: [{destination: {host: cnn.com, port: {number: 443}}}]}]"


@pytest.mark.parametrize(
    ("entry", "gateways", "expected"),
    [
        ("", "", [("MG0164", "spec.hosts[0]")]),
        (ENTRY, "", []),
        (ENTRY.replace("cnn.com", "'*.com'").replace(", resolution: DNS", ""), "", []),
        ("", ", gateways: [out]", []),
    ],
)
def test_rules_for_hosts_that_nobody_knows(entry: str, gateways: str, expected: list[tuple[str, str]]) -> None:
    text = GATEWAY + istio("VirtualService", "cnn", f"{{hosts: [cnn.com]{gateways}, {TLS_ROUTE}}}")
    assert found(entry + text) == expected


def to_gateway(match: str, port: str = ", port: {number: 80}") -> str:
    http = f"http: [{{{match}route: [{{destination: {{host: {EGRESS}{port}}}}}]}}]"
    return istio("VirtualService", "cnn", f"{{hosts: [cnn.com], gateways: [out, mesh], {http}}}")


@pytest.mark.parametrize(
    ("route", "loops"),
    [
        (to_gateway(""), True),
        (to_gateway("match: [{port: 80}], "), True),
        (to_gateway("match: [{gateways: [mesh]}], "), False),
        (to_gateway("match: [{gateways: [mesh]}, {gateways: [default/out]}], "), True),
        (to_gateway("", ", port: {number: 443}"), False),
        (to_gateway("", ""), False),
    ],
)
def test_a_gateway_that_sends_to_itself(route: str, loops: bool) -> None:
    expected = [("MG0165", "spec.http[0].route[0].destination")] if loops else []
    assert found(ENTRY + PODS + SERVICE + GATEWAY + route) == expected
    assert found(ENTRY + SERVICE + GATEWAY + route) == [], "nobody knows whose pods they are"
