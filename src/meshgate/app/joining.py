"""Proxies elsewhere: who proves to be a ServiceAccount of the mesh gets certificates for it, and may join as its proxy.

Both are behind one port of the edge (15012, as with istiod). A proxy that joins by ADS is planned for by what its node
says, but its namespace and account must be those that it has proven; it is served under an id of its own, so no two
identities ever share what was published for one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from meshgate.aio import Latest
from meshgate.api import MeshConfig
from meshgate.app.account_tokens import AccountTokens
from meshgate.app.guests import proxy_of_node
from meshgate.app.identities import Identities
from meshgate.app.pipeline import Pipeline
from meshgate.ca import Trust
from meshgate.ca.callers import Caller, caller_of
from meshgate.ca.grants import Granted, NotGranted, Signing, checked_caller
from meshgate.ca.service import CertificateService
from meshgate.host.edge_ports import EDGE_PROXY
from meshgate.host.views import User
from meshgate.mesh import spiffe_id
from meshgate.plan import Proxy
from meshgate.xds.guests import Node
from meshgate.xds.server import AdsServer
from meshgate.xds.unix_socket import SocketOwner

CONTROL_PLANE: Final = Proxy(role="router", name=EDGE_PROXY, namespace="istio-system", service_account="istiod")
"""As whom the edge serves who joins: Istio's clients expect istiod."""
NAMES: Final = ("istiod.istio-system.svc", "istio-pilot.istio-system.svc", "istiod.istio-system", "localhost")
"""By which it is called."""


class Joining:
    """Owned by the control plane's loop."""

    def __init__(
        self,
        ads: AdsServer,
        pipeline: Pipeline,
        identities: Identities,
        trust: Latest[Trust | None],
        tokens: AccountTokens,
        now: Callable[[], datetime],
        granted: Callable[[Granted], None],
    ) -> None:  # size: one parameter for each part
        self._ads = ads
        self._pipeline = pipeline
        self._identities = identities
        self._trust = trust
        self._tokens = tokens
        self._now = now
        self._granted = granted

    async def open(self, socket_path: Path, owner: User) -> None:
        """Serve at this path whom the edge, which runs as this user, hands on; give it what it shows them."""
        await self._identities.open(EDGE_PROXY, CONTROL_PLANE, NAMES)
        service = CertificateService(self._caller, self._signing, self._granted)
        await self._ads.open_joining(
            socket_path, self, [service.handler()], owner=SocketOwner(uid=owner.uid, gid=owner.gid)
        )

    def admit(self, headers: Mapping[str, str], node: Node) -> str:
        """The id for who may join. Raises NotGranted."""
        caller = checked_caller(self._caller, headers)
        proxy = proxy_of_node(node)
        if proxy is None:
            text = f"the node id {node.id!r} is not ROLE~ADDRESS~NAME.NAMESPACE~DOMAIN with the role sidecar or router"
            raise NotGranted("INVALID_ARGUMENT", text)
        said = Caller(namespace=proxy.namespace, account=proxy.service_account)
        if said != caller:
            text = (
                f"the node says that it is {said.namespace}/{said.account} (NAMESPACE and SERVICE_ACCOUNT in its "
                f"metadata), and its caller is {caller.namespace}/{caller.account}"
            )
            raise NotGranted("PERMISSION_DENIED", text)
        return f"{caller.namespace}/{caller.account} {node.id}"

    async def welcome(self, proxy_id: str, node: Node) -> None:
        """Its certificate, then its configuration."""
        proxy = proxy_of_node(node)
        assert proxy is not None, "only proxies are admitted"
        await self._identities.open(proxy_id, proxy)
        self._pipeline.invite(proxy_id, proxy)

    def farewell(self, proxy_id: str) -> None:
        self._pipeline.dismiss(proxy_id)
        self._identities.close(proxy_id)

    def _caller(self, headers: Mapping[str, str]) -> Caller:
        mesh = self._mesh()
        return caller_of(headers, (mesh.trust_domain, *mesh.trust_domain_aliases), self._tokens)

    def _signing(self) -> Signing:
        trust, domain = self._trust.value, self._mesh().trust_domain
        return Signing(
            authority=trust.authority if trust is not None else None,
            identity=lambda caller: spiffe_id(domain, caller.namespace, caller.account),
            now=self._now(),
        )

    def _mesh(self) -> MeshConfig:
        snapshot = self._pipeline.built.value.snapshot
        assert snapshot is not None, "nobody joins before the first build"
        return snapshot.world.mesh
