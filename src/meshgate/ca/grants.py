"""Istio's certificate service: who has proven to be a ServiceAccount gets a certificate for its own key and identity.

`CreateCertificate` is one method: a signing request in, the chain out (the certificate, those that lead to the root,
the root). What a request may wish for is its lifetime, up to a limit; whose certificate it is, only the caller's proof
decides. (istio:security/pkg/server/ca/server.go)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Literal

from cryptography import x509
from msgspec import Struct

from meshgate.api import LONGEST_LIFETIME
from meshgate.ca.authority import Authority, is_over
from meshgate.ca.callers import Caller, NobodyCalls
from meshgate.ca.issue import LIFETIME
from meshgate.ca.pki import CsrFault, Terms, certificate_pem, is_issued_by, sign
from meshgate.errors import EnvironmentFault, MeshgateError
from meshgate.proto.certificates import certificate_response, parse_certificate_request

Code = Literal["INVALID_ARGUMENT", "PERMISSION_DENIED", "UNAUTHENTICATED", "UNAVAILABLE"]


class NotGranted(MeshgateError):
    """A call that is refused, with gRPC's name of the status."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code


class Signing(Struct, frozen=True, kw_only=True):
    """Who signs, and the names of callers, at one moment."""

    authority: Authority | None
    identity: Callable[[Caller], str]
    now: datetime


class Granted(Struct, frozen=True, kw_only=True):
    """The response to a request, and what has to be known of it as long as it is valid."""

    response: bytes
    authority: Authority
    ends: datetime


def checked_caller(caller: Callable[[Mapping[str, str]], Caller], headers: Mapping[str, str]) -> Caller:
    """Who calls, by its headers; NotGranted for nobody, and where that cannot be found out."""
    try:
        return caller(headers)
    except NobodyCalls as nobody:
        raise NotGranted("UNAUTHENTICATED", nobody.text) from None
    except EnvironmentFault as fault:
        raise NotGranted("UNAVAILABLE", f"it cannot be told who calls: {fault.text}; {fault.hint}") from None


def certificate_for(raw: bytes, caller: Caller, signing: Signing) -> Granted:
    """A certificate for a known caller. Signs: call it outside of the event loop. Raises NotGranted."""
    request = parse_certificate_request(raw)
    if request is None:
        raise NotGranted("INVALID_ARGUMENT", "this is no IstioCertificateRequest")
    if request.metadata:
        wishes = ", ".join(request.metadata)
        raise NotGranted("PERMISSION_DENIED", f"a caller gets its own identity and no other: {wishes} is not granted")
    if request.validity_s > LONGEST_LIFETIME.total_seconds():
        text = f"a certificate is valid for {LONGEST_LIFETIME.days} days at most, not for {request.validity_s} s"
        raise NotGranted("INVALID_ARGUMENT", text)
    lifetime = timedelta(seconds=request.validity_s) if request.validity_s > 0 else LIFETIME
    authority = signing.authority
    if authority is None or is_over(authority, signing.now):
        raise NotGranted("UNAVAILABLE", "there is no authority that could sign; see meshgate status")
    terms = Terms(now=signing.now, lifetime=lifetime, serial=x509.random_serial_number())
    try:
        made = sign(authority.issuer, request.csr, signing.identity(caller), terms)
    except CsrFault as fault:
        raise NotGranted("INVALID_ARGUMENT", fault.text) from None
    chain = dict.fromkeys((made, *authority.chain, _root(authority)))
    response = certificate_response(certificate_pem(each).decode() for each in chain)
    return Granted(response=response, authority=authority, ends=made.not_valid_after_utc)


def _root(authority: Authority) -> x509.Certificate:
    """The root that the authority's own chain leads to."""
    last = authority.chain[-1] if authority.chain else authority.issuer.certificate
    issuers = (each for each in authority.roots if is_issued_by(last, each))
    return last if last in authority.roots else next(issuers, authority.roots[0])
