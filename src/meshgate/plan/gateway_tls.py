"""TLS that a gateway's server terminates: with which certificate, for whom, in which versions and ciphers.

What Envoy would refuse a listener for, with all of its other servers, is left out here as Istio leaves out unknown
ciphers; the rules of Gateways say so. (istio:pilot/pkg/networking/core/listener.go#BuildListenerTLSContext)
"""

from __future__ import annotations

from meshgate.api import (
    MeshConfig,
    MeshTLS,
    ServerTLSMode,
    ServerTLSSettings,
    TLSProtocol,
    known_cipher_suites,
    known_ecdh_curves,
)
from meshgate.mesh import server_certificates, server_roots
from meshgate.plan import names
from meshgate.plan.secret_sources import secret_reference
from meshgate.plan.values import DownstreamTls, PeerValidation, SecretReference, TextExact, TlsParameters, TlsVersion

ALPN = ("h2", "http/1.1")
"""Istio also offers `istio-peer-exchange` to TCP of the mesh: who takes it begins with metadata, which stock Envoys do
not read (it is Istio's list with PILOT_DISABLE_MX_ALPN)."""

_PASSED_THROUGH = frozenset({ServerTLSMode.PASSTHROUGH, ServerTLSMode.AUTO_PASSTHROUGH})
_DEMANDING = frozenset({ServerTLSMode.MUTUAL, ServerTLSMode.ISTIO_MUTUAL})
_WITH_CLIENTS = _DEMANDING | {ServerTLSMode.OPTIONAL_MUTUAL}
_VERSIONS: dict[TLSProtocol, TlsVersion] = {
    TLSProtocol.TLS_AUTO: "TLS_AUTO",
    TLSProtocol.TLSV1_0: "TLSv1_0",
    TLSProtocol.TLSV1_1: "TLSv1_1",
    TLSProtocol.TLSV1_2: "TLSv1_2",
    TLSProtocol.TLSV1_3: "TLSv1_3",
}


def is_passed_through(settings: ServerTLSSettings) -> bool:
    """Whether the bytes go on encrypted."""
    return settings.mode in _PASSED_THROUGH


def server_tls(settings: ServerTLSSettings, mesh: MeshConfig) -> DownstreamTls:
    """The TLS of a server that terminates it."""
    assert not is_passed_through(settings), "decided by the caller"
    return DownstreamTls(
        certificates=certificates(settings, mesh),
        validation=_validation(settings, mesh) if settings.mode in _WITH_CLIENTS else None,
        require_client_certificate=settings.mode in _DEMANDING,
        alpn=ALPN,
        parameters=TlsParameters() if settings.mode is ServerTLSMode.ISTIO_MUTUAL else _parameters(settings, mesh),
    )


def certificates(settings: ServerTLSSettings, mesh: MeshConfig) -> tuple[SecretReference, ...]:
    """What a server shows its clients: the workload's own certificate, Secrets, or files."""
    if settings.mode is ServerTLSMode.ISTIO_MUTUAL:
        return (SecretReference(name=names.WORKLOAD_CERTIFICATE),)
    if credentials := server_certificates(settings):
        return tuple(secret_reference(use.name, mesh) for use in credentials)
    if settings.tls_certificates:
        given = ((one.server_certificate, one.private_key) for one in settings.tls_certificates)
        return tuple(SecretReference(name=names.certificate_files(*files)) for files in given)
    files = names.certificate_files(settings.server_certificate, settings.private_key)
    return (SecretReference(name=files),)


def _validation(settings: ServerTLSSettings, mesh: MeshConfig) -> PeerValidation:
    """Hashes are for every mode here, as the API says; Istio forgets them beside files."""
    return PeerValidation(
        roots=_roots(settings, mesh),
        subject_alt_names=tuple(TextExact(value=name) for name in settings.subject_alt_names),
        certificate_spki=settings.verify_certificate_spki,
        certificate_hashes=settings.verify_certificate_hash,
        accepts_untrusted=bool(settings.insecure_skip_verify),
    )


def _roots(settings: ServerTLSSettings, mesh: MeshConfig) -> SecretReference:
    if settings.mode is ServerTLSMode.ISTIO_MUTUAL:
        return SecretReference(name=names.WORKLOAD_ROOTS)
    if credential := server_roots(settings):
        return secret_reference(credential.name, mesh)
    return SecretReference(name=names.roots_files(settings.ca_certificates, settings.ca_crl))


def _parameters(settings: ServerTLSSettings, mesh: MeshConfig) -> TlsParameters:
    """As the server says, else as the mesh does."""
    defaults = mesh.tls_defaults or MeshTLS()
    automatic = TLSProtocol.TLS_AUTO
    minimum = settings.min_protocol_version
    return TlsParameters(
        minimum_version=_VERSIONS[defaults.min_protocol_version if minimum is automatic else minimum],
        maximum_version=_VERSIONS[settings.max_protocol_version],
        cipher_suites=known_cipher_suites(settings.cipher_suites) or known_cipher_suites(defaults.cipher_suites),
        ecdh_curves=known_ecdh_curves(settings.ecdh_curves) or known_ecdh_curves(defaults.ecdh_curves),
    )
