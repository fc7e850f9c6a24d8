"""TLS that a DestinationRule opens to servers outside of the mesh: whom it believes, what it shows, whose it is."""

from __future__ import annotations

import pytest

from meshgate.api import MeshTLS, TLSProtocol
from meshgate.plan import Proxy
from meshgate.plan.values import (
    ClusterPlan,
    HttpProtocolOptions,
    PeerValidation,
    SecretReference,
    TextExact,
    TlsParameters,
)
from tests.mesh.objects import endpoint_slice, istio, pod, service
from tests.plan.planned import ROUTER, SIDECAR, cluster, mesh, planned, problems, with_labels

PORTS = (
    "{number: 443, name: https, protocol: HTTPS}, {number: 80, name: http, protocol: HTTP, targetPort: 443}, "
    "{number: 81, name: http2, protocol: HTTP2}"
)
OUT = istio("ServiceEntry", "out", f"{{hosts: [a.org], ports: [{PORTS}], resolution: DNS}}")
NAMED = OUT.replace("hosts:", "subjectAltNames: [b.org, a.org], hosts:")


def rule(tls: str, rest: str = "", host: str = "a.org") -> str:
    return istio("DestinationRule", "dr", f"{{host: {host}, trafficPolicy: {{tls: {tls}}}{rest}}}")


def of(tls: str, rest: str = "", *, text: str = OUT, port: int = 443, proxy: Proxy = ROUTER) -> ClusterPlan:
    return cluster(planned(text + rule(tls, rest), proxy), f"outbound|{port}||a.org")


def roots(name: str, *names: str) -> PeerValidation:
    return PeerValidation(
        roots=SecretReference(name=name), subject_alt_names=tuple(TextExact(value=one) for one in names)
    )


@pytest.mark.parametrize("proxy", [SIDECAR, ROUTER], ids=["sidecar", "gateway"])
def test_simple_believes_the_system_and_goes_by_the_requests_host(proxy: Proxy) -> None:
    found = of("{mode: SIMPLE}", proxy=proxy)
    assert found.tls is not None
    assert (found.tls.certificates, found.tls.validation) == ((), roots("file-root:system"))
    assert (found.tls.sni, found.tls.alpn) == ("", ())
    assert found.http == HttpProtocolOptions(auto_sni=True, auto_san_validation=True)
    assert (found.tls_choices, found.has_own_alpn) == ((), True)


def test_http2_is_said_where_it_is_spoken() -> None:
    found = of("{mode: SIMPLE}", port=81)
    assert found.tls is not None
    assert found.tls.alpn == ("h2",)
    assert found.http == HttpProtocolOptions(protocol="explicit_http2", auto_sni=True, auto_san_validation=True)


@pytest.mark.parametrize(
    ("tls", "follows", "is_checked"),
    [
        pytest.param("{mode: SIMPLE, sni: c.org}", False, False, id="sni"),
        pytest.param("{mode: SIMPLE, subjectAltNames: [c.org]}", True, False, id="names"),
        pytest.param("{mode: SIMPLE, insecureSkipVerify: true}", True, False, id="unverified"),
        pytest.param("{mode: SIMPLE, caCertificates: /roots.pem}", True, True, id="roots"),
    ],
)
def test_what_is_given_is_not_taken_from_the_request(tls: str, follows: bool, is_checked: bool) -> None:
    http = of(tls).http or HttpProtocolOptions()
    assert (http.auto_sni, http.auto_san_validation) == (follows, is_checked)


@pytest.mark.parametrize(
    ("tls", "certificates", "validation"),
    [
        pytest.param(
            "{mode: SIMPLE, caCertificates: /roots.pem, caCrl: /revoked.pem, sni: c.org}",
            [],
            roots("file-root:/roots.pem~/revoked.pem"),
            id="files",
        ),
        pytest.param(
            "{mode: MUTUAL, clientCertificate: /c.pem, privateKey: /k.pem, subjectAltNames: [c.org]}",
            ["file-cert:/c.pem~/k.pem"],
            roots("file-root:system", "c.org"),
            id="mutual-files",
        ),
        pytest.param("{mode: SIMPLE, insecureSkipVerify: true}", [], None, id="unverified"),
        pytest.param(
            "{mode: MUTUAL, clientCertificate: /c.pem, privateKey: /k.pem, insecureSkipVerify: true}",
            ["file-cert:/c.pem~/k.pem"],
            None,
            id="mutual-unverified",
        ),
        pytest.param("{mode: SIMPLE, credentialName: shop}", [], roots("kubernetes://shop-cacert"), id="secret"),
        pytest.param(
            "{mode: MUTUAL, credentialName: shop, subjectAltNames: [c.org]}",
            ["kubernetes://shop"],
            roots("kubernetes://shop-cacert", "c.org"),
            id="mutual-secret",
        ),
        pytest.param(
            "{mode: SIMPLE, credentialName: 'configmap://default/roots'}",
            [],
            roots("configmap://default/roots"),
            id="config-map",
        ),
    ],
)
def test_whom_it_believes_and_what_it_shows(
    tls: str, certificates: list[str], validation: PeerValidation | None
) -> None:
    found = of(tls).tls
    assert found is not None
    assert [one.name for one in found.certificates] == certificates
    assert found.validation == validation


