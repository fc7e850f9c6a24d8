"""X.509 as Istio's CA makes it: a root that signs itself, and certificates of workloads that are nothing but a key and
a SPIFFE id. Pure: key, clock and serial number are given, signatures are deterministic, equal input gives equal bytes.

A workload's certificate has no subject; its one name is a URI in the subject alternative name, which is therefore
critical (RFC 5280, 4.2.1.6). It serves as server and as client. It begins two minutes early, for clocks that differ,
and ends before its authority does. (istio:security/pkg/pki/util/generate_cert.go, generate_csr.go)
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

from meshgate.errors import MeshgateError

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

SKEW: Final = timedelta(minutes=2)
"""Istio's `ClockSkewGracePeriod`."""
LEAST_RSA_BITS: Final = 2048
_CURVES: Final = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
"""Those that Envoy and Go take; no key of a smaller one is signed."""


class Issuer(Struct, frozen=True, kw_only=True, eq=False):
    """What signs: the certificate of an authority and its key."""

    certificate: x509.Certificate
    key: PrivateKey

    def __repr__(self) -> str:
        return f"Issuer({self.certificate.subject.rfc4514_string()!r}, serial {self.certificate.serial_number:x})"


class Terms(Struct, frozen=True, kw_only=True):
    """What distinguishes one certificate from another of the same name and key."""

    now: datetime
    lifetime: timedelta
    serial: int


class CsrFault(MeshgateError):
    """A request for a certificate that is not granted."""


def root_certificate(key: PrivateKey, organization: str, terms: Terms) -> x509.Certificate:
    """A root that signs itself, for the organization that a trust domain is."""
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)])
    builder = (
        _builder(key.public_key(), name, name, terms)
        .not_valid_before(terms.now - SKEW)
        .not_valid_after(terms.now + terms.lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return _signed(builder, key)


def workload_certificate(
    issuer: Issuer, key: PublicKey, identity: str, terms: Terms, dns_names: Sequence[str] = ()
) -> x509.Certificate:
    """A certificate for whoever has this key and is this SPIFFE id; it ends no later than the issuer's own.

    The issuer is valid at `terms.now`. Who is called by a name instead of an identity has `dns_names`, too.
    """
    names = [x509.UniformResourceIdentifier(identity), *map(x509.DNSName, dns_names)]
    ends = min(terms.now + terms.lifetime, issuer.certificate.not_valid_after_utc)
    builder = (
        _builder(key, x509.Name([]), issuer.certificate.subject, terms)
        .not_valid_before(max(terms.now - SKEW, issuer.certificate.not_valid_before_utc))
        .not_valid_after(ends)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_authority_key(issuer.certificate), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=True)
    )
    return _signed(builder, issuer.key)


def sign(issuer: Issuer, csr_pem: bytes, identity: str, terms: Terms) -> x509.Certificate:
    """A certificate for the key of a signing request, and for the caller's identity, which somebody else has checked.

    Everything else that the request says is ignored, but for names: who asks for one that is not its own gets nothing.
    CsrFault tells what is wrong with the request.
    """
    try:
        request = x509.load_pem_x509_csr(csr_pem)
        is_signed = request.is_signature_valid
        names = _names(request)
        key = request.public_key()
    except (ValueError, x509.InvalidVersion, x509.DuplicateExtension) as error:
        raise CsrFault("the request is not a PKCS #10 request in PEM") from error
    except UnsupportedAlgorithm as error:
        raise CsrFault("the request has a key or a signature of a kind that is unknown here") from error
    if not is_signed:
        raise CsrFault("the request is not signed by the key that it is for")
    foreign = sorted(name for name in names if name != identity)
    if foreign:
        raise CsrFault(f"the request asks for {', '.join(map(repr, foreign))}, and its sender is {identity!r}")
    return workload_certificate(issuer, sound_key(key), identity, terms)


def sound_key(key: object) -> PublicKey:
    """The key, if it may have a certificate; CsrFault if it is of another kind or too weak."""
    match key:
        case rsa.RSAPublicKey():
            if key.key_size < LEAST_RSA_BITS:
                raise CsrFault(f"an RSA key has {LEAST_RSA_BITS} bits at least, this one {key.key_size}")
            return key
        case ec.EllipticCurvePublicKey() if isinstance(key.curve, _CURVES):
            return key
        case _:
            raise CsrFault("the key is neither RSA nor ECDSA with the curve P-256, P-384 or P-521")


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's name and key are those that have signed the certificate."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # any failure to verify is an answer: cryptography raises four unrelated types
        return False
    return True


def certificate_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: PrivateKey) -> bytes:
    """PKCS #8, unencrypted. Goes into a `SecretBytes` at once."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _names(request: x509.CertificateSigningRequest) -> list[str]:
    """All alternative names, each as text; those of other kinds than URI with their kind before them."""
    try:
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [
        name.value if isinstance(name, x509.UniformResourceIdentifier) else f"{type(name).__name__}:{name.value}"
        for name in names
    ]


def _builder(key: PublicKey, subject: x509.Name, issuer: x509.Name, terms: Terms) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder().serial_number(terms.serial).subject_name(subject).issuer_name(issuer).public_key(key)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=not signs,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_key(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """As the issuer's certificate has it, which need not be the hash that we would take."""
    try:
        found = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(sound_key(issuer.public_key()))
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found.value)


def _signed(builder: x509.CertificateBuilder, key: PrivateKey) -> x509.Certificate:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return builder.sign(key, _hash(key), ecdsa_deterministic=True)
    return builder.sign(key, hashes.SHA256())


def _hash(key: ec.EllipticCurvePrivateKey) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512:
    """As strong as the curve, as Go chooses it."""
    if key.key_size <= 256:
        return hashes.SHA256()
    return hashes.SHA384() if key.key_size <= 384 else hashes.SHA512()
