"""What clients know of the identities behind services: whose accounts, under which names, and what takes mutual TLS."""

from __future__ import annotations

import pytest

from meshgate.api import MeshConfig
from meshgate.mesh import Facts, Memo, MeshEndpoint, ServiceTrust, build
from tests.mesh.objects import endpoint_slice, istio, pod, resources, service, snapshot

WEB = "web.default.svc.cluster.local"
LABELLED = {"security.istio.io/tlsMode": "istio"}


def account(text: str, name: str) -> str:
    """The pods of a text run as this account."""
    return text.replace("containers:", f"serviceAccountName: {name}\n  containers:")


def policy(mode: str, *, name: str = "policy", namespace: str = "default", rest: str = "") -> str:
    return istio("PeerAuthentication", name, f"{{mtls: {{mode: {mode}}}{rest}}}", namespace=namespace)


SERVED = service("web", "http:80", "tcp:90") + endpoint_slice("web", "http:8080", "10.0.0.1", "10.0.0.2")
TWO = SERVED + account(pod("one", "10.0.0.1", **LABELLED), "one") + pod("two", "10.0.0.2", **LABELLED)


def trust(text: str, host: str = WEB, facts: Facts | None = None) -> ServiceTrust | None:
    return next((one for one in snapshot(text, facts).world.trusts if one.hostname == host), None)


def endpoints(text: str, host: str = WEB) -> tuple[MeshEndpoint, ...]:
    return snapshot(text).endpoints.of(host, "default", 80)


def test_the_accounts_of_all_endpoints_are_expected() -> None:
    assert trust(TWO) == ServiceTrust(
        hostname=WEB,
        namespace="default",
        names=("spiffe://cluster.local/ns/default/sa/default", "spiffe://cluster.local/ns/default/sa/one"),
    )


def test_readiness_changes_nothing() -> None:
    assert trust(TWO.replace("ready: true", "ready: false")) == trust(TWO)


PASSING = istio("DestinationRule", "dr", "{host: other, trafficPolicy: {loadBalancer: {simple: PASSTHROUGH}}}")


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        pytest.param(
            TWO.replace("ports: [{name: http, port: 80}", "clusterIP: None\n  ports: [{name: http, port: 80}"),
            (80,),
            id="headless",
        ),
        pytest.param(TWO + PASSING, (80,), id="by-rule"),
        pytest.param(TWO.replace("tlsMode: istio", "tlsMode: disabled", 1) + PASSING, (), id="one-is-not"),
        pytest.param(TWO.replace("ready: true", "ready: false") + PASSING, (), id="no-endpoint"),
        pytest.param(TWO, (), id="does-not-matter"),
    ],
)
def test_labels_matter_where_the_endpoint_is_not_chosen(text: str, ports: tuple[int, ...]) -> None:
    known = trust(text)
    assert known is not None
    assert known.labelled_ports == ports


def test_a_service_of_which_nothing_is_known_has_none() -> None:
    assert trust(service("web", "http:80")) is None


def test_an_account_is_known_by_every_name_of_the_trust_domain() -> None:
    text = SERVED + pod("two", "10.0.0.2")
    text += istio("ServiceEntry", "out", "{hosts: [a.org], subjectAltNames: [a.org, spiffe://new/ns/x/sa/y]}")
    facts = Facts(mesh=MeshConfig(trust_domain="new", trust_domain_aliases=("old",)))
    known = trust(text, facts=facts)
    assert known is not None
    assert known.names == ("spiffe://new/ns/default/sa/default", "spiffe://old/ns/default/sa/default")
    outside = trust(text, "a.org", facts)
    assert outside is not None
    assert outside.names == ("a.org", "spiffe://new/ns/x/sa/y", "spiffe://old/ns/x/sa/y")


ENTRY = "{hosts: [db.org], location: MESH_INTERNAL, ports: [{number: 80, name: http, protocol: HTTP}], resolution: %s, "


