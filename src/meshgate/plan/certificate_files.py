"""Certificates in files: which paths a secret's name means, and which fields of TLS settings ask for it.

The names are Istio's (`file-cert:CERTIFICATE~KEY`, `file-root:ROOTS`), with the revoked certificates behind the roots.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from msgspec import Struct

from meshgate.api import ClientTLSMode, ClientTLSSettings, ServerTLSMode, ServerTLSSettings
from meshgate.plan import names

Part = Literal["certificate", "key", "roots", "crl"]

CERTIFICATE_SCHEME = "file-cert:"
ROOTS_SCHEME = "file-root:"
SYSTEM_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
"""What `file-root:system` means: whom the proxy's system trusts."""

_ASKING_CLIENTS = frozenset({ServerTLSMode.MUTUAL, ServerTLSMode.OPTIONAL_MUTUAL})


def paths_of(name: str) -> Mapping[Part, str]:
    """The parts of a secret and their paths in the proxy's view; none for a name that is not of files.

    >>> dict(paths_of("file-cert:/a.crt~/a.key"))
    {'certificate': '/a.crt', 'key': '/a.key'}
    >>> dict(paths_of("file-root:system")), dict(paths_of("file-root:/ca.pem~/crl.pem"))
    ({'roots': '/etc/ssl/certs/ca-certificates.crt'}, {'roots': '/ca.pem', 'crl': '/crl.pem'})
    >>> dict(paths_of("kubernetes://web"))
    {}
    """
    scheme = next((one for one in (CERTIFICATE_SCHEME, ROOTS_SCHEME) if name.startswith(one)), None)
    if scheme is None:
        return {}
    first, _, second = name.removeprefix(scheme).partition("~")
    if scheme == CERTIFICATE_SCHEME:
        return {"certificate": first, "key": second}
    roots = SYSTEM_BUNDLE if first == "system" else first
    return {"roots": roots, "crl": second} if second else {"roots": roots}


class FileUse(Struct, frozen=True, kw_only=True, gc=False):
    """A secret of files, and the fields that name its parts, below the TLS settings."""

    name: str
    fields: tuple[tuple[Part, str], ...]

    def field(self, part: Part) -> str:
        return dict(self.fields)[part]


def server_files(tls: ServerTLSSettings) -> Iterator[FileUse]:
    """What a gateway's server reads from files. One with Secrets reads none."""
    if tls.mode not in _ASKING_CLIENTS | {ServerTLSMode.SIMPLE} or tls.credential_name or tls.credential_names:
        return
    for place, one in enumerate(tls.tls_certificates):
        yield _pair(f"tlsCertificates[{place}].", one.server_certificate, one.private_key)
    if not tls.tls_certificates:
        yield _pair("", tls.server_certificate, tls.private_key)
    if tls.mode in _ASKING_CLIENTS and not tls.ca_cert_credential_name:
        yield _roots(tls.ca_certificates, tls.ca_crl)


def client_files(tls: ClientTLSSettings) -> Iterator[FileUse]:
    """What a DestinationRule reads from files."""
    if tls.mode not in (ClientTLSMode.SIMPLE, ClientTLSMode.MUTUAL) or tls.credential_name:
        return
    if tls.mode is ClientTLSMode.MUTUAL:
        fields: tuple[tuple[Part, str], ...] = (("certificate", "clientCertificate"), ("key", "privateKey"))
        yield FileUse(name=names.certificate_files(tls.client_certificate, tls.private_key), fields=fields)
    if not tls.insecure_skip_verify:
        yield _roots(tls.ca_certificates or "system", tls.ca_crl)


def _pair(prefix: str, certificate: str, key: str) -> FileUse:
    fields: tuple[tuple[Part, str], ...] = (
        ("certificate", f"{prefix}serverCertificate"),
        ("key", f"{prefix}privateKey"),
    )
    return FileUse(name=names.certificate_files(certificate, key), fields=fields)


def _roots(roots: str, revoked: str) -> FileUse:
    return FileUse(name=names.roots_files(roots, revoked), fields=(("roots", "caCertificates"), ("crl", "caCrl")))
