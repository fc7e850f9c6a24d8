"""TLS that a gateway's server takes off: certificates, clients, versions, by the names of secrets."""

from __future__ import annotations

import pytest

from meshgate.api import GatewayTopology, MeshTLS, ProxyConfig, TLSProtocol, TopologyProxyProtocol
from meshgate.mesh import Facts
from meshgate.plan.values import (
    DownstreamTls,
    FilterChainMatch,
    PeerValidation,
    ProxyProtocolFilter,
    RdsReference,
    SecretReference,
    TextExact,
    TlsInspectorFilter,
    TlsParameters,
)
from tests.plan.gateway_objects import INGRESS, LOCAL, WEB, gateway, routed, server
from tests.plan.planned import (
    PLAIN,
    ROUTER,
    clusters_of,
    configuration,
    host_names,
    listener,
    manager,
    mesh,
    planned,
    problems,
    virtual_host,
)

SIMPLE = ", tls: {mode: SIMPLE, credentialName: c}"
ALPN = ("h2", "http/1.1")


def _tls(settings: str, facts: Facts = PLAIN) -> DownstreamTls:
    """The TLS of an HTTPS server with these settings."""
    text = gateway(server(443, "HTTPS", "a.org", rest=f", tls: {{{settings}}}"))
    (chain,) = listener(planned(text, ROUTER, facts), "0.0.0.0_443").filter_chains
    assert chain.tls is not None
    return chain.tls


def _secrets(*names: str) -> tuple[SecretReference, ...]:
    return tuple(SecretReference(name=name) for name in names)


def test_the_chain_of_an_https_server() -> None:
    text = INGRESS + WEB + gateway(server(443, "HTTPS", "b.org, a.org", rest=SIMPLE))
    plan = planned(text + routed("a.org"), ROUTER)
    found = listener(plan, "0.0.0.0_8443")
    assert found.listener_filters == (TlsInspectorFilter(initial_read_buffer_size=512),)
    (chain,) = found.filter_chains
    assert chain.match == FilterChainMatch(server_names=("a.org", "b.org"))
    assert chain.tls == DownstreamTls(certificates=_secrets("kubernetes://c"), alpn=ALPN)
    hcm = manager(chain)
    assert hcm.routes == RdsReference(name="https.443.https-443.gw.default")
    assert (hcm.stat_prefix, hcm.forward_client_certificate) == ("outbound_0.0.0.0_8443;", "SANITIZE_SET")
    assert host_names(plan, "https.443.https-443.gw.default") == ["a.org:443"]
    route = virtual_host(plan, "https.443.https-443.gw.default", "a.org:443").routes[0]
    assert clusters_of(route) == [f"outbound|80||web.{LOCAL}"]


def test_a_server_for_all_hosts_needs_no_name() -> None:
    text = gateway(server(443, "HTTPS", "'shop/*', a.org", rest=SIMPLE))
    found = listener(planned(text, ROUTER), "0.0.0.0_443")
    assert [chain.match for chain in found.filter_chains] == [None]
    assert found.listener_filters == (), "nothing depends on what an inspector would find"


def test_what_stands_before_tls_is_read_first() -> None:
    topology = GatewayTopology(proxy_protocol=TopologyProxyProtocol())
    facts = mesh(default_config=ProxyConfig(gateway_topology=topology))
    text = gateway(server(443, "HTTPS", "a.org", rest=SIMPLE))
    first, second = listener(planned(text, ROUTER, facts), "0.0.0.0_443").listener_filters
    assert isinstance(first, ProxyProtocolFilter)
    assert isinstance(second, TlsInspectorFilter)


def test_servers_of_one_port_have_routes_of_their_own() -> None:
    one, two = server(443, "HTTPS", "'*.org'", rest=SIMPLE), server(443, "HTTPS", "a.com", rest=f"{SIMPLE}, name: web")
    plan = planned(WEB + gateway(one, two.replace("https-443", "other")) + routed("a.org, a.com"), ROUTER)
    first, second = listener(plan, "0.0.0.0_443").filter_chains
    assert [chain.match and chain.match.server_names for chain in (first, second)] == [("*.org",), ("a.com",)]
    assert host_names(plan, "https.443.https-443.gw.default") == ["a.org:443"]
    assert host_names(plan, "https.443.other.gw.default") == ["a.com:443"]
    assert manager(second).stat_prefix == "web", "a server may have a name for its statistics"


def test_without_rules_an_https_server_answers_404() -> None:
    plan = planned(gateway(server(443, "HTTPS", rest=SIMPLE)), ROUTER)
    (host,) = configuration(plan, "https.443.https-443.gw.default").virtual_hosts
    assert (host.name, host.domains, host.routes) == ("blackhole:443", ("*",), ())


