"""Who decides which TLS a proxy takes and sends: the objects and fields, for one who asks why."""

from __future__ import annotations

import pytest

from meshgate.mesh import Facts
from meshgate.plan import Proxy
from meshgate.plan.tls_reasons import Reason, TlsReasons
from tests.mesh.objects import endpoint_slice, istio, pod, service, snapshot
from tests.plan.planned import PLAIN, ROUTER, SIDECAR, mesh

WEB = "web.default.svc.cluster.local"
CLIENT = SIDECAR
SERVER = Proxy(role="sidecar", name="web-1", namespace="default", labels=(("app", "web"),), addresses=("10.0.0.1",))
LABELLED = {"app": "web", "security.istio.io/tlsMode": "istio"}
WORKLOADS = (
    service("web", "http:80:8080", "admin:81:8081", ip="10.96.0.1", selector="web")
    + endpoint_slice("web", "http:8080", "10.0.0.1", "10.0.0.2")
    + pod("web-1", "10.0.0.1", **LABELLED)
    + pod("web-2", "10.0.0.2", app="web")
)
EXTERNAL = istio(
    "ServiceEntry",
    "out",
    "{hosts: [a.com], ports: [{number: 443, name: tls, protocol: TLS}], resolution: DNS, location: MESH_EXTERNAL}",
)


def reasons(text: str = "", proxy: Proxy = CLIENT, facts: Facts = PLAIN) -> TlsReasons:
    return TlsReasons(snapshot(WORKLOADS + text, facts), proxy)


def said(found: tuple[Reason, ...] | Reason) -> list[str]:
    several = found if isinstance(found, tuple) else (found,)
    return [f"{reason.origin or '-'}: {reason.text}" for reason in several]


def sent(
    found: TlsReasons, *, tls: bool, host: str = WEB, subset: str = "", port: int = 80, to: tuple[str, ...] = ()
) -> list[str]:
    return said(found.sent(host, subset, port, opens_tls=tls, endpoints=[(address, 8080) for address in to]))


def test_what_leads_to_a_port() -> None:
    found = reasons(service("too", "x:9:8080", ip="10.96.0.2", selector="web"), SERVER)
    assert found.served(8080) == ("too.default.svc.cluster.local:9", f"{WEB}:80")
    assert found.served(8081) == (f"{WEB}:81",)
    assert found.served(1) == ()


def test_who_says_what_a_port_takes() -> None:
    assert said(reasons(proxy=SERVER).taken(8080)) == ["-: no PeerAuthentication says otherwise"]
    policy = istio("PeerAuthentication", "mine", "{mtls: {mode: STRICT}}")
    assert said(reasons(policy, SERVER).taken(0)) == [
        "PeerAuthentication/default/mine spec.mtls.mode: for the namespace"
    ]
    own = istio(
        "PeerAuthentication",
        "own",
        "{selector: {matchLabels: {app: web}}, portLevelMtls: {8080: {mode: DISABLE}}}",
    )
    assert said(reasons(policy + own, SERVER).taken(8080)) == [
        "PeerAuthentication/default/own spec.portLevelMtls[8080].mode: for the port"
    ]


def test_a_sidecar_says_which_ports_there_are() -> None:
    sidecar = istio(
        "Sidecar",
        "mine",
        "{ingress: [{port: {number: 8080, name: http, protocol: HTTP}, defaultEndpoint: '127.0.0.1:1'},"
        " {port: {number: 7000, name: tcp, protocol: TCP}, defaultEndpoint: '127.0.0.1:2'}]}",
    )
    found = reasons(sidecar, SERVER)
    assert (found.served(8080), found.served(7000), found.served(8081)) == ((f"{WEB}:8080",), (), ())
    assert said(found.taken(7000)) == ["-: no PeerAuthentication says otherwise"]
    [own] = said(found.taken(7000, has_own_tls=True))
    assert own.startswith("Sidecar/default/mine ")
    assert own.endswith("tls: ingress listener of the Sidecar")


GATEWAY = istio(
    "Gateway",
    "door",
    "{selector: {istio: ingressgateway}, servers: ["
    "{port: {number: 443, name: https-a, protocol: HTTPS}, hosts: [a.com], tls: {mode: SIMPLE, credentialName: a}},"
    "{port: {number: 443, name: https-b, protocol: HTTPS}, hosts: [b.com], tls: {mode: SIMPLE, credentialName: b}},"
    "{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}",
)


