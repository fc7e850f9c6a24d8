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
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from meshgate.aio import Latest
from meshgate.app.mesh_authority import Trust
from meshgate.app.pipeline import Built
from meshgate.ca import is_over
from meshgate.ca.issue import LIFETIME, Issued, Order, issue
from meshgate.envoy import Resource, certificate_secret, validation_secret
from meshgate.mesh import spiffe_id
from meshgate.plan import Proxy
from meshgate.xds.server import AdsServer

log = logging.getLogger(__name__)

SOURCE: Final = "identity"
CERTIFICATE: Final = "default"
ROOTS: Final = "ROOTCA"
"""Names that Istio's proxies ask for (istio:pkg/security/security.go)."""
GRACE: Final = 0.5
"""Of its life a certificate has left when it is made anew: Istio's `SECRET_GRACE_PERIOD_RATIO`."""
JITTER: Final = 0.01
"""Of its life, earlier or later, so that not all come at once: Istio's `SECRET_GRACE_PERIOD_RATIO_JITTER`."""
BATCH: Final = 64
"""Certificates made in one go: some milliseconds of a core."""
LOOK_S: Final = 30.0
"""The clock may be set, and a machine may sleep: waits are no longer than this."""


class Held(Struct, kw_only=True):
    """What one proxy has."""

    proxy: Proxy
    identity: str = ""
    secret: Resource | None = None
    """None while there is no authority that could sign."""
    signer: str = ""
    """Fingerprint of the authority."""
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
        lifetime: timedelta = LIFETIME,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._ads = ads
        self._builds = builds
        self._trust = trust
        self._now = now
        self._lifetime = lifetime
        self._chance = chance
        self._held: dict[str, Held] = {}
        self._roots: tuple[Trust, Resource] | None = None
        self._woken = asyncio.Event()

    async def open(self, proxy_id: str, proxy: Proxy) -> None:
        """Give the proxy a certificate, before it can ask for one."""
        held = Held(proxy=proxy)
        trust = self._trust.value
        if trust is not None:
            await self._make([held], trust)
        self._held[proxy_id] = held
        self._publish([proxy_id])
        self._woken.set()

    def close(self, proxy_id: str) -> None:
        """The proxy is gone. What it had is forgotten with its socket, by the ADS server."""
        self._held.pop(proxy_id, None)

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
        times = [held.due for held in self._held.values() if held.due is not None]
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
        trust, now = self._trust.value, self._now()
        if trust is None or is_over(trust.authority, now):
            return []
        signer = trust.authority.fingerprint
        return [
            proxy_id
            for proxy_id, held in self._held.items()
            if held.due is None or held.due <= now or held.signer != signer or held.identity != self._identity(held)
        ]

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

    def _take(self, held: Held, order: Order, issued: Issued, trust: Trust) -> None:
        held.identity, held.signer = order.identity, trust.authority.fingerprint
        held.secret = certificate_secret(CERTIFICATE, issued.chain_pem, issued.key_pem)
        life = issued.ends - self._now()
        held.due = issued.ends - life * (GRACE + JITTER * (2 * self._chance() - 1))

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
        return Order(identity=self._identity(held), lifetime=self._lifetime)

    def _identity(self, held: Held) -> str:
        snapshot = self._builds.value.snapshot
        assert snapshot is not None, "a proxy is opened after the first build"
        return spiffe_id(snapshot.world.mesh.trust_domain, held.proxy.namespace, held.proxy.service_account)
