"""The outside world's certificate authority, and the certificates of its servers.

All lies in one directory: `ca.crt` for whoever is to trust it, `NAME.crt` and `NAME.key` for the servers. The
authority's key is used once, for all of them, and kept nowhere. What is there already is left alone, so that a server
that is started again is the one that was trusted before.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from meshgate.apps.outside.hosts import Host

ORGANIZATION = "meshgate lab"
AUTHORITY_FILE = "ca.crt"
AUTHORITY = f"{ORGANIZATION} authority"
_LIFE = timedelta(days=365)
_BEFORE = timedelta(hours=1)
"""Clocks differ."""


def make_certificates(directory: Path, hosts: Iterable[Host], now: datetime | None = None) -> None:
    """Make authority and certificates in `directory`, unless they are there."""
    if (directory / AUTHORITY_FILE).exists():
        return
    start = (now or datetime.now(UTC)) - _BEFORE
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _sign(_authority(start, authority_key), authority_key)
    for host in hosts:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _sign(_server(host, start, key, authority), authority_key)
        _write(directory / f"{file_name(host)}.crt", _pem(certificate))
        _write(directory / f"{file_name(host)}.key", _key_pem(key), mode=0o600)
    _write(directory / AUTHORITY_FILE, _pem(authority))  # last: it says that all are there


def file_name(host: Host) -> str:
    """
    >>> file_name(Host("*.wikipedia.org", (80,)))
    'any.wikipedia.org'
    """
    return host.name.replace("*", "any")


def _authority(start: datetime, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    name = _name(AUTHORITY)
    builder = _builder(name, name, start, key)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return builder.add_extension(_usage(signs_certificates=True), critical=True)


def _server(
    host: Host, start: datetime, key: ec.EllipticCurvePrivateKey, authority: x509.Certificate
) -> x509.CertificateBuilder:
    builder = _builder(_name(host.name), authority.subject, start, key)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
    )
    return builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host.name)]), critical=False)


def _builder(
    subject: x509.Name, issuer: x509.Name, start: datetime, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    public = key.public_key()
    builder = x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=public)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(start).not_valid_after(start + _LIFE)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _sign(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    return builder.sign(key, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, mode: int = 0o644) -> None:
    with open(path, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
        file.write(content)
