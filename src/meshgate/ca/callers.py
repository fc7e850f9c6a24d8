"""Who calls: the ServiceAccount that a caller has proven to be, by a token or by a client certificate.

The certificate was verified where TLS ended (the edge Envoy, against the mesh's roots); what it says comes in the
header `x-forwarded-client-cert`, which that Envoy writes anew whatever the client sent. A token comes as
`authorization: Bearer`. As in Istio the certificate is looked at first, and the first proof that holds counts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, Protocol

from msgspec import Struct

from meshgate.ca.tokens import AccountToken, TokenRefused
from meshgate.errors import MeshgateError

AUDIENCE: Final = "istio-ca"
"""Of tokens for the certificate service and for ADS (Istio's `TOKEN_AUDIENCES`)."""
CERTIFICATE_HEADER: Final = "x-forwarded-client-cert"
_TOKEN_HEADER: Final = "authorization"
_BEARER: Final = "bearer "
_SPIFFE: Final = re.compile(r"spiffe://([^/]+)/ns/([^/]+)/sa/([^/]+)")
_PAIR: Final = re.compile(r'([^=;,"]+)=("(?:[^"\\]|\\.)*"|[^;,"]*)')


class Caller(Struct, frozen=True, kw_only=True, order=True):
    """A ServiceAccount of this mesh."""

    namespace: str
    account: str


class NobodyCalls(MeshgateError):
    """The caller has not proven who it is; the text says why each of its proofs does not hold."""


class Reviews(Protocol):
    """Knows whose a token is."""

    def review(self, text: str, audiences: Sequence[str]) -> AccountToken: ...


def caller_of(headers: Mapping[str, str], trust_domains: Collection[str], tokens: Reviews) -> Caller:
    """Who calls. Raises NobodyCalls; the text quotes no token.

    `headers` have lower-case names; `trust_domains` are that of the mesh and its aliases.
    """
    faults: list[str] = []
    certificate = headers.get(CERTIFICATE_HEADER, "")
    if certificate:
        found = _of_certificate(certificate, trust_domains)
        if isinstance(found, Caller):
            return found
        faults.append(found)
    given = headers.get(_TOKEN_HEADER, "")
    if given:
        try:
            return _of_token(given, tokens)
        except TokenRefused as refused:
            faults.append(refused.text)
    if not faults:
        faults.append("there is neither a token nor a client certificate")
    raise NobodyCalls(f"the caller is not known: {'; '.join(faults)}")


def _of_token(given: str, tokens: Reviews) -> Caller:
    if not given.lower().startswith(_BEARER):
        raise TokenRefused('the header "authorization" has no bearer token')
    token = tokens.review(given[len(_BEARER) :].strip(), [AUDIENCE])
    return Caller(namespace=token.namespace, account=token.account)


def _of_certificate(header: str, trust_domains: Collection[str]) -> Caller | str:
    """The caller, or what is wrong: exactly one SPIFFE id is wanted, of this mesh."""
    uris = [value for key, value in _pairs(header) if key == "uri"]
    if len(uris) != 1:
        return f"the client certificate has {len(uris)} URIs; one SPIFFE id is expected"
    parts = _SPIFFE.fullmatch(uris[0])
    if parts is None:
        return f"the client certificate's URI {uris[0]!r} is not spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT"
    trust_domain, namespace, account = parts.groups()
    if trust_domain not in trust_domains:
        return f"the client certificate is of the trust domain {trust_domain!r}, which is not this mesh's"
    return Caller(namespace=namespace, account=account)


def _pairs(header: str) -> Iterable[tuple[str, str]]:
    """The pairs of all elements, keys in lower case: a header with more than one certificate has more than one URI."""
    for key, value in _PAIR.findall(header):
        text = value[1:-1].replace('\\"', '"') if value.startswith('"') else value
        yield key.strip().lower(), text
