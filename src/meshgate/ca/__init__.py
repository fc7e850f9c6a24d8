"""Identities: authorities, workload certificates, and what is trusted.

Reads key material, clock and serial numbers as values, gives certificates (`pki`, pure, and what is built on it);
`issue` is the shell that makes keys. May import client and below; knows neither the store nor proxies.
"""

from meshgate.ca.authority import (
    Authority,
    authority_of,
    authority_secret,
    certificates,
    is_over,
    roots_pem,
    self_signed_authority,
)
from meshgate.ca.pki import CsrFault, sign, workload_certificate
from meshgate.ca.trust import Trust, announced, settled, switched, trust_in

__all__ = [
    "Authority",
    "CsrFault",
    "Trust",
    "announced",
    "authority_of",
    "authority_secret",
    "certificates",
    "is_over",
    "roots_pem",
    "self_signed_authority",
    "settled",
    "sign",
    "switched",
    "trust_in",
    "workload_certificate",
]
