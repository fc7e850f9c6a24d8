"""Who signs for this mesh: the authority of the Secret `cacerts` if there is one, else our own of `istio-ca-secret`.

Both are in the system namespace, as with Istio. Our own is made when it is missing; it is the only private key of the
mesh that is ever stored. A Secret that cannot be used becomes a Problem, and what was good last goes on.
"""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from cryptography import x509
from msgspec import Struct

from meshgate.aio import Latest
from meshgate.api import Problem, Ref, Secret, SecretBytes, decode
from meshgate.ca import Authority, authority_of, authority_secret, roots_pem
from meshgate.ca.issue import new_authority
from meshgate.store.core import Create, StatusFault
from meshgate.store.sqlite import Store

log = logging.getLogger(__name__)

SYSTEM: Final = "istio-system"
PLUGGED_IN: Final = Ref("Secret", SYSTEM, "cacerts")
OUR_OWN: Final = Ref("Secret", SYSTEM, "istio-ca-secret")
OUR_TYPE: Final = "istio.io/ca-root"


class Trust(Struct, frozen=True, kw_only=True, eq=False):
    """Who signs, and whom to trust."""

    authority: Authority
    roots: tuple[x509.Certificate, ...]

    @property
    def roots_pem(self) -> bytes:
        return roots_pem(self.roots)


class MeshAuthority:
    """Owned by one task (`run`), after `open`."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self.trust: Latest[Trust | None] = Latest(None)
        self.problems: Latest[tuple[Problem, ...]] = Latest(())
        """What is wrong with the two Secrets."""
        self._store = store
        self._now = now
        self._organization = ""

    async def open(self, organization: str) -> None:
        """Read the authority, or make one for this organization (the trust domain)."""
        self._organization = organization
        await self._look()

    async def run(self) -> None:
        """Follow the two Secrets, for ever."""
        async for event in self._store.watch({"Secret"}, namespace=SYSTEM):
            name = event.raw["metadata"]["name"] if event.raw else ""
            if name in (PLUGGED_IN.name, OUR_OWN.name):
                await self._look()

    async def _look(self) -> None:
        """Take the authority that the Secrets say, if one of them is good."""
        plugged_in, wrong = self._read(PLUGGED_IN)
        own, wrong_of_own = self._read(OUR_OWN)
        self.problems.set((*wrong, *wrong_of_own))
        if plugged_in is not None:
            self._take(plugged_in)
        elif self.trust.value is None:
            self._take(own or await self._made())
        elif own is not None and not wrong:
            self._take(own)

    def _take(self, authority: Authority) -> None:
        before = self.trust.value
        if before is not None and _same(before.authority, authority):
            return
        old = before.roots if before is not None else ()
        self.trust.set(Trust(authority=authority, roots=(*authority.roots, *old)))
        subject = authority.issuer.certificate.subject.rfc4514_string()
        log.info("certificates are signed by", extra={"subject": subject, "fingerprint": authority.fingerprint})

    def _read(self, ref: Ref) -> tuple[Authority | None, tuple[Problem, ...]]:
        """The authority of a Secret; none, and no problem, without one."""
        raw = self._store.get(ref.kind, ref.namespace, ref.name)
        if raw is None:
            return None, ()
        resource, problems = decode(raw)
        if resource is None or not isinstance(resource.spec, Secret):
            return None, problems
        return authority_of(ref, dict(resource.spec.data), self._now())

    async def _made(self) -> Authority:
        """An authority of our own, stored; only for this run if a Secret that is not good is in its place."""
        made = await asyncio.to_thread(new_authority, self._organization, self._now())
        if self._store.get(OUR_OWN.kind, OUR_OWN.namespace, OUR_OWN.name) is None:
            try:
                self._store.transact([Create(raw=_secret(authority_secret(made)))])
            except StatusFault as fault:
                log.error("the authority cannot be stored and is gone at the next start", extra={"reason": str(fault)})
        return made


def _same(one: Authority, other: Authority) -> bool:
    return (one.issuer.certificate, one.chain, set(one.roots)) == (
        other.issuer.certificate,
        other.chain,
        set(other.roots),
    )


def _secret(data: Mapping[str, SecretBytes]) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": OUR_OWN.name, "namespace": SYSTEM},
        "type": OUR_TYPE,
        "data": {key: b64encode(value.reveal()).decode() for key, value in data.items()},
    }
