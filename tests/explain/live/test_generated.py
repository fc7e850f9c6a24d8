"""meshgate's own resources: each call goes in a live Envoy where the simulation says it goes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from msgspec.structs import replace

from meshgate.api import decode, documents, has_errors
from meshgate.envoy import emit
from meshgate.explain import Call, Configuration
from meshgate.mesh import Facts, build
from meshgate.plan import Proxy, plan
from tests.conformance.cases import SIMULATION, case_files, read_cases
from tests.conformance.compiled import compile_case
from tests.conformance.scope import why_call_is_out, why_case_is_out
from tests.explain.live.agreement import Agreement, agreeing_envoy
from tests.explain.simulate.made import Fields, call

YAML = Path(__file__).with_name("generated.yaml")
FILES = list(case_files([SIMULATION / "cases"])) if SIMULATION.is_dir() else []
GATEWAY = Proxy(
    role="router", name="gw", namespace="edge", labels=(("istio", "ingressgateway"),), addresses=("10.0.0.1",)
)
SIDECAR = Proxy(role="sidecar", name="own", namespace="apps", addresses=("10.244.0.5",))

pytestmark = [pytest.mark.envoy, pytest.mark.slow]


@pytest.fixture(scope="module")
def agreement() -> Iterator[Agreement]:
    with agreeing_envoy() as found:
        yield found


def _compiled(proxy: Proxy) -> Configuration:
    read, problems = documents(YAML.read_text(), YAML.name)
    assert not has_errors(problems)
    decoded = [decode(one.raw) for one in read]
    assert [str(problem) for _, found in decoded for problem in found if problem.severity == "error"] == []
    snapshot, _ = build([resource for resource, _ in decoded if resource is not None], Facts())
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