@pytest.mark.parametrize(
    ("settings", "certificates", "roots"),
    [
        ("credentialName: c", ["kubernetes://c"], "kubernetes://c-cacert"),
        ("credentialName: 'kubernetes://c'", ["kubernetes://c"], "kubernetes://c-cacert"),
        ("credentialNames: [rsa, ec]", ["kubernetes://rsa", "kubernetes://ec"], "kubernetes://rsa-cacert"),
        ("credentialName: c, caCertificates: /ca.pem", ["kubernetes://c"], "kubernetes://c-cacert"),
        ("credentialName: 'builtin://'", ["default"], "ROOTCA"),
        ("credentialName: c, caCertCredentialName: ca", ["kubernetes://c"], "kubernetes://ca-cacert"),
        ("credentialName: c, caCertCredentialName: ca-cacert", ["kubernetes://c"], "kubernetes://ca-cacert"),
        ("credentialName: c, caCertCredentialName: 'configmap://ca'", ["kubernetes://c"], "configmap://ca"),
        (
            "serverCertificate: /c.pem, privateKey: /k.pem, caCertificates: /ca.pem",
            ["file-cert:/c.pem~/k.pem"],
            "file-root:/ca.pem",
        ),
        (
            "serverCertificate: /c.pem, privateKey: /k.pem, caCertificates: /ca.pem, caCrl: /crl.pem",
            ["file-cert:/c.pem~/k.pem"],
            "file-root:/ca.pem~/crl.pem",
        ),
        (
            "tlsCertificates: [{serverCertificate: /a, privateKey: /b}, {serverCertificate: /c, privateKey: /d}], "
            "caCertificates: /ca.pem",
            ["file-cert:/a~/b", "file-cert:/c~/d"],
            "file-root:/ca.pem",
        ),
    ],
)
@pytest.mark.parametrize(("mode", "is_required"), [("MUTUAL", True), ("OPTIONAL_MUTUAL", False)])
def test_certificates_and_the_roots_of_clients(
    settings: str, certificates: list[str], roots: str, mode: str, *, is_required: bool
) -> None:
    found = _tls(f"mode: {mode}, {settings}")
    assert found.certificates == _secrets(*certificates)
    assert found.validation == PeerValidation(roots=SecretReference(name=roots))
    assert found.require_client_certificate is is_required


def test_simple_asks_for_no_client_certificate() -> None:
    """Names without roots are no check at all, and Envoy refuses a listener that asks for it."""
    found = _tls("mode: SIMPLE, credentialName: c, subjectAltNames: [a.org], verifyCertificateHash: [x]")
    assert found == DownstreamTls(certificates=_secrets("kubernetes://c"), alpn=ALPN)


def test_the_meshs_own_certificates() -> None:
    found = _tls("mode: ISTIO_MUTUAL, subjectAltNames: ['spiffe://a/ns/b/sa/c'], minProtocolVersion: TLSV1_3")
    assert found == DownstreamTls(
        certificates=_secrets("default"),
        validation=PeerValidation(
            roots=SecretReference(name="ROOTCA"), subject_alt_names=(TextExact(value="spiffe://a/ns/b/sa/c"),)
        ),
        require_client_certificate=True,
        alpn=ALPN,
    )


def test_who_the_client_must_be() -> None:
    spki, digest = "A" * 43 + "=", "ab" * 32
    pins = f"verifyCertificateSpki: ['{spki}'], verifyCertificateHash: [{digest}], subjectAltNames: [client]"
    found = _tls(f"mode: MUTUAL, credentialName: c, {pins}, insecureSkipVerify: true").validation
    assert found == PeerValidation(
        roots=SecretReference(name="kubernetes://c-cacert"),
        subject_alt_names=(TextExact(value="client"),),
        certificate_spki=(spki,),
        certificate_hashes=(digest,),
        accepts_untrusted=True,
    )


DEFAULTS = MeshTLS(
    min_protocol_version=TLSProtocol.TLSV1_3, cipher_suites=("AES128-SHA", "RC4-SHA"), ecdh_curves=("X25519", "P-1")
)


def test_versions_ciphers_and_curves() -> None:
    words = "minProtocolVersion: TLSV1_1, maxProtocolVersion: TLSV1_2, cipherSuites: [ALL, RC4, ALL, '!AES128-SHA']"
    own = TlsParameters(
        minimum_version="TLSv1_1",
        maximum_version="TLSv1_2",
        cipher_suites=("ALL", "!AES128-SHA"),
        ecdh_curves=("P-256",),
    )
    settings = f"mode: SIMPLE, credentialName: c, {words}, ecdhCurves: [P-256, P-224]"
    assert _tls(settings).parameters == own
    assert _tls(settings, mesh(tls_defaults=DEFAULTS)).parameters == own, "a server's own words go before the mesh's"


def test_what_the_mesh_says_of_tls() -> None:
    facts = mesh(tls_defaults=DEFAULTS)
    expected = TlsParameters(minimum_version="TLSv1_3", cipher_suites=("AES128-SHA",), ecdh_curves=("X25519",))
    assert _tls("mode: MUTUAL, credentialName: c", facts).parameters == expected
    assert _tls("mode: ISTIO_MUTUAL", facts).parameters == TlsParameters(), "the mesh's own TLS is not meant"


def test_redirects_behind_tls_are_kept_for_plaintext() -> None:
    text = WEB + gateway(server(443, "HTTPS", "a.org", rest=SIMPLE.replace("}", ", httpsRedirect: true}")))
    host = virtual_host(planned(text + routed("a.org"), ROUTER), "https.443.https-443.gw.default", "a.org:443")
    assert (host.require_tls, len(host.routes)) == ("ALL", 1)


def test_nothing_is_wrong_with_servers_that_tls_tells_apart() -> None:
    tls = ", tls: {mode: SIMPLE, credentialName: CERT}"
    one, two = server(443, "HTTPS", "a.org", rest=tls), server(443, "HTTPS", "'*.com'", rest=tls)
    text = gateway(one.replace("CERT", "a")) + gateway(two.replace("CERT", "b"), name="second")
    assert problems(text, ROUTER) == []
