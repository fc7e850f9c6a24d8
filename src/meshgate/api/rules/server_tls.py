"""Rules of a server's TLS settings. istio:pkg/config/validation/validation.go#validateTLSOptions"""

from __future__ import annotations

import re
from typing import Final

from meshgate.api import codes
from meshgate.api.gateway import ServerTLSMode, ServerTLSSettings, TLSProtocol
from meshgate.api.rules.finding import Finding, Findings, doubt
from meshgate.api.tls_names import ECDH_CURVES, is_cipher_suite

MOST_CERTIFICATES: Final = 2
"""One of RSA and one of ECDSA."""

_SPKI: Final = re.compile(r"[A-Za-z0-9+/]{43}=")
_HASH: Final = re.compile(r"[0-9A-Fa-f]{64}|[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31}")
_TERMINATING: Final = frozenset({ServerTLSMode.SIMPLE, ServerTLSMode.MUTUAL, ServerTLSMode.OPTIONAL_MUTUAL})
_WITH_CLIENTS: Final = frozenset({ServerTLSMode.MUTUAL, ServerTLSMode.OPTIONAL_MUTUAL, ServerTLSMode.ISTIO_MUTUAL})
_VERSIONS: Final = (TLSProtocol.TLSV1_0, TLSProtocol.TLSV1_1, TLSProtocol.TLSV1_2, TLSProtocol.TLSV1_3)
_OLDEST_BY_DEFAULT: Final = TLSProtocol.TLSV1_2
"""What Envoy takes for TLS_AUTO as the minimum of a server."""
_PASSTHROUGH: Final = frozenset({ServerTLSMode.PASSTHROUGH, ServerTLSMode.AUTO_PASSTHROUGH})


def server_tls(path: str, tls: ServerTLSSettings) -> Findings:
    """Which certificates a mode needs, and which it must not have."""
    yield from cipher_suites(f"{path}.cipherSuites", tls.cipher_suites)
    yield from ecdh_curves(f"{path}.ecdhCurves", tls.ecdh_curves)
    yield from _versions(path, tls)
    yield from _pins(path, tls)
    yield from _at_most_two(path, tls)
    if tls.mode is ServerTLSMode.ISTIO_MUTUAL:
        yield from _mesh_certificates(path, tls)
        return
    if tls.mode in _PASSTHROUGH and _certificate_fields(tls):
        yield doubt(path, f"mode {tls.mode} uses no certificates; they are ignored")
    if tls.mode in _TERMINATING:
        yield from _one_source(path, tls)
        yield from _own_certificates(path, tls)


def _certificate_fields(tls: ServerTLSSettings) -> list[str]:
    given = {
        "serverCertificate": tls.server_certificate,
        "privateKey": tls.private_key,
        "caCertificates": tls.ca_certificates,
        "caCrl": tls.ca_crl,
        "credentialName": tls.credential_name,
        "credentialNames": tls.credential_names,
        "tlsCertificates": tls.tls_certificates,
    }
    return [name for name, value in given.items() if value]


def _mesh_certificates(path: str, tls: ServerTLSSettings) -> Findings:
    for name in _certificate_fields(tls):
        yield Finding(f"{path}.{name}", f"mode ISTIO_MUTUAL takes its certificates from the mesh, not from {name}")


def _one_source(path: str, tls: ServerTLSSettings) -> Findings:
    sources = [
        bool(tls.credential_name),
        bool(tls.credential_names),
        bool(tls.server_certificate and tls.private_key),
        bool(tls.tls_certificates),
    ]
    if sum(sources) > 1:
        words = "credentialName, credentialNames, serverCertificate with privateKey, tlsCertificates"
        yield Finding(path, f"only one of {words} can be given")