def test_names_of_the_service_entry_are_known() -> None:
    for tls, names in (
        ("{mode: SIMPLE}", ("a.org", "b.org")),
        ("{mode: SIMPLE, subjectAltNames: [c.org]}", ("c.org",)),
    ):
        found = of(tls, text=NAMED).tls
        assert found is not None
        assert found.validation == roots("file-root:system", *names)


def test_accounts_are_not_expected_of_servers_with_certificates_of_their_own() -> None:
    text = service("web", "http:80") + endpoint_slice("web", "http:8080", "10.0.0.1") + pod("one", "10.0.0.1")
    found = cluster(planned(text + rule("{mode: SIMPLE}", host="web")), "outbound|80||web.default.svc.cluster.local")
    assert found.tls is not None
    assert found.tls.validation == roots("file-root:system")


SECRET = "{mode: MUTUAL, credentialName: shop}"
SELECTED = ", workloadSelector: {matchLabels: {app: client}}"


def test_a_secret_is_for_gateways_and_selected_sidecars() -> None:
    assert of(SECRET, proxy=ROUTER).tls is not None
    assert of(SECRET, SELECTED, proxy=SIDECAR).tls is not None
    assert of(SECRET, SELECTED, proxy=with_labels(SIDECAR, app="other")).tls is None
    left = of(SECRET, proxy=SIDECAR)
    assert (left.tls, left.http) == (None, None)
    assert of("{mode: SIMPLE, credentialName: 'configmap://default/roots'}", proxy=SIDECAR).tls is not None


def test_a_secret_that_sidecars_do_not_get_is_told() -> None:
    expected = (
        'DestinationRule/default/dr spec.trafficPolicy.tls.credentialName: sidecars do not use the Secret "shop" and '
        'send to "a.org" without TLS of their own: a rule with a Secret is for gateways, and for sidecars that a '
        "workloadSelector selects; nothing, if only gateways send there; else select the workloads that it is for "
        "[MG0141]"
    )
    assert problems(OUT + rule(SECRET), SIDECAR) == [expected]
    assert problems(OUT + rule(SECRET, SELECTED), SIDECAR) == []
    assert problems(OUT + rule(SECRET), ROUTER) == []


def test_settings_of_a_port_without_tls_drop_it() -> None:
    port = "portLevelSettings: [{port: {number: 80}, loadBalancer: {simple: RANDOM}}]"
    text = OUT + istio("DestinationRule", "dr", f"{{host: a.org, trafficPolicy: {{tls: {{mode: SIMPLE}}, {port}}}}}")
    assert cluster(planned(text), "outbound|80||a.org").tls is None
    assert cluster(planned(text), "outbound|443||a.org").tls is not None


@pytest.mark.parametrize("resolution", ["STATIC", "NONE"])
def test_every_kind_of_endpoint_is_spoken_to_so(resolution: str) -> None:
    text = OUT.replace("resolution: DNS", f"resolution: {resolution}")
    assert of("{mode: SIMPLE}", text=text, proxy=SIDECAR).tls is not None


@pytest.mark.parametrize("mode", ["SIMPLE", "MUTUAL, credentialName: c"])
def test_what_the_mesh_says_of_tls(mode: str) -> None:
    """As in Istio the least version is for servers alone."""
    suites, curves = ("AES128-SHA", "RC4-SHA"), ("X25519", "P-1")
    defaults = MeshTLS(min_protocol_version=TLSProtocol.TLSV1_3, cipher_suites=suites, ecdh_curves=curves)
    facts = mesh(tls_defaults=defaults)
    found = cluster(planned(OUT + rule(f"{{mode: {mode}}}"), ROUTER, facts), "outbound|443||a.org").tls
    assert found is not None
    assert found.parameters == TlsParameters(
        minimum_version="TLSv1_2",
        maximum_version="TLSv1_3",
        cipher_suites=("AES128-SHA",),
        ecdh_curves=("X25519",),
    )
    own = cluster(planned(OUT + rule("{mode: ISTIO_MUTUAL}"), ROUTER, facts), "outbound|443||a.org").tls
    assert own is not None
    assert own.parameters.cipher_suites == (), "the mesh's own TLS is not meant"
