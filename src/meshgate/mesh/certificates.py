"""What a certificate with its key, or a bundle of roots, is worth: would Envoy take it, and would a peer?

Envoy is no help in finding out: a secret that it can't use it may acknowledge, and answer each handshake with a reset;
or refuse with the blame on another secret of the same context. So nothing is sent to it that was not looked at here.
Faults are what Envoy refuses (each was tried with it), doubts what it takes though it cannot work. Nothing of a key
is in any text. The one module of this package that touches `cryptography`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import pairwise
from typing import Final, Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key
from cryptography.x509.oid import PublicKeyAlgorithmOID
from msgspec import Struct

from meshgate.api import SecretBytes
from meshgate.mesh.pem import PemBlock, PemFault, pem_blocks

SHORTEST_RSA_KEY: Final = 2048
"""In bits; Envoy takes no shorter one."""
_CURVES: Final = frozenset({"secp256r1", "secp384r1", "secp521r1"})
_ALGORITHMS: Final = frozenset(
    {
        PublicKeyAlgorithmOID.RSAES_PKCS1_v1_5,  # rsaEncryption, whatever it is used for
        PublicKeyAlgorithmOID.EC_PUBLIC_KEY,
        PublicKeyAlgorithmOID.ED25519,
    }
)
_KEYS_TAKEN: Final = "Envoy takes RSA of 2048 bits and more, P-256, P-384, P-521 and Ed25519"
_CERTIFICATE_LABELS: Final = frozenset({"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"})
_KEY_LABELS: Final = frozenset({"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"})
_ENCRYPTED: Final = "ENCRYPTED PRIVATE KEY"
_CRL_LABEL: Final = "X509 CRL"
_NO_EXTENSION: Final = (
    ValueError,
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""An extension is not there, or cannot be understood."""

_NO_CERTIFICATE: Final = "there is no certificate in it"

Part = Literal["certificate", "key", "roots", "crl"]


class CertificateFault(Struct, frozen=True, kw_only=True, gc=False):
    """What is wrong with one part."""

    part: Part
    text: str
    hint: str = ""
    kind: Literal["unreadable", "absent", "mismatch", "weak"] = "unreadable"


class CertificateFacts(Struct, frozen=True, kw_only=True, gc=False):
    """What of a certificate others want to know; times have a zone."""

    subject: str
    not_before: datetime
    not_after: datetime
    dns_names: tuple[str, ...] = ()
    """Alternative names; the common name does not count."""
    other_names: bool = False
    """It has alternative names that are no DNS names: addresses, URIs."""


class Checked(Struct, frozen=True, kw_only=True):
    """What came out."""

    faults: tuple[CertificateFault, ...] = ()
    """Envoy refuses it."""
    doubts: tuple[CertificateFault, ...] = ()
    """Envoy takes it, and some or all peers won't get through."""
    certificates: tuple[CertificateFacts, ...] = ()
    """Those that could be read, in their order."""


def check_pair(chain: bytes, key: SecretBytes) -> Checked:
    """A certificate, those that lead to its root behind it, and its private key."""
    certificates, faults = _certificates(chain, "certificate")
    if not faults:
        faults = [*_unusable_leaf(certificates[0]), *_key_faults(key, certificates)]
    facts = tuple(_facts(one) for one in certificates)
    return Checked(faults=tuple(faults), doubts=tuple(_order_doubts(certificates)), certificates=facts)


def check_roots(roots: bytes, crl: bytes = b"") -> Checked:
    """Certificates of authorities that a peer's must lead to, and lists of what they have revoked."""
    certificates, faults = _certificates(roots, "roots")
    doubts = [] if faults else _roots_doubts(certificates)
    if crl and not faults:
        faults, more = _crl_findings(crl, certificates)
        doubts += more
    return Checked(faults=tuple(faults), doubts=tuple(doubts), certificates=tuple(map(_facts, certificates)))


def check_system_roots(roots: bytes) -> Checked:
    """The roots of a whole system, which are no user's: more than a hundred, some of them odd. That there are some, and
    that the text is whole, is all that is looked at."""
    blocks = list(pem_blocks(roots))
    faults = [CertificateFault(part="roots", text=one.text) for one in blocks if isinstance(one, PemFault)]
    if not faults and not blocks:
        faults = [CertificateFault(part="roots", text=_NO_CERTIFICATE, kind="absent")]
    return Checked(faults=tuple(faults))


def _certificates(text: bytes, part: Part) -> tuple[list[x509.Certificate], list[CertificateFault]]:
    found: list[x509.Certificate] = []
    for block in pem_blocks(text):
        if isinstance(block, PemFault):
            return found, [CertificateFault(part=part, text=block.text)]
        if block.label in _CERTIFICATE_LABELS:
            certificate = _certificate(block.content)
            if certificate is None:
                fault = f"certificate {len(found) + 1} of it cannot be read"
                return found, [CertificateFault(part=part, text=fault)]
            found.append(certificate)
    if not found:
        hint = 'PEM is expected: text with a line "-----BEGIN CERTIFICATE-----"'
        return found, [CertificateFault(part=part, text=_NO_CERTIFICATE, hint=hint, kind="absent")]
    return found, []


