"""Certificates for tests, as openssl would make them; what a test says nothing of is in order."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
"""When certificates of tests begin to be valid."""
END = datetime(2126, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Made:
    """A certificate and its key."""

    certificate: x509.Certificate
    private: PrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key(self) -> bytes:
        return key_pem(self.private)

    @property
    def name(self) -> x509.Name:
        return self.certificate.subject


def key_pem(
    private: PrivateKey,
    form: PrivateFormat = PrivateFormat.PKCS8,
    encryption: KeySerializationEncryption | None = None,
) -> bytes:
    return private.private_bytes(Encoding.PEM, form, encryption or NoEncryption())


def encrypted_key_pem(private: PrivateKey) -> bytes:
    return key_pem(private, encryption=BestAvailableEncryption(b"password"))


@cache
def private_key(kind: str = "P-256") -> PrivateKey:
    """One for each kind: `P-256`, `P-224`, `RSA-1024`, `Ed25519`, ...; what stands behind `/` tells them apart."""
    family, _, size = kind.partition("/")[0].partition("-")
    if family == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if family == "RSA":
        return rsa.generate_private_key(65537, int(size))
    curves: dict[str, type[ec.SECP224R1 | ec.SECP256R1 | ec.SECP384R1 | ec.SECP521R1 | ec.SECP256K1]]
    curves = {"224": ec.SECP224R1, "256": ec.SECP256R1, "384": ec.SECP384R1, "521": ec.SECP521R1, "256K": ec.SECP256K1}
    return ec.generate_private_key(curves[size]())


def subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def certificate(
    name: str,
    *,
    key: str = "",
    issuer: Made | None = None,
    is_ca: bool = False,
    dns: Sequence[str] = (),
    begin: datetime = BEGIN,
    end: datetime = END,
) -> Made:
    """Signed by the issuer, or by itself. Each name has a key of its own unless a kind is given."""
    private = private_key(key or f"P-256/{name}")
    signer = issuer.private if issuer is not None else private
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject(name))
        .issuer_name(issuer.name if issuer is not None else subject(name))
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    )
    if dns:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in dns]), critical=False)
    algorithm = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return Made(builder.sign(signer, algorithm), private)


def revocation_list(issuer: Made, *revoked: Made, begin: datetime = BEGIN) -> bytes:
    """Of these certificates."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.name)
        .last_update(begin)
        .next_update(begin + timedelta(days=36500))
    )
    for one in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(one.certificate.serial_number).revocation_date(begin)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(issuer.private, hashes.SHA256()).public_bytes(Encoding.PEM)


def damaged(pem: bytes) -> Iterator[bytes]:
    """One block of PEM with a byte of its content changed, for each byte."""
    head, *lines, tail = pem.splitlines()
    content = b64decode(b"".join(lines))
    for place, byte in enumerate(content):
        changed = content[:place] + bytes([5 if byte != 5 else 4]) + content[place + 1 :]
        yield b"\n".join((head, b64encode(changed), tail, b""))
