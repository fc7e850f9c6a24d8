"""What is said of a proxy's TLS is what its filter chains do, whoever decides it."""

from __future__ import annotations

import itertools

import pytest

from meshgate.app.authn import Authn, authn, authn_json
from meshgate.app.tables import Tables
from meshgate.envoy import Memo
from meshgate.host.envoy_binary import load_schema
from meshgate.mesh import PeerAuthenticationIndex
from meshgate.plan import Proxy, plan
from tests.mesh.objects import istio, pod, service, snapshot
from tests.plan.planned import PLAIN, ROUTER

SERVER = Proxy(
    role="sidecar",
    name="web-1",
    namespace="default",
    labels=(("app", "web"),),
    addresses=("10.0.0.1",),
    service_account="runner",
)
WORKLOAD = service(
    "web", "http:80:8080", "tcp:81:8081", "auto:82:8082", "https:83:8083", ip="10.96.0.1", selector="web"
) + pod("web-1", "10.0.0.1", app="web")
PORTS = (0, 8080, 8081, 8082, 8083, 9999)
MODES = ("", "UNSET", "DISABLE", "PERMISSIVE", "STRICT")


def of(text: str, proxy: Proxy = SERVER) -> Authn:
    seen = snapshot(WORKLOAD + text, PLAIN)
    tables = Tables(Memo())
    tables.turn(seen.endpoints)
    return authn(seen, proxy, tables.of(plan(seen, proxy)[0]))


@pytest.fixture(autouse=True, scope="module")
def _schema() -> None:
    load_schema()


def policies(mesh: str, namespace: str, port: str) -> str:
    text = istio("PeerAuthentication", "all", f"{{mtls: {{mode: {mesh}}}}}", namespace="istio-system") if mesh else ""
    text += istio("PeerAuthentication", "ours", f"{{mtls: {{mode: {namespace}}}}}") if namespace else ""
    if port:
        own = f"{{8081: {{mode: {port}}}, 9999: {{mode: {port}}}}}"
        spec = f"{{selector: {{matchLabels: {{app: web}}}}, portLevelMtls: {own}}}"
        text += istio("PeerAuthentication", "port", spec)
    return text


@pytest.mark.parametrize(
    ("mesh", "namespace", "port"), list(itertools.product(MODES, ("", "DISABLE", "STRICT"), MODES))
)
def test_the_mode_of_the_chains_is_the_one_of_who_decides(mesh: str, namespace: str, port: str) -> None:
    text = policies(mesh, namespace, port)
    world = snapshot(WORKLOAD + text, PLAIN).world
    index = PeerAuthenticationIndex(world.peer_authentications, world.mesh.root_namespace)
    found = {each.accepted.port: each for each in of(text).taken}
    assert set(found) == set(PORTS) - (set() if port else {9999})
    for number, taken in found.items():
        decision = index.decision("default", SERVER.labels, number)
        assert taken.accepted.mode("sidecar") == decision.mode.value, number
        assert [reason.origin for reason in taken.reasons] == [decision.origin]


def test_what_permissive_ports_take() -> None:
    found = {each.accepted.port: set(each.accepted.takes) for each in of("").taken}
    assert found[8080] == {"mTLS", "plaintext"}
    assert found[8081] == found[8082] == found[8083] == found[0] == {"mTLS", "plaintext", "TLS of its own"}


def test_who_it_is_and_where_it_is_said() -> None:
    text = policies("STRICT", "", "PERMISSIVE")
    told = authn_json(of(text), lambda origin: f"a.yaml:{len(origin.path)}")
    assert told["identity"] == "spiffe://cluster.local/ns/default/sa/runner"
    ports = {each["port"]: each for each in told["accepts"]}
    assert ports[8080]["services"] == ["web.default.svc.cluster.local:80"]
    assert ports[8080]["tls"]["certificates"] == ["default"]
    assert ports[8080]["tls"]["peerNames"] == ["spiffe://cluster.local/*"]
    assert ports[8080]["why"] == [
        {
            "text": "for the mesh",
            "ref": "PeerAuthentication/istio-system/all",
            "path": "spec.mtls.mode",
            "position": "a.yaml:14",
        }
    ]
    assert ports[8081]["why"][0]["path"] == "spec.portLevelMtls[8081].mode"


def test_servers_of_a_gateway() -> None:
    gateway = istio(
        "Gateway",
        "door",
        "{selector: {istio: ingressgateway}, servers: ["
        "{port: {number: 443, name: a, protocol: HTTPS}, hosts: [a.com], tls: {mode: SIMPLE, credentialName: a}},"
        "{port: {number: 443, name: b, protocol: TLS}, hosts: [b.com], tls: {mode: PASSTHROUGH}},"
        "{port: {number: 443, name: c, protocol: HTTPS}, hosts: [c.com], tls: {mode: ISTIO_MUTUAL}},"
        "{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}",
    )
    route = istio(
        "VirtualService",
        "b",
        "{hosts: [b.com], gateways: [door], "
        "tls: [{match: [{sniHosts: [b.com]}], route: [{destination: {host: web}}]}]}",
    )
    found = of(gateway + route, ROUTER).taken
    assert [
        (each.accepted.port, each.accepted.server_names, each.accepted.mode("router"), str(each.reasons[0].origin))
        for each in found
    ] == [
        (80, (), "plaintext", "Gateway/default/door spec.servers[3]"),
        (443, ("a.com",), "SIMPLE", "Gateway/default/door spec.servers[0].tls"),
        (443, ("b.com",), "PASSTHROUGH", "Gateway/default/door spec.servers[1].tls"),
        (443, ("c.com",), "ISTIO_MUTUAL", "Gateway/default/door spec.servers[2].tls"),
    ]
