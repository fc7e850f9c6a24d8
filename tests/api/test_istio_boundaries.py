"""Boundaries of Istio's rules that the recorded verdicts do not reach, each by one changed field."""

from __future__ import annotations

from typing import Any

import pytest

from meshgate.api import EVERYTHING, Decoder, Problem, codes
from tests.api.objects import DESTINATION_RULE, GATEWAY, SERVICE_ENTRY, VIRTUAL_SERVICE, WORKLOAD_ENTRY, Raw, changed

_DECODER = Decoder(EVERYTHING, unknown="warning")
_ROUTE = [{"destination": {"host": "web"}}]


def _refusals(raw: Raw) -> list[Problem]:
    """Without those that only a cluster's schema has."""
    _, problems = _DECODER.decode(raw)
    return [problem for problem in problems if problem.is_error and problem.code != codes.SCHEMA]


def _http(**fields: Any) -> Raw:
    return changed(VIRTUAL_SERVICE, "spec.http", [{"route": _ROUTE, **fields}])


def _http_at_gateway(headers: Raw) -> Raw:
    return changed(_http(match=[{"headers": headers}]), "spec.gateways", ["gw"])


def _redirect(redirect: Raw, **fields: Any) -> Raw:
    return changed(VIRTUAL_SERVICE, "spec.http", [{"redirect": redirect, **fields}])


def _policy(**fields: Any) -> Raw:
    return changed(DESTINATION_RULE, "spec.trafficPolicy", fields)


def _pool(kind: str, **fields: Any) -> Raw:
    return _policy(connectionPool={kind: fields})


def _tls_route(names: list[str], gateways: list[str], hosts: list[str] | None = None) -> Raw:
    spec = {"hosts": hosts or ["*.example.com"], "gateways": gateways}
    return changed(VIRTUAL_SERVICE, "spec", {**spec, "tls": [{"match": [{"sniHosts": names}], "route": _ROUTE}]})


def _endpoint(resolution: str, **fields: Any) -> Raw:
    return changed(changed(SERVICE_ENTRY, "spec.resolution", resolution), "spec.endpoints", [fields])


def _made_of_route(gateways: list[str], route: list[Any]) -> Raw:
    raw = changed(VIRTUAL_SERVICE, "metadata.annotations", {"internal.istio.io/route-semantics": "gateway"})
    return changed(raw, "spec", {"hosts": ["a.example.com"], "gateways": gateways, "http": [{"route": route}]})


TAKEN = {
    "redirect to port 0, as if not given": _redirect({"uri": "/a", "port": 0}),
    "prefixRewrite where no path is matched": _redirect({"prefixRewrite": "/a"}, match=[{"port": 80}]),
    "retry on a status with a sign": _http(retries={"attempts": 1, "retryOn": "+503,0503"}),
    "authority set to nothing before another": _http(
        rewrite={"authority": "a"}, headers={"request": {"set": {"x-a": "b"}}}
    ),
    "mirror and mirrors beside a delegate": changed(
        VIRTUAL_SERVICE,
        "spec.http",
        [{"delegate": {"name": "a"}, "mirror": {"host": "a"}, "mirrors": [{"destination": {"host": "a"}}]}],
    ),
    "header that is absent, whatever its value": _http(match=[{"withoutHeaders": {"x-a": {"regex": "*"}}}]),
    "destination of a route of the Gateway API": _made_of_route(["a/b~c"], [{"destination": {"host": "*"}}]),
    "name that sidecars send, with a subset": _tls_route(
        ["outbound_.80_.v1_.a.example.com"], ["gw"], ["outbound_.80_.v1_.a.example.com"]
    ),
    "idle timeout below a millisecond": _pool("tcp", idleTimeout="0.5ms"),
    "aggression below 1": _policy(loadBalancer={"warmup": {"duration": "1s", "aggression": 0.5}}),
    "unverified, but without TLS": _policy(tls={"insecureSkipVerify": True, "caCertificates": "/a"}),
    "only a retry budget": _policy(retryBudget={"percent": 20}),
    "distribute with failoverPriority": _policy(
        loadBalancer={
            "localityLbSetting": {"distribute": [{"from": "a", "to": {"a": 100}}], "failoverPriority": ["version"]}
        }
    ),
    "locality with slashes in its subzone": _policy(
        loadBalancer={"localityLbSetting": {"distribute": [{"from": "a", "to": {"a/b/c/d": 50, "a/b/c": 50}}]}}
    ),
    "word without a meaning": changed(GATEWAY, "spec.servers.0.tls", {"mode": 17}),
    "null in a list of texts": changed(SERVICE_ENTRY, "spec.subjectAltNames", [None]),
    "endpoint of another network": _endpoint("STATIC", network="far"),
    "number in quotes, with a space": changed(VIRTUAL_SERVICE, "spec.http.0.route.0.weight", " 5"),
    "claim in any case of letters": _http_at_gateway({"@Request.Auth.Claims.a": {"exact": "b"}}),
    "claim in brackets that do not pair": _http_at_gateway({"@request.auth.claims[a[b]": {"exact": "b"}}),
    "header of HTTP/2's first line": _http(match=[{"headers": {":path": {"exact": "/"}}}]),
    "format with a plain argument": _http(headers={"request": {"set": {"a": "%START_TIME(%s.%3f)%"}}}),
    "unknown field": changed(VIRTUAL_SERVICE, "spec.http.0.route.0.wait", 5),
}

