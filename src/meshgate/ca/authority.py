"""An authority: who signs, what is sent behind each certificate, and what its certificates are trusted by.

Read from a Secret's data as Istio has it: `ca-cert.pem`, `ca-key.pem`, `cert-chain.pem`, `root-cert.pem`, or as
cert-manager writes it: `tls.crt`, `tls.key`, `ca.crt`. Everything is checked before anything is signed: that the key is
the certificate's, that it may sign, that it leads to one of the roots, that none of them has expired. What is wrong
becomes a Problem of the Secret; its text names keys of the Secret and never quotes what they hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from msgspec import Struct

from meshgate.api import Problem, Ref, SecretBytes, codes
from meshgate.ca.pki import (
    SKEW,
    CsrFault,
    Issuer,
    PrivateKey,
    Terms,
    certificate_pem,
    is_issued_by,
    key_pem,
    root_certificate,
    sound_key,
)

CA_CERT: Final = "ca-cert.pem"
CA_KEY: Final = "ca-key.pem"
ROOT_CERT: Final = "root-cert.pem"
CERT_CHAIN: Final = "cert-chain.pem"
TLS_CERT: Final = "tls.crt"
TLS_KEY: Final = "tls.key"
TLS_ROOT: Final = "ca.crt"

ROOT_LIFETIME: Final = timedelta(days=3650)
"""Istio's `CITADEL_SELF_SIGNED_CA_CERT_TTL`."""
_OPENSSL: Final = "openssl verify -CAfile root-cert.pem -untrusted cert-chain.pem ca-cert.pem tells more"


class Authority(Struct, frozen=True, kw_only=True, eq=False):
    """All of it is checked."""

    issuer: Issuer
    chain: tuple[x509.Certificate, ...] = ()
    """From the issuer's certificate to the last one below the root; empty where the issuer is a root itself."""
    roots: tuple[x509.Certificate, ...]

    @property
    def chain_pem(self) -> bytes:
        """What follows a workload's certificate on the wire."""
        return b"".join(map(certificate_pem, self.chain))

    @property
    def signer(self) -> bytes:
        """Equal for authorities whose certificates of workloads look the same: same issuer, same chain."""
        return b"".join(map(certificate_digest, (self.issuer.certificate, *self.chain)))

    def is_same(self, other: Authority) -> bool:
        """Signs the same, and trusts the same."""
        return self.signer == other.signer and set(self.roots) == set(other.roots)

    @property
    def ends(self) -> datetime:
        """When the first certificate of the chain expires."""
        return min(each.not_valid_after_utc for each in (self.issuer.certificate, *self.chain))


class _Keys(NamedTuple):
    """Keys of a Secret."""

    certificate: str
    key: str
    chain: str
    root: str


class _Fault(NamedTuple):
    key: str
    text: str
    hint: str = ""


_ISTIO: Final = _Keys(CA_CERT, CA_KEY, CERT_CHAIN, ROOT_CERT)
_KUBERNETES: Final = _Keys(TLS_CERT, TLS_KEY, TLS_CERT, TLS_ROOT)


def certificate_digest(certificate: x509.Certificate) -> bytes:
    """SHA-256, by which certificates are told apart and sorted."""
    return certificate.fingerprint(hashes.SHA256())


def roots_pem(roots: Sequence[x509.Certificate]) -> bytes:
    """A bundle: each root once, in an order that depends on nothing but the roots."""
    return b"".join(certificate_pem(each) for each in sorted(set(roots), key=certificate_digest))


def self_signed_authority(key: PrivateKey, organization: str, terms: Terms) -> Authority:
    """An authority of our own: a root that signs workloads itself."""
    root = root_certificate(key, organization, terms)
    return Authority(issuer=Issuer(certificate=root, key=key), roots=(root,))


def authority_secret(authority: Authority) -> Mapping[str, SecretBytes]:
    """The data of `istio-ca-secret` for an authority of our own: Istio has all five keys, three of them empty."""
    return {
        CA_CERT: SecretBytes(certificate_pem(authority.issuer.certificate)),
        CA_KEY: SecretBytes(key_pem(authority.issuer.key)),
        CERT_CHAIN: SecretBytes(b""),
        "key.pem": SecretBytes(b""),
        ROOT_CERT: SecretBytes(b""),
    }


