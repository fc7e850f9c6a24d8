"""Whom a mesh trusts, and how it gets from one authority to the next without a handshake that fails. Pure.

Three steps, each a new value; between them somebody waits until the step has reached every proxy:

    announced   the old authority signs, the roots of both are trusted
    switched    the new one signs, the roots of both are trusted: certificates of the old one are still out
    settled     the new one signs, and its roots alone are trusted

An authority whose roots are trusted already signs at once.
"""

from __future__ import annotations

from cryptography import x509
from msgspec import Struct
from msgspec.structs import replace

from meshgate.ca.authority import Authority, roots_pem


class Trust(Struct, frozen=True, kw_only=True, eq=False):
    """Who signs, whom to trust, and who is to sign next."""

    authority: Authority
    roots: tuple[x509.Certificate, ...]
    """All of `authority`'s and of `coming`'s, and those of which certificates may still be out."""
    coming: Authority | None = None

    @property
    def roots_pem(self) -> bytes:
        return roots_pem(self.roots)

    @property
    def is_settled(self) -> bool:
        """Nothing is left to do."""
        return self.coming is None and set(self.roots) == set(self.authority.roots)


def trust_in(authority: Authority, others: tuple[x509.Certificate, ...] = ()) -> Trust:
    """An authority that signs now; `others`: roots of authorities before it."""
    return Trust(authority=authority, roots=(*authority.roots, *others))


def announced(trust: Trust, coming: Authority) -> Trust:
    """Another authority is to sign; the same value if it is the one that does or will."""
    if coming.is_same(trust.coming or trust.authority):
        return trust
    known = set(trust.roots)
    if known.issuperset(coming.roots):
        return replace(trust, authority=coming, coming=None)
    return replace(trust, coming=coming, roots=(*trust.roots, *(each for each in coming.roots if each not in known)))


def switched(trust: Trust) -> Trust:
    """Everybody trusts the roots of the authority that is coming: it signs."""
    assert trust.coming is not None
    return replace(trust, authority=trust.coming, coming=None)


def settled(trust: Trust) -> Trust:
    """No certificate of another authority is left."""
    assert trust.coming is None
    return trust_in(trust.authority)