REFUSED = {
    "redirect by path and by prefix": _redirect({"uri": "/a", "prefixRewrite": "/b"}),
    "prefixRewrite of an exact path": _redirect({"prefixRewrite": "/a"}, match=[{"uri": {"exact": "/b"}}]),
    "prefixRewrite of a regular expression": _redirect({"prefixRewrite": "/a"}, match=[{"uri": {"regex": "/b"}}]),
    "absent header without a name": _http(match=[{"withoutHeaders": {"x a": {"regex": "*"}}}]),
    "authority set twice": _http(rewrite={"authority": "a"}, headers={"request": {"add": {"Host": ""}}}),
    "route of the Gateway API without destination": _made_of_route(["a/b"], [{}]),
    "name that sidecars send, for the mesh": _tls_route(["outbound_.80_._.a.example.com"], ["mesh", "gw"]),
    "host that sidecars send, without TLS": changed(
        changed(VIRTUAL_SERVICE, "spec.hosts", ["outbound_.80_._.a.example.com"]), "spec.gateways", ["gw"]
    ),
    "idle timeout of a broken millisecond": _pool("tcp", idleTimeout="1.5ms"),
    "negative idle timeout": _pool("tcp", idleTimeout="-1s"),
    "client's protocol, and upgraded": _pool("http", useClientProtocol=True, h2UpgradePolicy="UPGRADE"),
    "tunnel with the PROXY protocol": _policy(tunnel={"targetHost": "a", "targetPort": 80}, proxyProtocol={}),
    "port without a setting": _policy(portLevelSettings=[{"port": {"number": 80}}]),
    "version of PROXY that does not exist": _policy(proxyProtocol={"version": 2}),
    "resolution that does not exist": changed(SERVICE_ENTRY, "spec.resolution", 9),
    "failoverPriority for what failover does": _policy(
        loadBalancer={
            "localityLbSetting": {
                "failover": [{"from": "a", "to": "b"}],
                "failoverPriority": ["topology.kubernetes.io/zone"],
            }
        }
    ),
    "DNS endpoint of another network": _endpoint("DNS", network="far"),
    "length of a prefix with a zero in front": changed(SERVICE_ENTRY, "spec.addresses", ["10.0.0.0/08"]),
    "workload entry without an address": changed(WORKLOAD_ENTRY, "spec.address", ""),
    "workload entry with a port that has no name": changed(WORKLOAD_ENTRY, "spec.ports", {"a.b": 80}),
    "claim for the mesh, in any case of letters": _http(match=[{"headers": {"@Request.auth.claims.a": {}}}]),
    "header with a colon": _http(match=[{"headers": {":host": {"exact": "a"}}}]),
    "CORS header of HTTP/2's first line": _http(corsPolicy={"allowHeaders": [":path"]}),
    "format without an argument": _http(headers={"request": {"set": {"a": "%A()%"}}}),
    "format with a tab": _http(headers={"request": {"set": {"a": '%A(["x"]\t)%'}}}),
    "format with a quote in its argument": _http(headers={"request": {"set": {"a": '%A(x"y)%'}}}),
    "format with a parenthesis in a text": _http(headers={"request": {"set": {"a": '%A(["a)b"])%'}}}),
    "number in quotes with letters": changed(VIRTUAL_SERVICE, "spec.http.0.route.0.weight", "5x"),
    "a number in quotes that is none": _policy(loadBalancer={"warmup": {"duration": "1s", "minimumPercent": "1_0"}}),
}


@pytest.mark.parametrize("raw", [pytest.param(raw, id=name) for name, raw in TAKEN.items()])
def test_taken(raw: Raw) -> None:
    assert _refusals(raw) == []


@pytest.mark.parametrize("raw", [pytest.param(raw, id=name) for name, raw in REFUSED.items()])
def test_refused(raw: Raw) -> None:
    assert _refusals(raw)


def test_of_two_spellings_that_of_json_wins() -> None:
    raw = changed(changed(VIRTUAL_SERVICE, "spec.exportTo", ["a"]), "spec.export_to", ["b"])
    _, problems = _DECODER.decode(raw)
    assert [problem.code for problem in problems] == [codes.DUPLICATE_KEY]
