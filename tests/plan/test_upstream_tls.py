"""TLS of the mesh towards endpoints: automatic by what each endpoint takes, or as a DestinationRule says."""

from __future__ import annotations

import pytest

from meshgate.mesh import Facts
from meshgate.plan import Proxy, load_assignments
from meshgate.plan.values import (
    ClusterPlan,
    PeerValidation,
    SecretReference,
    TextExact,
    TlsChoice,
    TlsParameters,
    UpstreamTls,
)
from tests.mesh.objects import endpoint_slice, istio, pod, service, snapshot
from tests.plan.planned import PLAIN, ROUTER, SIDECAR, cluster, mesh, planned, problems

WEB = "web.default.svc.cluster.local"
NAME = f"outbound|80||{WEB}"
ACCOUNT = "spiffe://cluster.local/ns/default/sa/default"
LABELLED = {"security.istio.io/tlsMode": "istio"}
SERVED = service("web", "http:80", "http2:81", "auto:82", "tcp:83", ip="10.96.0.1") + endpoint_slice(
    "web", "http:8080", "10.0.0.1", "10.0.0.2"
)
MIXED = SERVED + pod("one", "10.0.0.1", **LABELLED) + pod("two", "10.0.0.2")


def mesh_tls(port: int = 80, host: str = WEB, subset: str = "", *, names: tuple[str, ...] = (ACCOUNT,)) -> UpstreamTls:
    """What is opened to a port for HTTP/1.1."""
    return UpstreamTls(
        certificates=(SecretReference(name="default"),),
        validation=PeerValidation(
            roots=SecretReference(name="ROOTCA"), subject_alt_names=tuple(TextExact(value=name) for name in names)
        ),
        sni=f"outbound_.{port}_.{subset}_.{host}",
        alpn=("istio-http/1.1", "istio", "http/1.1"),
        parameters=TlsParameters(minimum_version="TLSv1_2", maximum_version="TLSv1_3"),
    )


def automatic(tls: UpstreamTls) -> tuple[TlsChoice, ...]:
    return (
        TlsChoice(name="tlsMode-istio", tls_mode="istio", tls=tls),
        TlsChoice(name="tlsMode-disabled", tls_mode="", tls=None),
    )


def rule(tls: str, host: str = "web", rest: str = "") -> str:
    return istio("DestinationRule", "dr", f"{{host: {host}, trafficPolicy: {{tls: {tls}}}{rest}}}")


def policy(mode: str, rest: str = "") -> str:
    return istio("PeerAuthentication", "policy", f"{{mtls: {{mode: {mode}}}{rest}}}")


def of(text: str, name: str = NAME, proxy: Proxy = SIDECAR, facts: Facts = PLAIN) -> ClusterPlan:
    return cluster(planned(text, proxy, facts), name)


def tls_of(text: str, name: str = NAME, proxy: Proxy = SIDECAR) -> UpstreamTls:
    found = of(text, name, proxy)
    assert found.tls_choices == ()
    assert found.tls is not None
    return found.tls


def modes(text: str, name: str = NAME) -> dict[str, str]:
    """What the endpoints of a cluster say of themselves."""
    plan, table = planned(text), snapshot(text, PLAIN).endpoints
    (assigned,) = (one for one in load_assignments(table, plan.clusters) if one.cluster == name)
    found = (endpoint for locality in assigned.localities for endpoint in locality.endpoints)
    return {getattr(endpoint.address, "address", ""): endpoint.tls_mode for endpoint in found}


@pytest.mark.parametrize("proxy", [SIDECAR, ROUTER], ids=["sidecar", "gateway"])
def test_each_endpoint_gets_what_it_takes(proxy: Proxy) -> None:
    found = of(MIXED, proxy=proxy)
    assert found.tls is None
    assert found.tls_choices == automatic(mesh_tls())
    assert modes(MIXED) == {"10.0.0.1": "istio", "10.0.0.2": ""}


def test_a_label_that_switches_off_is_not_passed_on() -> None:
    assert modes(MIXED.replace("tlsMode: istio", "tlsMode: disabled")) == {"10.0.0.1": "", "10.0.0.2": ""}


@pytest.mark.parametrize(
    ("port", "alpn"),
    [
        pytest.param(80, ("istio-http/1.1", "istio", "http/1.1"), id="http"),
        pytest.param(81, ("istio-h2", "istio", "h2"), id="http2"),
        pytest.param(82, ("istio-http/1.1", "istio"), id="sniffed"),
        pytest.param(83, ("istio",), id="tcp"),
    ],
)
def test_alpn_says_what_comes(port: int, alpn: tuple[str, ...]) -> None:
    tls = of(MIXED, f"outbound|{port}||{WEB}").tls_choices[0].tls
    assert tls is not None
    assert tls.alpn == alpn


def test_a_gateway_speaks_its_own_http_to_a_sniffed_port() -> None:
    tls = of(MIXED, f"outbound|82||{WEB}", ROUTER).tls_choices[0].tls
    assert tls is not None
    assert tls.alpn == ("istio-http/1.1", "istio", "http/1.1")


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        pytest.param(MIXED, mesh(enable_auto_mtls=False), id="switched-off"),
        pytest.param(MIXED + rule("{mode: DISABLE}"), PLAIN, id="disabled-by-rule"),
        pytest.param(MIXED + policy("DISABLE"), PLAIN, id="disabled-by-policy"),
    ],
)
def test_plaintext_is_sent_where_somebody_says_so(text: str, facts: Facts) -> None:
    found = of(text, facts=facts)
    assert (found.tls, found.tls_choices, found.has_own_alpn) == (None, (), False)


