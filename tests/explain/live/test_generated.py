"""meshgate's own resources: each call goes in a live Envoy where the simulation says it goes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from msgspec.structs import replace

from meshgate.api import MeshLayer, decode, documents, has_errors, mesh_config
from meshgate.envoy import emit
from meshgate.explain import Call, Configuration
from meshgate.mesh import Facts, build
from meshgate.plan import Proxy, plan
from tests.conformance.cases import SIMULATION, case_files, read_cases
from tests.conformance.compiled import compile_case
from tests.conformance.scope import why_call_is_out, why_case_is_out
from tests.explain.live.agreement import Agreement, agreeing_envoy
from tests.explain.simulate.made import Fields, call

FOLDER = Path(__file__).parent
FILES_OF_OURS = ("generated.yaml", "actions.yaml")
FILES = list(case_files([SIMULATION / "cases"])) if SIMULATION.is_dir() else []
GATEWAY = Proxy(
    role="router", name="gw", namespace="edge", labels=(("istio", "ingressgateway"),), addresses=("10.0.0.1",)
)
SIDECAR = Proxy(role="sidecar", name="own", namespace="apps", labels=(("app", "own"),), addresses=("10.244.0.5",))

pytestmark = [pytest.mark.envoy, pytest.mark.slow]


@pytest.fixture(scope="module")
def agreement() -> Iterator[Agreement]:
    with agreeing_envoy() as found:
        yield found


def _compiled(proxy: Proxy, facts: Facts | None = None) -> Configuration:
    decoded = []
    for name in FILES_OF_OURS:
        read, problems = documents((FOLDER / name).read_text(), name)
        assert not has_errors(problems)
        decoded += [decode(one.raw) for one in read]
    assert [str(problem) for _, found in decoded for problem in found if problem.severity == "error"] == []
    snapshot, _ = build([resource for resource, _ in decoded if resource is not None], facts or Facts())
    made, _ = plan(snapshot, proxy)
    return Configuration.of(emit(made))


def test_gateway(agreement: Agreement) -> None:
    hosts = ["exact.test", "exact.test:80", "a.wild.test", "b.wild.test", "wild.test", "tls.test", "other.test"]
    paths = [
        "/",
        "/r12",
        "/r12x",
        "/old/a?q",
        "/exact",
        "/exact/",
        "/w/1",
        "/nowhere",
        "/any",
        "/a/../exact",
        "/%65xact",
    ]
    conditions: list[Fields] = [
        {"method": "POST"},
        {"headers": [("x-exact", "1"), ("x-prefix", "abc")]},
        {"headers": [("x-exact", "1")]},
        {"headers": [("x-regex", "aab")]},
        {"headers": [("x-regex", "aabc")]},
        {"headers": [("X-Present", "")]},
    ]
    asked = [
        *(call({"port": port, "host": host, "path": path}) for port, host, path in product((80, 8080), hosts, paths)),
        *(call({"host": "exact.test", "path": path, **fields}) for path, fields in product(paths, conditions)),
    ]
    asked += [call({"port": 9000, "protocol": protocol}) for protocol in ("http", "http2", "tcp")]
    assert "\n".join(agreement.differences(_compiled(GATEWAY), asked)) == ""


def test_sidecar_out(agreement: Agreement) -> None:
    addresses = ["10.96.0.1", "10.96.0.2", "10.96.0.3", "10.96.0.4", "192.0.2.1", "2001:db8::1"]
    ports = [80, 81, 82, 83, 90, 443, 15001, 9999]
    kinds: list[Fields] = [
        *(
            {"protocol": "http", "host": host}
            for host in ("web", "web.apps:80", "auto.apps", "outside.test", "other.test")
        ),
        {"protocol": "http", "host": "web", "headers": [("x-canary", "yes")]},
        {"protocol": "http", "host": "other.test", "path": "/any"},
        {"protocol": "http2", "host": "other-http"},
        {"protocol": "tcp"},
        {"protocol": "http", "tls": "tls", "sni": "outside.test", "alpn": ["h2", "http/1.1"]},
    ]
    asked = [
        call({"arrival": "outbound", "address": address, "port": port, **fields})
        for address, port, fields in product(addresses, ports, kinds)
    ]
    assert "\n".join(agreement.differences(_compiled(SIDECAR), asked)) == ""


_ORIGIN = "Access-Control-Request-Method"
_ASKED: list[Fields] = [
    *(
        {"path": f"/query?{query}"}
        for query in ("", "exact=1", "exact=2", "prefix=abc&regex=12", "prefix=abc", "any", "any=")
    ),
    {"path": "/without"},
    *({"path": "/without", "headers": [one]} for one in (("x-exact", "1"), ("x-exact", "2"), ("x-prefix", "abc"))),
    *({"path": "/without", "headers": [one]} for one in (("x-regex", "12"), ("x-regex", "a"), ("x-any", ""))),
    {"path": "/scheme"},
    {"path": "/scheme", "headers": [("x-forwarded-proto", "https")]},
    *({"path": path} for path in ("/fold", "/FOLD", "/foldER/x", "/folde", "/authority", "/source", "/source/edge")),
    *({"path": path} for path in ("/rewrite/a?b", "/rewrite/", "/whole?q", "/whole/", "/regex/a/b/c?q", "/regex/a")),
    *({"path": path} for path in ("/redirect/port?q", "/redirect/from/a", "/redirect/default", "/lost", "/")),
    {"path": "/redirect/from", "host": "actions.test:80"},
    {"path": "/redirect/default", "host": "actions.test:80"},
    {"path": "/headers", "headers": [("x-set", "own"), ("x-add", "own"), ("x-gone", "own")]},
    {"path": "/weighted", "headers": [("x-set", "own")]},
    *({"path": path} for path in ("/fault/http", "/fault/grpc", "/fault/never", "/mirrored", "/cors/ignored")),
    *(
        {"method": method, "path": path, "headers": [("Origin", origin), (_ORIGIN, "GET")]}
        for method in ("OPTIONS", "GET")
        for path in ("/cors/ignored", "/cors/forwarded")
        for origin in ("http://good.test", "http://g12", "http://bad.test")
    ),
]


@pytest.mark.parametrize("proxy", [GATEWAY, SIDECAR], ids=["gateway", "sidecar"])
def test_matches_and_actions(agreement: Agreement, proxy: Proxy) -> None:
    arrival = "gateway" if proxy.role == "router" else "outbound"
    asked = [call({"host": "actions.test", "address": "192.0.2.1", "arrival": arrival, **one}) for one in _ASKED]
    before = agreement.count
    assert "\n".join(agreement.differences(_compiled(proxy), asked)) == ""
    assert agreement.count == before + len(asked)


def test_tcp_routes(agreement: Agreement) -> None:
    addresses = ["10.96.0.3", "192.0.2.9", "198.51.100.7", "198.51.100.8"]
    out = [call({"arrival": "outbound", "address": one, "port": 82, "protocol": "tcp"}) for one in addresses]
    assert "\n".join(agreement.differences(_compiled(SIDECAR), out)) == ""
    at_gateway = [call({"port": 9001, "protocol": "tcp"}) for _ in range(5)]
    assert "\n".join(agreement.differences(_compiled(GATEWAY), at_gateway)) == ""


@pytest.mark.parametrize("policy", ["REGISTRY_ONLY", "ALLOW_ANY_DYNAMIC_DNS"])
def test_unknown_hosts(agreement: Agreement, policy: str) -> None:
    content = json.dumps({"outboundTrafficPolicy": {"mode": policy}})
    mesh, problems = mesh_config([MeshLayer(content=content, path="meshConfig")])
    assert not has_errors(problems)
    asked = [
        call({"arrival": "outbound", "address": "192.0.2.1", "port": port, "host": host, "protocol": protocol})
        for port, host, protocol in product((80, 81, 9999), ("web", "other.test", "actions.test"), ("http", "tcp"))
    ]
    assert "\n".join(agreement.differences(_compiled(SIDECAR, Facts(mesh=mesh)), asked)) == ""


def test_sidecar_in(agreement: Agreement) -> None:
    kinds: list[Fields] = [
        {"protocol": "http", "host": "own.test"},
        {"protocol": "http2", "host": "anything"},
        {"protocol": "tcp"},
        {"protocol": "tcp", "tls": "tls", "alpn": ["h2"]},
    ]
    asked = [
        call({"arrival": "inbound", "address": "10.244.0.5", "port": port, **fields})
        for port, fields in product((70, 71, 72, 73, 15006), kinds)
    ]
    assert "\n".join(agreement.differences(_compiled(SIDECAR), asked)) == ""


@pytest.mark.skipif(not FILES, reason="../shared/conformance is not here")
def test_conformance_cases(agreement: Agreement) -> None:
    for case in (case for path in FILES for case in read_cases(path)):
        calls = [one.fields.as_call() for one in case.calls if not why_call_is_out(case, one)]
        if calls and not why_case_is_out(case):
            whole = [_whole(one, is_gateway=case.proxy.type == "router") for one in calls]
            assert "\n".join(agreement.differences(compile_case(case), whole)) == "", case.id


def _whole(asked: Call, *, is_gateway: bool) -> Call:
    """As a client would make it: with a host, and at a gateway without redirection."""
    return replace(asked, host=asked.host or asked.address, arrival="gateway" if is_gateway else asked.arrival)
