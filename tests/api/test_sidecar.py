"""Sidecars: hosts, ports and endpoints that Istio refuses, and what it only warns about."""

from __future__ import annotations

from typing import Any

import pytest

from meshgate.api import Sidecar, SidecarOutboundMode, codes, decode, split_endpoint
from tests.api.objects import SIDECAR, Raw

HTTP = {"number": 80, "name": "http", "protocol": "HTTP"}


def sidecar(**spec: Any) -> Raw:
    return {**SIDECAR, "spec": spec}


def found(raw: Raw) -> list[tuple[str, str]]:
    """Severity and path of each fault."""
    return [(problem.severity, problem.path) for problem in decode(raw)[1]]


def test_what_a_policy_means_that_says_nothing() -> None:
    resource, faults = decode(sidecar(outboundTrafficPolicy={}))
    assert resource is not None, faults
    assert isinstance(resource.spec, Sidecar)
    policy = resource.spec.outbound_traffic_policy
    assert policy is not None
    assert policy.mode is SidecarOutboundMode.REGISTRY_ONLY


@pytest.mark.parametrize(
    ("host", "severity"),
    [
        ("*/*", ""),
        ("./*.example.com", ""),
        ("~/*", ""),
        ("~shop/web.example.com", ""),
        ("~./web.example.com", ""),
        ("web.example.com", "error"),
        ("/web.example.com", "error"),
        ("shop/", "error"),
        ("a_b/*", "error"),
        ("~a_b/*", "error"),
        ("shop/*web.com", "error"),
        ("shop/we_b.com", "error"),
    ],
)
def test_hosts(host: str, severity: str) -> None:
    expected = [(severity, "spec.egress[0].hosts[0]")] if severity else []
    assert dict.fromkeys(found(sidecar(egress=[{"hosts": [host]}]))) == dict.fromkeys(expected)


@pytest.mark.parametrize(
    ("hosts", "paths"),
    [
        (["./a.com", "./a.com"], ["hosts[1]"]),
        (["./a.com", "shop/a.com"], ["hosts[1]"]),
        (["./*", "./a.com"], ["hosts[1]"]),
        (["./a.com", "edge/a.com"], []),
        (["*/*", "edge/a.com"], ["hosts"]),
        (["*/*", "~edge/*", "~edge/*"], []),
    ],
)
def test_hosts_that_say_nothing_new(hosts: list[str], paths: list[str]) -> None:
    assert found(sidecar(egress=[{"hosts": hosts}])) == [("warning", f"spec.egress[0].{path}") for path in paths]


@pytest.mark.parametrize(
    ("listeners", "path"),
    [
        ([{"hosts": ["./*"]}, {"port": HTTP, "hosts": ["./*"]}], "spec.egress[0].port"),
        ([{"port": HTTP, "hosts": ["./*"]}, {"port": HTTP, "hosts": ["edge/*"]}], "spec.egress[1]"),
        ([{"port": {"protocol": "HTTP"}, "hosts": ["./*"]}], "spec.egress[0].bind"),
        ([{"port": HTTP, "bind": "web", "hosts": ["./*"]}], "spec.egress[0].bind"),
        ([{"port": {**HTTP, "targetPort": 8080}, "hosts": ["./*"]}], "spec.egress[0].port.targetPort"),
        ([{"port": {**HTTP, "protocol": "FTP"}, "hosts": ["./*"]}], "spec.egress[0].port.protocol"),
        ([{"hosts": []}], "spec.egress[0].hosts"),
        (
            [{"port": {"protocol": "HTTP"}, "bind": "unix:///a", "captureMode": "IPTABLES", "hosts": ["./*"]}],
            "spec.egress[0].captureMode",
        ),
    ],
)
def test_egress_listeners_that_are_refused(listeners: list[Raw], path: str) -> None:
    assert found(sidecar(egress=listeners)) == [("error", path)]


@pytest.mark.parametrize(
    ("listener", "path"),
    [
        ({"defaultEndpoint": "127.0.0.1:80"}, "port"),
        ({"port": {"number": 0, "protocol": "HTTP"}}, "port.number"),
        ({"port": HTTP, "bind": "unix:///a"}, "bind"),
        ({"port": HTTP, "defaultEndpoint": "10.0.0.1:80"}, "defaultEndpoint"),
        ({"port": HTTP, "defaultEndpoint": "127.0.0.1"}, "defaultEndpoint"),
        ({"port": HTTP, "defaultEndpoint": "127.0.0.1:http"}, "defaultEndpoint"),
        ({"port": HTTP, "defaultEndpoint": "127.0.0.1:0"}, "defaultEndpoint"),
        ({"port": HTTP, "defaultEndpoint": "unix://a"}, "defaultEndpoint"),
        ({"port": HTTP, "connectionPool": {}}, "connectionPool"),
    ],
)
def test_ingress_listeners_that_are_refused(listener: Raw, path: str) -> None:
    assert found(sidecar(ingress=[listener])) == [("error", f"spec.ingress[0].{path}")]


def test_a_port_is_opened_once() -> None:
    assert found(sidecar(ingress=[{"port": HTTP}, {"port": HTTP}])) == [("error", "spec.ingress[1].port.number")]


def test_limits_of_requests_on_a_port_that_has_none() -> None:
    tcp = {"port": {"number": 9000, "protocol": "TCP"}, "connectionPool": {"http": {"maxRetries": 1}}}
    assert found(sidecar(ingress=[tcp])) == [("warning", "spec.ingress[0].connectionPool.http")]


def test_selectors() -> None:
    egress = [{"hosts": ["./*"]}]
    assert found(sidecar(egress=egress, workloadSelector={})) == [("warning", "spec.workloadSelector")]
    assert found(sidecar(egress=egress, workloadSelector={"labels": {"app": "*"}})) == [
        ("error", "spec.workloadSelector.labels.app")
    ]


@pytest.mark.parametrize(
    ("policy", "path"),
    [
        ({"egressProxy": {"host": "a.com", "port": {"number": 80}}}, "egressProxy"),
        ({"mode": "ALLOW_ANY", "egressProxy": {"host": "a.com"}}, "egressProxy.port"),
        ({"mode": "ALLOW_ANY", "egressProxy": {"host": "*.com", "port": {"number": 80}}}, "egressProxy.host"),
    ],
)
def test_policies_for_what_is_unknown(policy: Raw, path: str) -> None:
    assert found(sidecar(outboundTrafficPolicy=policy)) == [("error", f"spec.outboundTrafficPolicy.{path}")]


def test_the_mode_of_the_mesh_alone() -> None:
    _, problems = decode(sidecar(outboundTrafficPolicy={"mode": "ALLOW_ANY_DYNAMIC_DNS"}))
    assert [problem.code for problem in problems] == [codes.WRONG_TYPE]


def test_one_that_says_nothing() -> None:
    assert found(sidecar()) == [("error", "spec")]


def test_the_parts_of_an_endpoint() -> None:
    assert split_endpoint("[::]:90") == ("::", "90")
    assert split_endpoint("web") == (None, "")