def test_a_policy_for_one_workload_changes_its_endpoint_alone() -> None:
    text = SERVED + pod("one", "10.0.0.1", **LABELLED, app="one") + pod("two", "10.0.0.2", **LABELLED)
    text += policy("DISABLE", ", selector: {matchLabels: {app: one}}")
    assert of(text).tls_choices == automatic(mesh_tls())
    assert modes(text) == {"10.0.0.1": "", "10.0.0.2": "istio"}


def test_outside_of_the_mesh_nothing_is_automatic() -> None:
    ports = "ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC"
    listed = "endpoints: [{address: 10.1.0.1, labels: {security.istio.io/tlsMode: istio}}]"
    text = istio("ServiceEntry", "out", f"{{hosts: [a.org], {ports}, {listed}}}")
    assert of(text, "outbound|80||a.org").tls_choices == ()
    inside = text.replace("{hosts", "{location: MESH_INTERNAL, hosts")
    assert of(inside, "outbound|80||a.org").tls_choices == automatic(mesh_tls(host="a.org", names=()))
    assert modes(inside, "outbound|80||a.org") == {"10.1.0.1": "istio"}


def test_endpoints_that_are_names_say_it_in_the_cluster() -> None:
    ports = "ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS"
    listed = "endpoints: [{address: one.org, serviceAccount: db}, {address: two.org}]"
    text = istio("ServiceEntry", "db", f"{{location: MESH_INTERNAL, hosts: [db.org], {ports}, {listed}}}")
    found = of(text, "outbound|80||db.org")
    known = "spiffe://cluster.local/ns/default/sa/db"
    assert found.tls_choices == automatic(mesh_tls(host="db.org", names=(known,)))
    assert found.load_assignment is not None
    (locality,) = found.load_assignment.localities
    assert [endpoint.tls_mode for endpoint in locality.endpoints] == ["istio", ""]


HEADLESS = service("db", "http:80", ip="None") + endpoint_slice("db", "http:80", "10.0.0.1", "10.0.0.2")
DB = "outbound|80||db.default.svc.cluster.local"


def test_without_choice_of_an_endpoint_all_of_them_must_be_labelled() -> None:
    one, two = pod("one", "10.0.0.1", **LABELLED), pod("two", "10.0.0.2", **LABELLED)
    assert tls_of(HEADLESS + one + two, DB) == mesh_tls(host="db.default.svc.cluster.local")
    for text in (HEADLESS + one, HEADLESS + one + pod("two", "10.0.0.2"), service("db", "http:80", ip="None")):
        found = of(text, DB)
        assert (found.type, found.tls, found.tls_choices) == ("ORIGINAL_DST", None, ())
    assert of(HEADLESS + one + pod("two", "10.0.0.2"), DB, ROUTER).tls_choices != ()


def test_where_a_rule_lets_connections_pass_it_is_the_same() -> None:
    passing = istio("DestinationRule", "dr", "{host: web, trafficPolicy: {loadBalancer: {simple: PASSTHROUGH}}}")
    assert of(MIXED + passing).tls is None
    assert tls_of(MIXED.replace(pod("two", "10.0.0.2"), pod("two", "10.0.0.2", **LABELLED)) + passing) == mesh_tls()


def test_a_rule_may_demand_it() -> None:
    assert tls_of(MIXED + rule("{mode: ISTIO_MUTUAL}")) == mesh_tls()
    given = tls_of(MIXED + rule("{mode: ISTIO_MUTUAL, sni: a.org, subjectAltNames: [b.org]}"))
    assert given.sni == "a.org"
    assert given.validation is not None
    assert given.validation.subject_alt_names == (TextExact(value="b.org"),)
    assert of(MIXED + rule("{mode: ISTIO_MUTUAL}"), facts=mesh(enable_auto_mtls=False)).tls == mesh_tls()
    assert problems(MIXED + rule("{mode: ISTIO_MUTUAL}")) == []


def test_a_subset_has_a_name_of_its_own() -> None:
    subsets = ", subsets: [{name: v1}, {name: v2, trafficPolicy: {tls: {mode: DISABLE}}}]"
    text = MIXED + rule("{mode: ISTIO_MUTUAL}", rest=subsets)
    assert tls_of(text, f"outbound|80|v1|{WEB}") == mesh_tls(subset="v1")
    assert of(text, f"outbound|80|v2|{WEB}").tls is None


def test_settings_of_a_port_go_before_those_of_the_host() -> None:
    port = "portLevelSettings: [{port: {number: 80}, tls: {mode: DISABLE}}]"
    text = MIXED + istio(
        "DestinationRule", "dr", f"{{host: web, trafficPolicy: {{tls: {{mode: ISTIO_MUTUAL}}, {port}}}}}"
    )
    assert of(text).tls is None
    assert tls_of(text, f"outbound|83||{WEB}").sni == f"outbound_.83_._.{WEB}"
    silent = "portLevelSettings: [{port: {number: 80}, loadBalancer: {simple: RANDOM}}]"
    assert of(text.replace(port, silent)).tls_choices == automatic(mesh_tls()), "they inherit nothing"
