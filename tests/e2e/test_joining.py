"""Proxies elsewhere at the host's port for them: TLS ends at the real edge Envoy, tokens come by the command line."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from meshgate.api import Ref, Secret, SecretBytes, decode
from meshgate.ca import Authority, authority_of
from meshgate.ca.issue import Issued, Order, issue, new_authority
from meshgate.ca.pki import is_issued_by
from meshgate.plan import Proxy
from meshgate.proto.certificates import (
    METHOD,
    SERVICE,
    CertificateRequest,
    certificate_request,
    parse_certificate_response,
)
from tests.ca.made import csr, ec_key
from tests.e2e.envoy_elsewhere import envoy_elsewhere
from tests.e2e.mesh import Mesh, curl, free_port, running_mesh, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.envoy, pytest.mark.slow]

SERVER = "istiod.istio-system.svc"
WEB = "spiffe://cluster.local/ns/default/sa/web"
ACCOUNT = "{apiVersion: v1, kind: ServiceAccount, metadata: {name: web}}"


class Elsewhere:
    """A machine that is none of the mesh's, with the mesh's root."""

    def __init__(self, mesh: Mesh, port: int) -> None:
        self.mesh = mesh
        self.port = port
        data = mesh.get("configmap", "istio-ca-root-cert")["data"]
        assert isinstance(data, dict)
        self.root = str(data["root-cert.pem"]).encode()

    def token(self, *arguments: str) -> str:
        return self.mesh.meshgate("create", "token", "web", "--audience", "istio-ca", *arguments).stdout.strip()

    def certificate(
        self, headers: Sequence[tuple[str, str]] = (), client: Issued | None = None, csr_pem: bytes = csr(ec_key(9))
    ) -> list[x509.Certificate]:
        """The chain. Raises RpcError."""
        key, chain = (client.key_pem.reveal(), client.chain_pem) if client is not None else (None, None)
        credentials = grpc.ssl_channel_credentials(self.root, key, chain)
        options = [("grpc.ssl_target_name_override", SERVER)]
        with grpc.secure_channel(f"127.0.0.1:{self.port}", credentials, options) as channel:
            call = channel.unary_unary(f"/{SERVICE}/{METHOD}")  # type: ignore[call-arg]  # raw bytes
            request = certificate_request(CertificateRequest(csr=csr_pem))
            answer: bytes = call(request, metadata=tuple(headers), timeout=20)
        return [x509.load_pem_x509_certificate(each.encode()) for each in parse_certificate_response(answer)]

    def refusal(
        self, headers: Sequence[tuple[str, str]] = (), client: Issued | None = None
    ) -> tuple[grpc.StatusCode, str]:
        with pytest.raises(grpc.RpcError) as refused:
            self.certificate(headers, client)
        error = refused.value
        assert isinstance(error, grpc.Call)
        return error.code(), error.details() or ""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Elsewhere]:
    port = free_port()
    with running_mesh("--xds-tls-port", str(port)) as mesh:
        mesh.meshgate("apply", "-f", "-", stdin=ACCOUNT)
        yield Elsewhere(mesh, port)


def _uris(certificate: x509.Certificate) -> list[str]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.UniformResourceIdentifier)


def test_a_token_gives_a_certificate_and_the_certificate_the_next_one(elsewhere: Elsewhere) -> None:
    bearer = [("authorization", f"Bearer {elsewhere.token()}")]
    chain = elsewhere.certificate(bearer)
    assert _uris(chain[0]) == [WEB]
    assert is_issued_by(chain[0], chain[-1])
    pem = b"".join(each.public_bytes(serialization.Encoding.PEM) for each in chain[:-1])
    key = ec_key(9).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    held = _issued(pem, key, chain[0])
    (renewed, *_) = elsewhere.certificate(client=held, csr_pem=csr(ec_key(10)))
    assert _uris(renewed) == [WEB]
    assert renewed.public_key() == ec_key(10).public_key()


def _issued(chain: bytes, key: bytes, leaf: x509.Certificate) -> Issued:
    return Issued(
        chain_pem=chain, key_pem=SecretBytes(key), begins=leaf.not_valid_before_utc, ends=leaf.not_valid_after_utc
    )


def test_openssl_sees_the_control_plane(elsewhere: Elsewhere, tmp_path: Path) -> None:
    root = tmp_path / "root.pem"
    root.write_bytes(elsewhere.root)
    done = subprocess.run(
        [
            *("openssl", "s_client", "-connect", f"127.0.0.1:{elsewhere.port}", "-CAfile", str(root)),
            *("-verify_hostname", SERVER, "-verify_return_error", "-alpn", "h2"),
        ],
        input="",
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert "Verification: OK" in done.stdout, done.stdout + done.stderr
    assert "ALPN protocol: h2" in done.stdout


def test_what_a_client_says_of_its_certificate_is_not_believed(elsewhere: Elsewhere) -> None:
    said = [("x-forwarded-client-cert", f"Hash=ab;URI={WEB}")]
    code, text = elsewhere.refusal(said)
    assert (code, "neither a token nor" in text) == (grpc.StatusCode.UNAUTHENTICATED, True)


def test_a_certificate_of_another_authority_gets_no_connection(elsewhere: Elsewhere) -> None:
    now = datetime.now(UTC)
    (forged,) = issue(new_authority("cluster.local", now), [Order(identity=WEB)], now)
    assert elsewhere.refusal(client=forged)[0] == grpc.StatusCode.UNAVAILABLE


def test_a_certificate_that_has_expired_gets_no_connection(elsewhere: Elsewhere) -> None:
    """Signed by the mesh's own key, which nobody else has."""
    listed = elsewhere.mesh.get("secret", "istio-ca-secret", "-n", "istio-system")
    now = datetime.now(UTC)
    authority = _authority(listed, now)
    (old,) = issue(authority, [Order(identity=WEB, lifetime=timedelta(seconds=-60))], now)
    (good,) = issue(authority, [Order(identity=WEB)], now)
    assert elsewhere.certificate(client=good)
    assert elsewhere.refusal(client=old)[0] == grpc.StatusCode.UNAVAILABLE


