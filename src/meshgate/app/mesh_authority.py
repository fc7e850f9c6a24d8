"""Who signs for this mesh: the authority of the Secret `cacerts` if there is one, else our own of `istio-ca-secret`.

Both are in the system namespace, as with Istio. Our own is made when it is missing or has a fifth of its life left; who
deletes it gets another one. It is the only private key of the mesh that is ever stored. A Secret that cannot be used
becomes a Problem, and what was good last goes on. How proxies get from one authority to the next: `app/rotation.py`.
"""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from cryptography import x509

from meshgate.aio import Latest
from meshgate.api import Problem, Ref, Secret, SecretBytes, decode
from meshgate.ca import Authority, Trust, announced, authority_of, authority_secret, certificates, is_over, trust_in
from meshgate.ca.issue import new_authority
from meshgate.host.controllers.root_certificates import KEY as ROOTS_KEY
from meshgate.host.controllers.root_certificates import NAME as ROOTS_NAME
from meshgate.store.core import Create, Modify, Raw, StatusFault, Write, meta
from meshgate.store.sqlite import Store

log = logging.getLogger(__name__)

SYSTEM: Final = "istio-system"
PLUGGED_IN: Final = Ref("Secret", SYSTEM, "cacerts")
OUR_OWN: Final = Ref("Secret", SYSTEM, "istio-ca-secret")
OUR_TYPE: Final = "istio.io/ca-root"
_NAMESPACE: Final = Ref("Namespace", "", SYSTEM)
OLD: Final = 0.2
"""Of its life our own authority has left when another one is made: Istio's
`CITADEL_SELF_SIGNED_ROOT_CERT_GRACE_PERIOD_PERCENTILE`."""
LOOK_S: Final = 3600.0
"""Authorities grow old: they are looked at every hour, as Istio does."""


class Wish(NamedTuple):
    """What an authority of our own is made like."""

    organization: str
    """The trust domain."""
    rsa_bits: int = 0


class _Found(NamedTuple):
    authority: Authority | None
    problems: tuple[Problem, ...]


class MeshAuthority:
    """Owned by one task (`run`), after `open`."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self.trust: Latest[Trust | None] = Latest(None)
        self.problems: Latest[tuple[Problem, ...]] = Latest(())
        """What is wrong with the two Secrets."""
        self._store = store
        self._now = now
        self._wish = Wish("")
        self._changed = asyncio.Event()
        self._seen: dict[Ref, Raw | None] = {}
        """The objects as they were read last."""

    async def open(self, wish: Wish) -> None:
        """Find the authority, or make one; trust what the run before has trusted, too."""
        self._wish = wish
        plugged_in, own = self._read_both()
        wanted = plugged_in.authority or own.authority or await self._made()
        known = self._known_roots()
        candidates = (wanted, *(each.authority for each in (plugged_in, own) if each.authority is not None))
        signing = next((each for each in candidates if known.issuperset(each.roots)), wanted)
        before = trust_in(signing, tuple(known.difference(signing.roots)))
        # another authority may have come while nobody looked: proxies that run on do not know its roots yet
        self.trust.set(announced(before, wanted) if known else before)
        self._tell()

    async def run(self) -> None:
        """Follow the two Secrets, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch())
            while True:
                await self._rest()
                await self._look()

    async def _rest(self) -> None:
        """Until one of the Secrets changes, or an hour has gone."""
        try:
            async with asyncio.timeout(LOOK_S):
                await self._changed.wait()
        except TimeoutError:
            return
        self._changed.clear()

    async def _watch(self) -> None:
        """The store gives the same value for an object that did not change."""
        async for _ in self._store.revision:
            if any(self._get(ref) is not raw for ref, raw in self._seen.items()):
                self._changed.set()

    def _get(self, ref: Ref) -> Raw | None:
        return self._store.get(ref.kind, ref.namespace, ref.name)

    async def _look(self) -> None:
        """Take the authority that the Secrets say, if one of them is good."""
        plugged_in, own = self._read_both()
        wanted = plugged_in.authority
        if wanted is None and not plugged_in.problems:
            wanted = own.authority
            if not own.problems and self._has_namespace() and (wanted is None or self._is_old(wanted)):
                wanted = await self._made()
        before = self.trust.value
        assert before is not None, "open first"
        if wanted is not None and self.trust.set(announced(before, wanted)):
            self._tell()

    def _read_both(self) -> tuple[_Found, _Found]:
        self._seen = {ref: self._get(ref) for ref in (PLUGGED_IN, OUR_OWN, _NAMESPACE)}
        plugged_in, own = self._read(PLUGGED_IN), self._read(OUR_OWN)
        self.problems.set((*plugged_in.problems, *own.problems))
        return plugged_in, own

    def _read(self, ref: Ref) -> _Found:
        """The authority of a Secret; none, and no problem, without one."""
        raw = self._get(ref)
        if raw is None:
            return _Found(None, ())
        resource, problems = decode(raw)
        if resource is None or not isinstance(resource.spec, Secret):
            return _Found(None, problems)
        return _Found(*authority_of(ref, dict(resource.spec.data), self._now()))

    def _known_roots(self) -> frozenset[x509.Certificate]:
        """What the run before has told all namespaces to trust."""
        raw = self._store.get("ConfigMap", SYSTEM, ROOTS_NAME) or {}
        try:
            return frozenset(certificates(str((raw.get("data") or {}).get(ROOTS_KEY, "")).encode()))
        except ValueError:
            return frozenset()  # somebody has written to it while it was not looked after: it is put right

    def _has_namespace(self) -> bool:
        raw = self._get(_NAMESPACE)
        return raw is not None and "deletionTimestamp" not in meta(raw)

    def _is_old(self, authority: Authority) -> bool:
        certificate, now = authority.issuer.certificate, self._now()
        life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
        return is_over(authority, now) or certificate.not_valid_after_utc - now < OLD * life

    async def _made(self) -> Authority:
        """An authority of our own, stored; only for this run if a Secret that is not good is in its place."""
        wish = self._wish
        made = await asyncio.to_thread(new_authority, wish.organization, self._now(), rsa_bits=wish.rsa_bits)
        existing = self._read(OUR_OWN)
        if not existing.problems:
            try:
                self._store.transact([_write(authority_secret(made), is_new=existing.authority is None)])
            except StatusFault as fault:
                log.error("the authority cannot be stored and is gone at the next start", extra={"reason": str(fault)})
            self._seen[OUR_OWN] = self._get(OUR_OWN)
        return made

    def _tell(self) -> None:
        trust = self.trust.value
        assert trust is not None
        signs = (trust.coming or trust.authority).issuer.certificate
        about = {"subject": signs.subject.rfc4514_string(), "serial": f"{signs.serial_number:x}"}
        log.info("the authority of the mesh", extra={**about, "is_coming": trust.coming is not None})


def _write(data: Mapping[str, SecretBytes], *, is_new: bool) -> Write:
    encoded = {key: b64encode(value.reveal()).decode() for key, value in data.items()}
    if is_new:
        metadata = {"name": OUR_OWN.name, "namespace": OUR_OWN.namespace}
        raw: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": OUR_TYPE}
        return Create(raw={**raw, "data": encoded})
    return Modify(ref=OUR_OWN, change=lambda old: {**old, "data": encoded})
