"""TLS at a gateway as real clients see it: curl and openssl against a real Envoy, in every mode."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from meshgate.envoy import validation_secret
from tests.certificates import Made, certificate, revocation_list
from tests.e2e.mesh import wait_until
from tests.gateways.tls_gateway import (
    CA,
    CLIENT,
    OTHER,
    STRANGER,
    TlsGateway,
    pair,
    running_tls_gateway,
    served,
    server,
    tls_server,
)
from tests.live_envoy import free_ports
from tests.mesh.objects import istio
from tests.secrets_service import running_secrets_service

pytestmark = [pytest.mark.envoy, pytest.mark.slow]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsGateway]:
    with running_tls_gateway(Path(tmp_path_factory.mktemp("tls"))) as running:
        yield running


@pytest.fixture(autouse=True)
def _nothing_withheld(gateway: TlsGateway) -> None:
    gateway.withhold()


def test_simple(gateway: TlsGateway) -> None:
    gateway.apply(server("a.test", "mode: SIMPLE, credentialName: a.test"))
    answer = gateway.curl("a.test")
    assert (answer.status, answer.version) == (200, "2"), answer.error
    assert answer.header("x-forwarded-proto") == "https"
    assert answer.header("x-forwarded-client-cert") == ""
    assert gateway.curl("a.test", "--http1.1").version == "1.1"


def test_http_2_is_chosen_by_alpn(gateway: TlsGateway) -> None:
    gateway.apply(server("a.test", "mode: SIMPLE, credentialName: a.test"))
    assert "ALPN protocol: h2" in gateway.handshake("a.test", "-alpn", "http/1.1,h2")
    assert "ALPN protocol: http/1.1" in gateway.handshake("a.test", "-alpn", "istio-http/1.1,istio,http/1.1")
    assert "No ALPN negotiated" in gateway.handshake("a.test")


SIMPLE = "mode: SIMPLE, credentialName: {}"


def test_servers_are_told_apart_by_sni(gateway: TlsGateway) -> None:
    gateway.apply(
        server("'*.a.test'", SIMPLE.format("a.test")),
        server("'*.b.test'", SIMPLE.format("b.test")),
        server("c.test", SIMPLE.format("c.test")),
    )
    for name, expected in (("x.a.test", "a.test"), ("X.Y.B.TEST", "b.test"), ("c.test", "c.test")):
        assert f"subject=CN = {expected}" in gateway.handshake(name), name
    assert "no peer certificate available" in gateway.handshake("d.test"), "nobody serves it"


def test_the_default_takes_what_no_other_server_does(gateway: TlsGateway) -> None:
    gateway.apply(server("'*'", SIMPLE.format("a.test")), server("b.test", SIMPLE.format("b.test")))
    assert "subject=CN = a.test" in gateway.handshake("d.test")
    assert "subject=CN = a.test" in gateway.handshake("")
    assert "subject=CN = b.test" in gateway.handshake("b.test")


def test_a_host_of_another_server_is_not_found(gateway: TlsGateway) -> None:
    """As in Istio: a browser that reuses a connection whose certificate fits gets 404."""
    both = [server(name, f"mode: SIMPLE, credentialName: {name}") for name in ("a.test", "b.test")]
    gateway.apply(*both)
    assert gateway.curl("b.test", sni="a.test").status == 404
    assert gateway.curl("b.test").status == 200


def test_mutual(gateway: TlsGateway) -> None:
    gateway.apply(server("a.test", "mode: MUTUAL, credentialName: a.test"))
    for stranger in (None, STRANGER, certificate("client", dns=["client.test"])):
        assert gateway.curl("a.test", client=stranger).status == 0
    assert "alert certificate required" in gateway.handshake("a.test", "-tls1_3", "-ign_eof")
    answer = gateway.curl("a.test", "-H", "x-forwarded-client-cert: Subject=forged", client=CLIENT)
    assert answer.status == 200, answer.error
    told = answer.header("x-forwarded-client-cert")
    assert 'Subject="CN=client"' in told
    assert "DNS=client.test" in told
    assert "Cert=" in told
    assert "forged" not in told


def test_optional_mutual(gateway: TlsGateway) -> None:
    gateway.apply(server("a.test", "mode: OPTIONAL_MUTUAL, credentialName: a.test"))
    assert gateway.curl("a.test").header("x-forwarded-client-cert") == ""
    assert gateway.curl("a.test", client=STRANGER).status == 0
    assert "CN=client" in gateway.curl("a.test", client=CLIENT).header("x-forwarded-client-cert")


def test_a_client_that_proves_nothing_may_be_let_through(gateway: TlsGateway) -> None:
    gateway.apply(server("a.test", "mode: MUTUAL, credentialName: a.test, insecureSkipVerify: true"))
    assert gateway.curl("a.test", client=STRANGER).status == 200
    assert gateway.curl("a.test").status == 0, "it must show one all the same"


def test_clients_with_certain_names(gateway: TlsGateway) -> None:
    gateway.apply(
        server("a.test", "mode: MUTUAL, credentialName: a.test, subjectAltNames: [x.test, client.test]"),
        server("b.test", "mode: MUTUAL, credentialName: b.test, subjectAltNames: [x.test]"),
    )
    assert gateway.curl("a.test", client=CLIENT).status == 200
    assert gateway.curl("b.test", client=CLIENT).status == 0


def _spki(made: Made) -> str:
    key = made.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


def test_clients_known_by_hash(gateway: TlsGateway) -> None:
    digest = hashlib.sha256(CLIENT.certificate.public_bytes(Encoding.DER)).hexdigest()
    other = certificate("other client", issuer=CA)
    mutual = "mode: MUTUAL, credentialName: {}.test, {}"
    gateway.apply(
        server("a.test", mutual.format("a", f"verifyCertificateHash: ['{digest}']")),
        server("b.test", mutual.format("b", f"verifyCertificateSpki: ['{_spki(CLIENT)}']")),
    )
    for host in ("a.test", "b.test"):
        assert gateway.curl(host, client=CLIENT).status == 200
        assert gateway.curl(host, client=other).status == 0


def test_clients_whose_certificate_is_revoked(gateway: TlsGateway) -> None:
    gateway.apply(
        server("a.test", "mode: MUTUAL, credentialName: a.test"),
        secrets=[validation_secret("kubernetes://a.test-cacert", CA.pem, revocation_list(CA, CLIENT))],
    )
    assert gateway.curl("a.test", client=CLIENT).status == 0
    assert gateway.curl("a.test", client=certificate("other client", issuer=CA)).status == 200


def test_roots_of_clients_from_elsewhere(gateway: TlsGateway) -> None:
    roots = validation_secret("kubernetes://roots-cacert", OTHER.pem)
    mutual = "mode: MUTUAL, credentialName: a.test, caCertCredentialName: roots"
    gateway.apply(server("a.test", mutual), secrets=[roots])
    assert gateway.curl("a.test", client=STRANGER).status == 200
    assert gateway.curl("a.test", client=CLIENT).status == 0


@pytest.mark.parametrize(
    ("settings", "offered", "expected"),
    [
        ("minProtocolVersion: TLSV1_3", "-tls1_2", ""),
        ("minProtocolVersion: TLSV1_3", "-tls1_3", "TLSv1.3"),
        ("maxProtocolVersion: TLSV1_2", "-tls1_3", ""),
        ("maxProtocolVersion: TLSV1_2", "-tls1_2", "TLSv1.2"),
        ("minProtocolVersion: TLSV1_0, maxProtocolVersion: TLSV1_1", "-tls1_1", "TLSv1.1"),
        ("httpsRedirect: false", "-tls1_1", ""),
    ],
)
def test_versions(gateway: TlsGateway, settings: str, offered: str, expected: str) -> None:
    gateway.apply(server("a.test", f"mode: SIMPLE, credentialName: a.test, {settings}"))
    said = gateway.handshake("a.test", offered, "-cipher", "ALL:@SECLEVEL=0")
    if expected:
        assert f"New, {expected}" in said or f"Protocol  : {expected}" in said, said
    else:
        assert "Cipher is (NONE)" in said, said


def test_ciphers_and_curves(gateway: TlsGateway) -> None:
    chosen = "cipherSuites: [ECDHE-ECDSA-AES256-GCM-SHA384, NONSENSE], ecdhCurves: [P-384, P-224]"
    gateway.apply(server("a.test", f"mode: SIMPLE, credentialName: a.test, maxProtocolVersion: TLSV1_2, {chosen}"))
    said = gateway.handshake("a.test")
    assert "Cipher is ECDHE-ECDSA-AES256-GCM-SHA384" in said
    assert "Server Temp Key: ECDH, secp384r1, 384 bits" in said
    assert "Cipher is (NONE)" in gateway.handshake("a.test", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256")
    assert "Cipher is (NONE)" in gateway.handshake("a.test", "-curves", "X25519")


def test_one_certificate_for_each_kind_of_key(gateway: TlsGateway) -> None:
    rsa = certificate("rsa.test", key="RSA-2048", issuer=CA, dns=["a.test"])
    gateway.apply(
        server("a.test", "mode: SIMPLE, credentialNames: [rsa, a.test], maxProtocolVersion: TLSV1_2"),
        secrets=[pair("kubernetes://rsa", rsa)],
    )
    assert "subject=CN = rsa.test" in gateway.handshake("a.test", "-cipher", "aRSA")
    assert "subject=CN = a.test" in gateway.handshake("a.test", "-cipher", "aECDSA")


def test_a_server_without_its_certificate_holds_up_nobody(gateway: TlsGateway) -> None:
    both = [server(name, f"mode: MUTUAL, credentialName: {name}") for name in ("a.test", "b.test")]
    gateway.withhold("kubernetes://b.test")
    gateway.apply(*both)
    assert gateway.curl("a.test", client=CLIENT).status == 200
    assert gateway.curl("b.test", client=CLIENT).status == 0
    gateway.withhold("kubernetes://a.test-cacert")
    gateway.apply_again(*both)
    wait_until(lambda: gateway.curl("b.test", client=CLIENT).status == 200, "it serves as soon as it has come")


SECRETS_HOST = "secrets.test"


def provider(port: int, host: str = SECRETS_HOST) -> str:
    """A mesh whose secrets come from a service at this port."""
    ports = f"[{{number: {port}, name: grpc, protocol: GRPC}}]"
    entry = f"{{hosts: [{SECRETS_HOST}], resolution: STATIC, ports: {ports}, endpoints: [{{address: 127.0.0.1}}]}}"
    mesh = f"extensionProviders: [{{name: mine, sds: {{name: mine, service: {host}, port: {port}}}}}]"
    metadata = "metadata: {name: istio, namespace: istio-system}"
    return (
        istio("ServiceEntry", "secrets", entry)
        + f'\n---\napiVersion: v1\nkind: ConfigMap\n{metadata}\ndata: {{mesh: "{mesh}"}}\n'
    )


def test_secrets_of_a_service_of_the_users(gateway: TlsGateway) -> None:
    given = [pair("mine", served("a.test")), validation_secret("mine-cacert", CA.pem)]
    with running_secrets_service(given) as port:
        gateway.apply(server("a.test", "mode: MUTUAL, credentialName: 'sds://mine'"), more=provider(port))
        answer = gateway.curl("a.test", client=CLIENT)
        assert answer.status == 200, answer.error
        assert gateway.curl("a.test", client=STRANGER).status == 0
    assert gateway.curl("a.test", client=CLIENT).status == 200, "what it gave is kept when the service is away"


def test_without_the_service_its_server_alone_fails(gateway: TlsGateway) -> None:
    both = [server("a.test", SIMPLE.format("a.test")), server("b.test", "mode: SIMPLE, credentialName: 'sds://mine'")]
    for more in ("", provider(free_ports(1)[0], host="nobody.test")):
        gateway.withhold("sds://mine")
        gateway.apply(*both, more=more)
        assert gateway.curl("a.test").status == 200
        assert gateway.curl("b.test").status == 0


def test_certificates_in_files_are_asked_for_by_their_paths(gateway: TlsGateway) -> None:
    files = "serverCertificate: /c.pem, privateKey: /k.pem, caCertificates: /ca.pem, caCrl: /crl.pem"
    secrets = [
        pair("file-cert:/c.pem~/k.pem", served("a.test")),
        validation_secret("file-root:/ca.pem~/crl.pem", CA.pem, revocation_list(CA, CLIENT)),
    ]
    gateway.apply(server("a.test", f"mode: MUTUAL, {files}"), secrets=secrets)
    assert gateway.curl("a.test", client=certificate("other client", issuer=CA)).status == 200
    assert gateway.curl("a.test", client=CLIENT).status == 0


def test_the_meshs_own_certificates(gateway: TlsGateway) -> None:
    secrets = [pair("default", served("a.test")), validation_secret("ROOTCA", CA.pem)]
    gateway.apply(server("a.test", "mode: ISTIO_MUTUAL"), secrets=secrets)
    assert gateway.curl("a.test").status == 0
    assert gateway.curl("a.test", client=CLIENT).status == 200


def test_bytes_behind_tls(gateway: TlsGateway) -> None:
    """The backend speaks HTTP, and gets the client's own bytes: no header is added."""
    gateway.apply(server("a.test", "mode: SIMPLE, credentialName: a.test", "TLS"))
    answer = gateway.curl("a.test", "--http1.1")
    assert (answer.status, answer.header("x-forwarded-proto"), answer.header("host")) == (200, "", "a.test")