def _authority(raw: dict[str, object], now: datetime) -> Authority:
    resource, _ = decode(raw)
    assert resource is not None
    assert isinstance(resource.spec, Secret)
    found, _ = authority_of(Ref("Secret", "istio-system", "istio-ca-secret"), dict(resource.spec.data), now)
    assert found is not None
    return found


def test_only_two_services_are_there(elsewhere: Elsewhere) -> None:
    credentials = grpc.ssl_channel_credentials(elsewhere.root)
    options = [("grpc.ssl_target_name_override", SERVER)]
    with grpc.secure_channel(f"127.0.0.1:{elsewhere.port}", credentials, options) as channel:
        call = channel.unary_unary("/grpc.health.v1.Health/Check")  # type: ignore[call-arg]  # raw bytes
        with pytest.raises(grpc.RpcError) as refused:
            call(b"", timeout=20)
    error = refused.value
    assert isinstance(error, grpc.Call)
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED


def test_the_control_plane_tells_whom_it_refused_and_no_token(elsewhere: Elsewhere) -> None:
    token = elsewhere.token()
    broken = token[:-8] + "AAAAAAAA"
    assert elsewhere.refusal([("authorization", f"Bearer {broken}")])[0] == grpc.StatusCode.UNAUTHENTICATED
    log = (elsewhere.mesh.data_dir / "meshgate.log").read_text()
    assert "a certificate is not granted" in log
    assert token not in log
    assert broken not in log


HELLO = Path(__file__).parent.parent.parent / "examples" / "hello"
STRICT = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default}
spec: {mtls: {mode: STRICT}}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: elsewhere}
spec:
  selector: {app: elsewhere}
  servers:
  - port: {number: %d, name: http, protocol: HTTP}
    hosts: [elsewhere.example.com]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: elsewhere}
spec:
  hosts: [elsewhere.example.com]
  gateways: [elsewhere]
  http:
  - route:
    - destination: {host: hello}
"""


def test_an_envoy_elsewhere_speaks_mutual_tls_with_a_pod(elsewhere: Elsewhere, tmp_path: Path) -> None:
    """A stock Envoy with a token: its gateway's port, its certificate and the pods come over ADS."""
    mesh, port = elsewhere.mesh, free_port()
    mesh.meshgate("apply", "-f", HELLO)
    mesh.wait_ready("app=hello")
    mesh.apply(STRICT % port)
    proxy = Proxy(
        role="router",
        name="elsewhere-1",
        namespace="default",
        labels=(("app", "elsewhere"),),
        addresses=("127.0.0.1",),
        service_account="web",
    )
    request = ("-H", "Host: elsewhere.example.com", f"http://127.0.0.1:{port}/headers")
    with envoy_elsewhere(proxy, tmp_path, elsewhere.port, elsewhere.root, elsewhere.token()) as log:
        wait_until(lambda: curl("-f", *request).returncode == 0, f"it forwards; see {log}")
        seen = curl(*request).stdout
        assert f"URI={WEB}" in seen, "the pod knows who called"
        assert "By=spiffe://cluster.local/ns/default/sa/default" in seen
    plain = curl("-o", "/dev/null", f"http://{_address_of(mesh)}:8000/headers", timeout_s=30)
    assert plain.returncode != 0, "a client without a certificate is refused"


def _address_of(mesh: Mesh) -> str:
    pod, *_ = mesh.pods("app=hello")
    status = pod["status"]
    assert isinstance(status, dict)
    return str(status["podIP"])