def test_servers_of_a_gateway() -> None:
    found = reasons(GATEWAY, ROUTER)
    text = "server of the Gateway"
    assert said(found.taken_by_gateway(443, ("b.com",))) == [
        f"Gateway/default/door spec.servers[1].tls: {text} says SIMPLE"
    ]
    assert said(found.taken_by_gateway(80, ())) == [f"Gateway/default/door spec.servers[2]: {text}"]
    assert len(found.taken_by_gateway(443, ("c.com",))) == 2, "names that no server has alone: all of the port"
    assert found.taken_by_gateway(81, ()) == ()


def rule(policy: str, subsets: str = "[]") -> str:
    return istio("DestinationRule", "web", f"{{host: web, trafficPolicy: {policy}, subsets: {subsets}}}")


@pytest.mark.parametrize(
    ("text", "subset", "tls", "expected"),
    [
        pytest.param(
            rule("{tls: {mode: ISTIO_MUTUAL}}"),
            "",
            True,
            "DestinationRule/default/web spec.trafficPolicy.tls: DestinationRule says ISTIO_MUTUAL",
            id="host",
        ),
        pytest.param(
            rule(
                "{portLevelSettings: ["
                "{port: {number: 81}, tls: {mode: SIMPLE}}, {port: {number: 80}, tls: {mode: DISABLE}}]}"
            ),
            "",
            False,
            "DestinationRule/default/web spec.trafficPolicy.portLevelSettings[1].tls: DestinationRule says DISABLE",
            id="port",
        ),
        pytest.param(
            rule("{tls: {mode: DISABLE}}", "[{name: v1, trafficPolicy: {tls: {mode: SIMPLE}}}]"),
            "v1",
            True,
            "DestinationRule/default/web spec.subsets[0].trafficPolicy.tls: DestinationRule says SIMPLE",
            id="subset",
        ),
        pytest.param(
            rule("{tls: {mode: SIMPLE, credentialName: x}}"),
            "",
            False,
            "DestinationRule/default/web spec.trafficPolicy.tls: DestinationRule says SIMPLE, by a Secret that is for "
            "gateways, and for sidecars that a workloadSelector selects",
            id="a Secret that a sidecar does not use",
        ),
    ],
)
def test_a_destination_rule_decides(text: str, subset: str, tls: bool, expected: str) -> None:
    assert sent(reasons(text), tls=tls, subset=subset) == [expected]


def test_automatic_mutual_tls_goes_by_labels() -> None:
    found = reasons()
    assert sent(found, tls=True, to=("10.0.0.1",)) == ["-: automatic: labelled security.istio.io/tlsMode: istio"]
    unlabelled = "-: automatic: not labelled security.istio.io/tlsMode: istio"
    assert sent(found, tls=False, to=("10.0.0.2", "10.9.9.9")) == [unlabelled]
    assert sent(found, tls=False) == [unlabelled], "wherever the client goes"


def test_a_policy_at_the_other_end_wants_plaintext() -> None:
    policy = istio(
        "PeerAuthentication",
        "plain",
        "{selector: {matchLabels: {app: web}}, portLevelMtls: {8080: {mode: DISABLE}}}",
    )
    found = reasons(policy)
    assert sent(found, tls=False, to=("10.0.0.1", "10.0.0.2")) == [
        "-: automatic: not labelled security.istio.io/tlsMode: istio",
        "PeerAuthentication/default/plain spec.portLevelMtls[8080].mode: for the port there: DISABLE",
    ]


def test_automatic_mutual_tls_is_switched_off() -> None:
    assert sent(reasons(facts=mesh(enable_auto_mtls=False)), tls=False, to=("10.0.0.1",)) == [
        "-: MeshConfig enableAutoMtls is false"
    ]


def test_outside_of_the_mesh() -> None:
    assert sent(reasons(EXTERNAL), tls=False, host="a.com", port=443) == [
        "ServiceEntry/default/out spec.hosts[0]: outside of the mesh"
    ]
    assert sent(reasons(), tls=False, host="gone.com") == ["-: outside of the mesh"]