def _certificate(content: bytes) -> x509.Certificate | None:
    try:
        certificate = x509.load_der_x509_certificate(content)
        _ = certificate.subject, certificate.issuer, certificate.not_valid_before_utc  # read when asked for only
    except (ValueError, x509.InvalidVersion):
        return None
    return certificate


def _unusable_leaf(leaf: x509.Certificate) -> Iterator[CertificateFault]:
    weakness = _weakness(leaf)
    if weakness:
        yield CertificateFault(part="certificate", text=weakness, hint=_KEYS_TAKEN, kind="weak")


def _weakness(leaf: x509.Certificate) -> str:
    """Why Envoy does not take the certificate's key; empty if it does."""
    key = _public_key(leaf)
    if key is None or leaf.public_key_algorithm_oid not in _ALGORITHMS:
        return "its key is of a kind that Envoy does not take"
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < SHORTEST_RSA_KEY:
        return f"its RSA key has {key.key_size} bits only"
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name not in _CURVES:
        return f"its key is of curve {key.curve.name}, which Envoy does not take"
    return ""


def _public_key(certificate: x509.Certificate) -> PublicKeyTypes | None:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey, ed25519.Ed25519PublicKey)) else None


def _key_faults(key: SecretBytes, chain: list[x509.Certificate]) -> Iterator[CertificateFault]:
    block = next((one for one in pem_blocks(key.reveal()) if _ends_the_search(one)), None)
    if isinstance(block, PemFault):
        yield CertificateFault(part="key", text=block.text)
        return
    if block is None:
        hint = 'PEM is expected: text with a line "-----BEGIN PRIVATE KEY-----"'
        yield CertificateFault(part="key", text="there is no private key in it", hint=hint, kind="absent")
        return
    if block.headers or block.label == _ENCRYPTED:
        hint = "take the password away: openssl pkey -in KEY -out KEY-WITHOUT-PASSWORD"
        yield CertificateFault(part="key", text="the private key is encrypted with a password", hint=hint)
        return
    public = _public_part(block.content)
    if public is None:
        yield CertificateFault(part="key", text="the private key cannot be read")
    elif public != _spki(chain[0]):
        yield _mismatch(public, chain)


def _ends_the_search(block: PemBlock | PemFault) -> bool:
    """Envoy takes the first private key and reads no further."""
    return isinstance(block, PemFault) or block.label in _KEY_LABELS or block.label == _ENCRYPTED


def _public_part(content: bytes) -> bytes | None:
    try:
        private = load_der_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None  # what the library says may have some of the key in it
    return private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _spki(certificate: x509.Certificate) -> bytes | None:
    key = _public_key(certificate)
    return None if key is None else key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _mismatch(public: bytes, chain: list[x509.Certificate]) -> CertificateFault:
    place = next((number for number, one in enumerate(chain, 1) if _spki(one) == public), None)
    if place is not None:
        text = f"the certificate of the private key is number {place} of the chain"
        hint = "put it first, then those that lead to its root"
        return CertificateFault(part="certificate", text=text, hint=hint, kind="mismatch")
    text = f'the private key is not that of the certificate "{_subject(chain[0])}"'
    return CertificateFault(part="key", text=text, kind="mismatch")


def _order_doubts(chain: list[x509.Certificate]) -> Iterator[CertificateFault]:
    for number, (one, following) in enumerate(pairwise(chain), 2):
        if one.issuer != following.subject:
            yield CertificateFault(
                part="certificate",
                text=f'certificate {number} of the chain, "{_subject(following)}", did not issue the one before it',
                hint="many clients refuse such a chain; each certificate must be followed by its issuer's",
            )
            return


def _roots_doubts(certificates: Iterable[x509.Certificate]) -> list[CertificateFault]:
    return [
        CertificateFault(
            part="roots",
            text=f'"{_subject(one)}" is no certificate of an authority',
            hint="nothing that it has issued is accepted",
        )
        for one in certificates
        if not _may_issue(one)
    ]


def _may_issue(certificate: x509.Certificate) -> bool:
    if certificate.version is x509.Version.v1:
        return True
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except _NO_EXTENSION:
        return False


def _crl_findings(text: bytes, roots: list[x509.Certificate]) -> tuple[list[CertificateFault], list[CertificateFault]]:
    issuers: set[x509.Name] = set()
    for block in pem_blocks(text):
        if isinstance(block, PemFault):
            return [CertificateFault(part="crl", text=block.text)], []
        if block.label == _CRL_LABEL:
            try:
                issuers.add(x509.load_der_x509_crl(block.content).issuer)
            except (ValueError, x509.InvalidVersion):
                return [CertificateFault(part="crl", text="a list of it cannot be read")], []
    without = [one for one in roots if one.subject not in issuers]
    hint = "no client certificate of this authority is accepted: each authority needs a list, be it empty"
    return [], [
        CertificateFault(part="crl", text=f'there is no list of "{_subject(one)}"', hint=hint) for one in without
    ]


def _facts(certificate: x509.Certificate) -> CertificateFacts:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except _NO_EXTENSION:
        found = x509.SubjectAlternativeName([])
    names = tuple(found.get_values_for_type(x509.DNSName))
    return CertificateFacts(
        subject=_subject(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        dns_names=names,
        other_names=len(names) < len(found),
    )


def _subject(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()
