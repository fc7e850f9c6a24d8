"""Certificates of the proxies: made before a proxy can connect, made anew at half of their life, delivered by SDS.

Every proxy has two secrets of this source, named as Istio names them: `default`, its certificate and key, and `ROOTCA`,
the roots of the mesh. Keys are made in a thread, many in one go, and are kept by nobody but the ADS server, which gives
them to that proxy's own socket. After a restart of the control plane every proxy gets a new certificate; connections
that stand are not touched by that.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from meshgate.aio import Latest
from meshgate.api import CertificateSettings, MeshConfig, certificate_settings
from meshgate.app.pipeline import Built
from meshgate.ca import Trust, is_over
from meshgate.ca.issue import Issued, Order, issue
from meshgate.envoy import Resource, certificate_secret, validation_secret
from meshgate.mesh import spiffe_id
from meshgate.plan import Proxy
from meshgate.xds.server import AdsServer

log = logging.getLogger(__name__)

SOURCE: Final = "identity"
CERTIFICATE: Final = "default"
ROOTS: Final = "ROOTCA"
"""Names that Istio's proxies ask for (istio:pkg/security/security.go)."""
JITTER: Final = 0.01
"""Of its life, earlier or later, so that not all come at once: Istio's `SECRET_GRACE_PERIOD_RATIO_JITTER`."""
BATCH: Final = 64
"""Certificates made in one go: some milliseconds of a core."""
LOOK_S: Final = 30.0
"""The clock may be set, and a machine may sleep: waits are no longer than this."""


class Held(Struct, kw_only=True):
    """What one proxy has."""

    proxy: Proxy
    dns_names: tuple[str, ...] = ()
    order: Order | None = None
    """What the certificate was made from."""
    secret: Resource | None = None
    """None while there is no authority that could sign."""
    signer: bytes = b""
    """Who has signed it: `Authority.signer`."""
    due: datetime | None = None
    """When it is made anew; None: at once."""