@pytest.mark.parametrize("resolution", ["STATIC", "DNS"])
def test_entries_say_their_account(resolution: str) -> None:
    address = "10.1.0.1" if resolution != "DNS" else "one.org"
    listed = f"endpoints: [{{address: {address}, serviceAccount: db}}]}}"
    known = trust(istio("ServiceEntry", "db", ENTRY % resolution + listed), "db.org")
    assert known is not None
    assert known.names == ("spiffe://cluster.local/ns/default/sa/db",)


def test_workload_entries_say_their_account() -> None:
    text = istio("ServiceEntry", "db", ENTRY % "STATIC" + "workloadSelector: {labels: {app: db}}}")
    text += istio("WorkloadEntry", "one", "{address: 10.1.0.1, labels: {app: db}, serviceAccount: db}")
    known = trust(text, "db.org")
    assert known is not None
    assert known.names == ("spiffe://cluster.local/ns/default/sa/db",)


def test_another_pod_of_the_same_account_changes_nothing_that_plans_read() -> None:
    memo = Memo()
    before = build(resources(TWO), Facts(), memo)[0].world
    third = pod("three", "10.0.0.3", **LABELLED)
    more = TWO.replace(
        "{addresses: ['10.0.0.2']", "{addresses: ['10.0.0.3'], conditions: {ready: true}}, {addresses: ['10.0.0.2']"
    )
    after, _ = build(resources(more + third), Facts(), memo)
    assert len(after.endpoints.of(WEB, "default", 80)) == 3
    assert after.world is before
    other, _ = build(resources(more + account(third, "three")), Facts(), memo)
    assert other.world is not before


@pytest.mark.parametrize(
    ("policies", "is_disabled"),
    [
        pytest.param("", False, id="none"),
        pytest.param(policy("DISABLE"), True, id="namespace"),
        pytest.param(policy("DISABLE", namespace="istio-system"), True, id="mesh"),
        pytest.param(policy("DISABLE", namespace="istio-system") + policy("STRICT"), False, id="namespace-wins"),
        pytest.param(policy("DISABLE", rest=", selector: {matchLabels: {app: web}}"), False, id="workload"),
    ],
)
def test_what_holds_for_the_whole_namespace_is_known_of_the_service(policies: str, is_disabled: bool) -> None:
    known = trust(TWO + policies)
    assert known is not None
    assert known.is_disabled is is_disabled


@pytest.mark.parametrize(
    ("policies", "refusing"),
    [
        pytest.param("", [], id="none"),
        pytest.param(policy("STRICT"), [], id="strict"),
        pytest.param(policy("DISABLE"), ["10.0.0.1", "10.0.0.2"], id="namespace"),
        pytest.param(policy("DISABLE", rest=", selector: {matchLabels: {app: two}}"), ["10.0.0.2"], id="workload"),
        pytest.param(
            policy("STRICT", rest=", selector: {matchLabels: {app: two}}, portLevelMtls: {8080: {mode: DISABLE}}"),
            ["10.0.0.2"],
            id="port",
        ),
        pytest.param(
            policy("STRICT", rest=", selector: {matchLabels: {app: two}}, portLevelMtls: {80: {mode: DISABLE}}"),
            [],
            id="the-port-is-the-workloads",
        ),
        pytest.param(policy("DISABLE", namespace="other"), [], id="elsewhere"),
    ],
)
def test_a_policy_goes_before_the_label(policies: str, refusing: list[str]) -> None:
    text = SERVED + pod("one", "10.0.0.1", **LABELLED, app="one") + pod("two", "10.0.0.2", **LABELLED, app="two")
    assert [one.address for one in endpoints(text + policies) if one.refuses_mutual_tls] == refusing


def test_a_policy_counts_for_endpoints_inside_of_a_service() -> None:
    text = istio("ServiceEntry", "db", ENTRY % "DNS" + "endpoints: [{address: one.org, serviceAccount: db}]}")
    for given, expected in (("", False), (policy("DISABLE"), True)):
        (found,) = (one for one in snapshot(text + given).world.services if one.hostname == "db.org")
        assert [one.endpoint.refuses_mutual_tls for one in found.fixed] == [expected]