def _own_certificates(path: str, tls: ServerTLSSettings) -> Findings:
    if tls.credential_name or tls.credential_names:
        return
    if tls.tls_certificates:
        for index, certificate in enumerate(tls.tls_certificates):
            at = f"{path}.tlsCertificates[{index}]"
            yield from _pair(at, tls.mode, certificate.server_certificate, certificate.private_key)
    else:
        yield from _pair(path, tls.mode, tls.server_certificate, tls.private_key)
    if tls.mode is ServerTLSMode.SIMPLE:
        if tls.ca_crl:
            yield Finding(f"{path}.caCrl", "mode SIMPLE asks for no client certificates, so there is none to revoke")
    elif not tls.ca_certificates:
        yield Finding(f"{path}.caCertificates", f"mode {tls.mode} needs the certificates of the clients' CA")


def _pair(path: str, mode: ServerTLSMode, certificate: str, key: str) -> Findings:
    hint = "give credentialName, or serverCertificate and privateKey"
    if not certificate:
        yield Finding(f"{path}.serverCertificate", f"mode {mode} needs a certificate", hint)
    if not key:
        yield Finding(f"{path}.privateKey", f"mode {mode} needs a private key", hint)


def cipher_suites(path: str, suites: tuple[str, ...]) -> Findings:
    """Cipher suites that are passed over."""
    seen: set[str] = set()
    for index, suite in enumerate(suites):
        at = f"{path}[{index}]"
        if not is_cipher_suite(suite):
            yield doubt(at, f'"{suite}" is no cipher suite of TLS 1.2 or older; it is ignored')
        elif suite in seen:
            yield doubt(at, f'"{suite}" is given twice')
        seen.add(suite)


def ecdh_curves(path: str, curves: tuple[str, ...]) -> Findings:
    """Curves that are passed over."""
    for index, curve in enumerate(curves):
        if curve not in ECDH_CURVES:
            yield doubt(f"{path}[{index}]", f'"{curve}" is no curve that Envoy knows; it is ignored')
        elif curve in curves[:index]:
            yield doubt(f"{path}[{index}]", f'"{curve}" is given twice')


def _versions(path: str, tls: ServerTLSSettings) -> Findings:
    """Istio hands both on as they are, and Envoy takes them; no handshake succeeds."""
    automatic, newest = TLSProtocol.TLS_AUTO, tls.max_protocol_version
    oldest = _OLDEST_BY_DEFAULT if tls.min_protocol_version is automatic else tls.min_protocol_version
    if tls.mode in _PASSTHROUGH or newest is automatic or _VERSIONS.index(oldest) <= _VERSIONS.index(newest):
        return
    text = f"no version of TLS is taken: the oldest is {oldest}, the newest {newest}"
    hint = "give a minProtocolVersion that is not newer"
    yield Finding(f"{path}.maxProtocolVersion", text, hint, "warning", codes.NO_TLS_VERSION)


def _pins(path: str, tls: ServerTLSSettings) -> Findings:
    """Hashes by which clients are known: Envoy refuses the whole listener for one that cannot be one."""
    if tls.mode not in _WITH_CLIENTS:
        return
    for index, pin in enumerate(tls.verify_certificate_spki):
        if not _SPKI.fullmatch(pin):
            at = f"{path}.verifyCertificateSpki[{index}]"
            yield Finding(at, f'"{pin}" is no SHA-256 in base64', "it has 44 characters", code=codes.REFUSED_BY_ENVOY)
    for index, pin in enumerate(tls.verify_certificate_hash):
        if not _HASH.fullmatch(pin):
            at = f"{path}.verifyCertificateHash[{index}]"
            hint = "64 hex digits, all pairs of them with colons between or none"
            yield Finding(at, f'"{pin}" is no SHA-256 in hex', hint, code=codes.REFUSED_BY_ENVOY)


def _at_most_two(path: str, tls: ServerTLSSettings) -> Findings:
    for name, given in (("credentialNames", tls.credential_names), ("tlsCertificates", tls.tls_certificates)):
        if len(given) > MOST_CERTIFICATES:
            yield Finding(f"{path}.{name}", "at most two certificates: one RSA, one ECDSA", code=codes.SCHEMA)
