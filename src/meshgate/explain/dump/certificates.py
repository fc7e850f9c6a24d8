"""What a certificate says of itself. The one module of this package that knows X.509; keys never come here."""

from __future__ import annotations

import re
from datetime import datetime

from cryptography import x509
from msgspec import Struct

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
TIME = "%Y-%m-%dT%H:%M:%SZ"


class Certificate(Struct, frozen=True, kw_only=True):
    serial: str
    """Hex digits of whole bytes, as istioctl prints it."""
    subject: str
    issuer: str
    """Both as RFC 4514 writes them."""
    names: tuple[str, ...]
    """Subject alternative names, such as `URI:spiffe://cluster.local/ns/shop/sa/web`."""
    not_before: datetime
    not_after: datetime
    is_ca: bool
    trust_domain: str
    """Of its first SPIFFE id; empty without one."""

    def is_valid(self, now: datetime) -> bool:
        return self.not_before < now < self.not_after


def certificates_of(pem: bytes) -> tuple[Certificate, ...]:
    """The certificates of a PEM text, in their order; ValueError for one that cannot be read."""
    return tuple(_certificate(x509.load_pem_x509_certificate(part)) for part in _PEM.findall(pem))


def _certificate(read: x509.Certificate) -> Certificate:
    names = _alternative_names(read)
    spiffe = next((name for name in names if name.startswith("URI:spiffe://")), "")
    digits = f"{read.serial_number:x}"
    return Certificate(
        serial=digits.zfill(len(digits) + len(digits) % 2),
        subject=read.subject.rfc4514_string(),
        issuer=read.issuer.rfc4514_string(),
        names=names,
        not_before=read.not_valid_before_utc,
        not_after=read.not_valid_after_utc,
        is_ca=_is_ca(read),
        trust_domain=spiffe.removeprefix("URI:spiffe://").partition("/")[0],
    )


def _is_ca(read: x509.Certificate) -> bool:
    try:
        return read.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _alternative_names(read: x509.Certificate) -> tuple[str, ...]:
    try:
        found = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(_name_text(name) for name in found)


def _name_text(name: x509.GeneralName) -> str:
    match name:
        case x509.DNSName():
            return f"DNS:{name.value}"
        case x509.UniformResourceIdentifier():
            return f"URI:{name.value}"
        case x509.IPAddress():
            return f"IP:{name.value}"
        case x509.RFC822Name():
            return f"email:{name.value}"
        case _:
            return f"{type(name).__name__}:{name.value}"
