"""Authorities and requests for tests: each made once, each key another one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from meshgate.api import SecretBytes
from meshgate.ca.authority import CA_CERT, CA_KEY, CERT_CHAIN, ROOT_CERT, Authority, self_signed_authority
from meshgate.ca.pki import Issuer, PrivateKey, Terms, certificate_pem, key_pem

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
DAY = timedelta(hours=24)
ME = "spiffe://cluster.local/ns/shop/sa/cart"


def terms(*, now: datetime = NOW, lifetime: timedelta = DAY, serial: int = 7) -> Terms:
    return Terms(now=now, lifetime=lifetime, serial=serial)


@cache
def ec_key(number: int = 0, curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    """The same key for the same number."""
    return ec.derive_private_key(0xC0FFEE + number, curve())


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def authority(number: int = 0, lifetime: timedelta = timedelta(days=3650), now: datetime = NOW) -> Authority:
    return self_signed_authority(ec_key(number), f"td-{number}", terms(now=now, lifetime=lifetime))


def below(
    parent: Issuer, key: PrivateKey, name: str, *, ca: bool = True, ends: datetime = NOW + timedelta(days=100)
) -> x509.Certificate:
    """A certificate of another authority below this one."""
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)]))
        .issuer_name(parent.certificate.subject)
        .public_key(key.public_key())
        .serial_number(9)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(parent.key, hashes.SHA256(), ecdsa_deterministic=True)
    )


def plugged_in(*, ca: bool = True, ends: datetime = NOW + timedelta(days=100)) -> dict[str, SecretBytes]:
    """The Secret `cacerts` of an intermediate, as Istio's guide makes it."""
    root = authority().issuer
    certificate = below(root, ec_key(1), "intermediate", ca=ca, ends=ends)
    chain = certificate_pem(certificate) + certificate_pem(root.certificate)
    return {
        CA_CERT: SecretBytes(certificate_pem(certificate)),
        CA_KEY: SecretBytes(key_pem(ec_key(1))),
        CERT_CHAIN: SecretBytes(chain),
        ROOT_CERT: SecretBytes(certificate_pem(root.certificate)),
    }


def csr(key: PrivateKey, *names: x509.GeneralName, subject: str = "") -> bytes:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, subject)] if subject else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
