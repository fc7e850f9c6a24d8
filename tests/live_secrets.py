"""Secrets for a live Envoy in tests: one self-signed certificate, made once for the run and never written to disk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from meshgate.proto import v3


def secret_body(name: str) -> bytes:
    """Roots for the names that Istio has for roots, a certificate with its key for any other."""
    certificate, key = _self_signed()
    if name == "ROOTCA" or name.endswith("-cacert") or name.startswith(("file-root:", "configmap://")):
        secret = v3.Secret(name=name, validation_context={"trusted_ca": {"inline_bytes": certificate}})
    else:
        secret = v3.Secret(
            name=name,
            tls_certificate={
                "certificate_chain": {"inline_bytes": certificate},
                "private_key": {"inline_bytes": key},
            },
        )
    return secret.SerializeToString()


def certificate_and_key() -> bytes:
    """Both in one PEM text, for servers that are no Envoys."""
    return b"".join(_self_signed())


@cache
def _self_signed() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(serialization.Encoding.PEM), pem