def authority_of(
    ref: Ref, data: Mapping[str, SecretBytes], now: datetime
) -> tuple[Authority | None, tuple[Problem, ...]]:
    """The authority of a Secret, or why it is none (`AuthorityUnusable`). Without a root the certificate is its own."""
    keys = _KUBERNETES if CA_CERT not in data and TLS_CERT in data else _ISTIO
    found = _read(keys, {key: value.reveal() for key, value in data.items()}, now)
    if isinstance(found, Authority):
        return found, ()
    problem = Problem(codes.BAD_AUTHORITY, "warning", ref, f"data[{found.key}]", found.text, found.hint)
    return None, (problem,)


def _read(keys: _Keys, data: Mapping[str, bytes], now: datetime) -> Authority | _Fault:
    for key in (keys.certificate, keys.key):
        if not data.get(key, b"").strip():
            return _Fault(key, f"the key {key!r} is missing or empty")
    parsed: dict[str, tuple[x509.Certificate, ...]] = {}
    for key in (keys.certificate, keys.chain, keys.root):
        try:
            parsed[key] = certificates(data.get(key, b""))
        except ValueError:
            return _Fault(key, "this is no list of certificates in PEM")
    certificate = parsed[keys.certificate][0]
    key_or_fault = _signing_key(keys, data[keys.key], certificate)
    if isinstance(key_or_fault, _Fault):
        return key_or_fault
    if not may_sign(certificate):
        return _Fault(keys.certificate, "the certificate is not one of an authority: it may not sign others")
    roots = parsed[keys.root] or (certificate,)
    path = _path(certificate, (*parsed[keys.certificate], *parsed[keys.chain]), roots)
    if path is None:
        text = "the certificate does not lead to any of the roots"
        return _Fault(keys.root, text, _OPENSSL if keys is _ISTIO else "")
    old = next((each for each in path if not each.not_valid_before_utc <= now < each.not_valid_after_utc), None)
    if old is not None:
        key = keys.certificate if old is certificate else keys.root if old is path[-1] else keys.chain
        return _Fault(key, f"a certificate is valid from {old.not_valid_before_utc} to {old.not_valid_after_utc} only")
    return Authority(issuer=Issuer(certificate=certificate, key=key_or_fault), chain=path[:-1], roots=roots)


def certificates(pem: bytes) -> tuple[x509.Certificate, ...]:
    """All certificates of a PEM text, none if it is blank; ValueError if it is anything else."""
    try:
        return tuple(x509.load_pem_x509_certificates(pem)) if pem.strip() else ()
    except x509.InvalidVersion as fault:  # which is no ValueError
        raise ValueError(str(fault)) from None


def may_sign(certificate: x509.Certificate) -> bool:
    """Whether it is an authority's, by its basic constraints and by its key usage where it has one."""
    try:
        if not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound as missing:
        return missing.oid == x509.KeyUsage.oid
    except (ValueError, x509.DuplicateExtension):
        return False


def _signing_key(keys: _Keys, pem: bytes, certificate: x509.Certificate) -> PrivateKey | _Fault:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError:
        return _Fault(keys.key, "the key is encrypted", "take the passphrase away: openssl pkey -in ... -out ...")
    except Exception:  # what cryptography raises may quote the key; UnsupportedAlgorithm is no ValueError
        return _Fault(keys.key, "this is no private key in PEM")
    try:
        sound_key(key.public_key())
    except CsrFault as fault:
        return _Fault(keys.key, fault.text)
    assert isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    if key.public_key() != _key_of(certificate):
        return _Fault(keys.key, f"the key is not the one of the certificate in {keys.certificate!r}")
    return key


def _key_of(certificate: x509.Certificate) -> object:
    """None if it is of a kind that is unknown here."""
    try:
        return certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None


def _path(
    certificate: x509.Certificate, known: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]
) -> tuple[x509.Certificate, ...] | None:
    """From the certificate to a root, both included; None if there is no way."""
    path: tuple[x509.Certificate, ...] = (certificate,)
    for _ in range(len(known) + 1):
        if path[-1] in roots:
            return path
        issuers = [each for each in (*roots, *known) if may_sign(each) and each not in path]
        issuer = next((each for each in issuers if is_issued_by(path[-1], each)), None)
        if issuer is None:
            return None
        path = (*path, issuer)
    return path if path[-1] in roots else None


def is_over(authority: Authority, now: datetime) -> bool:
    """It can sign nothing any more that would be valid for longer than clocks may differ."""
    return authority.ends <= now + SKEW
