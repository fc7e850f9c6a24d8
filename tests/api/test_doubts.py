"""What single objects are warned of and still accepted for: annotations in Istio's name, faults before retries."""

from __future__ import annotations

from typing import Any

import pytest

from meshgate.api import decode


def found(kind: str, version: str, spec: dict[str, Any], **metadata: Any) -> list[str]:
    raw = {"apiVersion": version, "kind": kind, "metadata": {"name": "a", "namespace": "b", **metadata}, "spec": spec}
    resource, problems = decode(raw)
    assert resource is not None, problems
    return [f"{problem.path}: {problem.text}; {problem.hint} [{problem.code}]" for problem in problems]


POD = {"containers": [{"name": "a", "command": ["a"]}]}
SERVICE = {"ports": [{"port": 80}]}


def deployment(annotations: dict[str, str]) -> dict[str, Any]:
    return {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}, "annotations": annotations}, "spec": POD},
    }


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("sidecar.istio.io/injekt", '"sidecar.istio.io/injekt"; nearest: "sidecar.istio.io/inject" [IST0108]'),
        ("networking.istio.io/exportTo", "of a Pod: it is for a Service;  [IST0107]"),
        ("sidecar.istio.io/controlPlaneAuthPolicy", "deprecated;  [IST0135]"),
        ("sidecar.istio.io/statsInclusionRegexps", "write proxyStatsMatcher in"),
        ("sidecar.istio.io/inject", ""),
        ("galley.istio.io/analyze-suppress", ""),
        ("example.org/istio.io", ""),
        ("notistio.io/a", ""),
    ],
)
def test_annotations_of_a_pod(key: str, expected: str) -> None:
    told = found("Pod", "v1", POD, annotations={key: "x"})
    assert len(told) == bool(expected)
    assert expected in "".join(told)


def test_an_annotation_for_pods_at_a_deployment() -> None:
    key = "sidecar.istio.io/inject"
    [told] = found("Deployment", "apps/v1", deployment({key: "false"}), annotations={key: "false"})
    assert told.startswith(
        "metadata.annotations[sidecar.istio.io/inject]: nobody reads this annotation of a Deployment"
    )
    assert "write it in spec.template.metadata.annotations [IST0107]" in told
    [told] = found("Deployment", "apps/v1", deployment({f"{key}s": "false"}))
    assert told.startswith("spec.template.metadata.annotations[")


def test_what_another_object_made_is_not_told_twice() -> None:
    owners = [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "a-1", "uid": "1", "controller": True}]
    assert found("Pod", "v1", POD, annotations={"sidecar.istio.io/injekt": "x"}, ownerReferences=owners) == []


@pytest.mark.parametrize("other", [{"timeout": "1s"}, {"retries": {"attempts": 2}}])
def test_faults_that_come_before_timeouts_and_retries(other: dict[str, Any]) -> None:
    rule = {
        "route": [{"destination": {"host": "a"}}],
        "fault": {"delay": {"fixedDelay": "5s", "percentage": {"value": 1}}},
    }
    api = "networking.istio.io/v1"
    assert found("VirtualService", api, {"hosts": ["a"], "http": [rule]}) == []
    [told] = found("VirtualService", api, {"hosts": ["a"], "http": [rule | other]})
    assert told.startswith(f"spec.http[0].fault: faults come before {next(iter(other))} of this rule")
    assert told.endswith("[MG0108]")


@pytest.mark.parametrize(
    ("given", "is_told"),
    [
        ({}, True),
        ({"addresses": ["10.1.1.1"]}, False),
        ({"resolution": "DNS"}, False),
        ({"ports": [{"number": 80, "name": "http", "protocol": "HTTP"}]}, False),
    ],
)
def test_tcp_without_addresses(given: dict[str, Any], is_told: bool) -> None:
    spec = {"hosts": ["a.org"], "ports": [{"number": 9000, "name": "tcp", "protocol": "TCP"}]} | given
    told = found("ServiceEntry", "networking.istio.io/v1", spec)
    assert [line for line in told if line.endswith("[IST0134]")] == (told[:1] if is_told else [])


@pytest.mark.parametrize(
    ("versions", "oldest"),
    [
        ({"minProtocolVersion": "TLSV1_3", "maxProtocolVersion": "TLSV1_1"}, "TLSV1_3"),
        ({"maxProtocolVersion": "TLSV1_1"}, "TLSV1_2"),
        ({"minProtocolVersion": "TLSV1_0", "maxProtocolVersion": "TLSV1_1"}, ""),
        ({"minProtocolVersion": "TLSV1_2", "maxProtocolVersion": "TLSV1_2"}, ""),
        ({"minProtocolVersion": "TLSV1_3"}, ""),
        ({"mode": "PASSTHROUGH", "maxProtocolVersion": "TLSV1_1"}, ""),
    ],
)
def test_versions_of_tls_of_which_there_is_none(versions: dict[str, str], oldest: str) -> None:
    port = {"number": 443, "name": "https", "protocol": "HTTPS"}
    secret = {} if "mode" in versions else {"mode": "SIMPLE", "credentialName": "c"}
    server = {"port": port, "hosts": ["a.org"], "tls": secret | versions}
    told = found("Gateway", "networking.istio.io/v1", {"selector": {"a": "b"}, "servers": [server]})
    text = f"no version of TLS is taken: the oldest is {oldest}, the newest TLSV1_1"
    hint = "give a minProtocolVersion that is not newer [MG0113]"
    assert told == ([f"spec.servers[0].tls.maxProtocolVersion: {text}; {hint}"] if oldest else [])