class Identities:
    """Owned by one event loop; `run` renews."""

    def __init__(
        self,
        ads: AdsServer,
        builds: Latest[Built],
        trust: Latest[Trust | None],
        now: Callable[[], datetime],
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._ads = ads
        self._builds = builds
        self._trust = trust
        self._now = now
        self._chance = chance
        self._held: dict[str, Held] = {}
        self._roots: tuple[Trust, Resource] | None = None
        self._read: tuple[MeshConfig, CertificateSettings] | None = None
        self._woken = asyncio.Event()
        self._signers: Latest[frozenset[bytes]] = Latest(frozenset())
        """Of all certificates that are out."""

    async def open(self, proxy_id: str, proxy: Proxy, dns_names: tuple[str, ...] = ()) -> None:
        """Give the proxy a certificate, before it can ask for one."""
        held = Held(proxy=proxy, dns_names=dns_names)
        trust = self._trust.value
        if trust is not None:
            await self._make([held], trust)
        self._held[proxy_id] = held
        self._publish([proxy_id])
        self._woken.set()

    def close(self, proxy_id: str) -> None:
        """The proxy is gone. What it had is forgotten with its socket, by the ADS server."""
        self._held.pop(proxy_id, None)
        self._tell_signers()

    async def wait_roots(self, timeout_s: float) -> Collection[str]:
        """Wait until every proxy has accepted the roots as they are now; those that have not."""
        self._publish(list(self._held))
        return await self._ads.wait_secrets(timeout_s)

    async def wait_certificates(self, timeout_s: float) -> Collection[str]:
        """Wait until every proxy has accepted a certificate of the authority that signs now; those that have not."""
        trust = self._trust.value
        assert trust is not None, "an authority signs"
        try:
            async with asyncio.timeout(timeout_s):
                await self._signers.wait_for(lambda signers: signers <= {trust.authority.signer})
        except TimeoutError:
            return [proxy_id for proxy_id, held in self._held.items() if held.signer != trust.authority.signer]
        return await self._ads.wait_secrets(timeout_s)

    async def run(self) -> None:
        """Renew what is due, for ever; all that another authority or another trust domain makes wrong is due."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._wake_whenever(self._trust))
            group.create_task(self._wake_whenever(self._builds))
            while True:
                self._woken.clear()
                self._publish(list(self._held))  # roots that are new; what is as it was is not sent
                due = self._due()
                for start in range(0, len(due), BATCH):
                    await self._renew(due[start : start + BATCH])
                if not due:
                    await self._rest()

    async def _rest(self) -> None:
        """Until the next is due; until woken while nobody signs: what is due then stays so."""
        held = self._held.values() if self._signs() is not None else ()
        times = [each.due for each in held if each.due is not None]
        rest_s = min(((at - self._now()).total_seconds() for at in times), default=LOOK_S)
        try:
            async with asyncio.timeout(max(0.0, min(rest_s, LOOK_S))):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _wake_whenever(self, latest: Latest[Trust | None] | Latest[Built]) -> None:
        async for _ in latest:
            self._woken.set()

    def _due(self) -> list[str]:
        """Proxies whose certificate is to be made now."""
        trust, now = self._signs(), self._now()
        if trust is None:
            return []
        signer = trust.authority.signer
        return [
            proxy_id
            for proxy_id, held in self._held.items()
            if held.due is None or held.due <= now or held.signer != signer or held.order != self._order(held)
        ]

    def _signs(self) -> Trust | None:
        """None as well while the authority is over, and no other has come."""
        trust = self._trust.value
        return None if trust is None or is_over(trust.authority, self._now()) else trust

    async def _renew(self, proxy_ids: Sequence[str]) -> None:
        trust = self._trust.value
        assert trust is not None, "nothing is due without an authority"
        held = {proxy_id: self._held[proxy_id] for proxy_id in proxy_ids if proxy_id in self._held}
        await self._make(list(held.values()), trust)
        self._publish([proxy_id for proxy_id, each in held.items() if self._held.get(proxy_id) is each])

    async def _make(self, wanted: Sequence[Held], trust: Trust) -> None:
        """New certificates, in a thread; none by an authority that is over."""
        now = self._now()
        if is_over(trust.authority, now):
            return
        orders = [self._order(held) for held in wanted]
        made = await asyncio.to_thread(issue, trust.authority, orders, now)
        for held, order, issued in zip(wanted, orders, made, strict=True):
            self._take(held, order, issued, trust)

    def _publish(self, proxy_ids: Sequence[str]) -> None:
        trust = self._trust.value
        if trust is not None:
            for proxy_id in proxy_ids:
                self._ads.publish_secrets(proxy_id, SOURCE, self._secrets(self._held[proxy_id], trust))
        self._tell_signers()

    def _tell_signers(self) -> None:
        self._signers.set(frozenset(held.signer for held in self._held.values()))

    def _take(self, held: Held, order: Order, issued: Issued, trust: Trust) -> None:
        held.order, held.signer = order, trust.authority.signer
        held.secret = certificate_secret(CERTIFICATE, issued.chain_pem, issued.key_pem)
        now = self._now()
        left = self._settings().grace + JITTER * (2 * self._chance() - 1)
        held.due = max(issued.ends - (issued.ends - now) * left, now)

    def _secrets(self, held: Held, trust: Trust) -> Mapping[str, Resource]:
        secrets = {ROOTS: self._roots_secret(trust)}
        if held.secret is not None:
            secrets[CERTIFICATE] = held.secret
        return secrets

    def _roots_secret(self, trust: Trust) -> Resource:
        """One resource for all proxies."""
        if self._roots is None or self._roots[0] is not trust:
            self._roots = trust, validation_secret(ROOTS, trust.roots_pem)
        return self._roots[1]

    def _order(self, held: Held) -> Order:
        settings, proxy = self._settings(), held.proxy
        return Order(
            identity=spiffe_id(self._mesh().trust_domain, proxy.namespace, proxy.service_account),
            lifetime=settings.lifetime,
            rsa_bits=settings.rsa_bits,
            dns_names=held.dns_names,
        )

    def _settings(self) -> CertificateSettings:
        mesh = self._mesh()
        if self._read is None or self._read[0] is not mesh:
            self._read = mesh, certificate_settings(mesh.default_config.proxy_metadata)
        return self._read[1]

    def _mesh(self) -> MeshConfig:
        snapshot = self._builds.value.snapshot
        assert snapshot is not None, "a proxy is opened after the first build"
        return snapshot.world.mesh