THROUGH = """
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: inner, namespace: default}
spec:
  hosts: [inner.test]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 443, name: tls, protocol: TLS, targetPort: INNER}]
  endpoints: [{address: 127.0.0.1}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: through, namespace: default}
spec:
  hosts: ["*.test"]
  gateways: [gw]
  tls: [{match: [{sniHosts: [b.test, "*.c.test"]}], route: [{destination: {host: inner.test}}]}]
"""


def test_tls_that_goes_through(gateway: TlsGateway, tmp_path: Path) -> None:
    """To a server behind the gateway, whose certificate the client sees; beside one that takes TLS off."""
    inner = certificate("inner", issuer=CA, dns=["b.test", "x.c.test"])
    with tls_server(tmp_path, inner) as port:
        gateway.apply(
            server("a.test", "mode: SIMPLE, credentialName: a.test"),
            server("'*.test'", "mode: PASSTHROUGH", "TLS"),
            more=THROUGH.replace("INNER", str(port)),
        )
        for host in ("b.test", "x.c.test"):
            assert "subject=CN = inner" in gateway.handshake(host), host
        assert "subject=CN = a.test" in gateway.handshake("a.test")
        assert "no peer certificate available" in gateway.handshake("d.test")


def test_services_by_the_meshs_own_sni(gateway: TlsGateway, tmp_path: Path) -> None:
    """Only by names and protocols of the mesh, and only to workloads that take its TLS."""
    inner = certificate("inner", issuer=CA)
    labelled = THROUGH.replace("127.0.0.1}", "127.0.0.1, labels: {security.istio.io/tlsMode: istio}}")
    bare = THROUGH.replace("inner", "bare")
    with tls_server(tmp_path, inner) as port:
        entries = (
            text.partition("---\napiVersion: networking.istio.io/v1\nkind: Virtual")[0] for text in (labelled, bare)
        )
        gateway.apply(
            server("'*.test'", "mode: AUTO_PASSTHROUGH", "TLS"), more="".join(entries).replace("INNER", str(port))
        )
        sni = "outbound_.443_._.inner.test"
        assert "subject=CN = inner" in gateway.handshake(sni, "-alpn", "istio")
        for name, alpn in ((sni, "h2"), ("outbound_.443_._.bare.test", "istio"), ("inner.test", "istio")):
            assert "no peer certificate available" in gateway.handshake(name, "-alpn", alpn), name


TOPOLOGY = """
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "defaultConfig: {gatewayTopology: {numTrustedProxies: 1, proxyProtocol: {}}}"}
"""


def test_who_stands_before_the_gateway(gateway: TlsGateway) -> None:
    gateway.apply(server("a.test", "mode: SIMPLE, credentialName: a.test"), more=TOPOLOGY)
    assert gateway.curl("a.test").status == 0, "the header is missing"
    answer = gateway.curl("a.test", "--haproxy-protocol", "-H", "x-forwarded-for: 203.0.113.7, 198.51.100.1")
    assert answer.status == 200, answer.error
    assert answer.header("x-forwarded-for").startswith("203.0.113.7, 198.51.100.1,")
    assert answer.header("x-envoy-external-address") == "198.51.100.1", "as the one trusted proxy before it says"
