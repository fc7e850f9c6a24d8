"""Where a pod's proxy meets the ADS server: its socket is opened before its Envoy starts, and closed after it.

The kubelet says which pod; what the proxy is told comes from the pipeline, its certificate from the identities.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from meshgate.app.identities import Identities
from meshgate.app.pipeline import Pipeline
from meshgate.app.proxies import proxy_id
from meshgate.errors import EnvironmentFault
from meshgate.host.sidecar import ProxyPod
from meshgate.host.views import User
from meshgate.plan import Proxy
from meshgate.xds.server import AdsServer
from meshgate.xds.unix_socket import SocketOwner


class Door:
    """Opens and closes the proxies' sockets. The socket is the proxy's identity: one pod, one path."""

    def __init__(self, ads: AdsServer, pipeline: Pipeline, identities: Identities) -> None:
        self._ads = ads
        self._pipeline = pipeline
        self._identities = identities
        self._open: dict[str, str] = {}
        self.users: dict[str, User] = {}
        """Who the proxies are on this machine, by their ids."""

    def names(self) -> Mapping[str, str]:
        """The proxies' ids by their pods' uids."""
        return self._open

    async def open(self, pod: ProxyPod, socket_path: Path, owner: User) -> Proxy:
        """Serve the pod's proxy at this path, for this user; its certificate and all else is there before it connects.

        The pod's address is in the store by now. EnvironmentFault if the pod was deleted meanwhile.
        """
        name = proxy_id(pod.namespace, pod.name)
        if pod.uid in self._open:
            await self._close(name)
        proxies = self._pipeline.built.value.proxies
        proxy = proxies.get(name) if pod.address in getattr(proxies.get(name), "addresses", ()) else None
        proxy = proxy or self._pipeline.build().proxies.get(name)
        if proxy is None:
            raise EnvironmentFault(f'the pod "{name}" is not there any more')
        self._open[pod.uid] = name
        self.users[name] = owner
        self._pipeline.publish_again(name)  # a second opening finds nothing of the first
        await self._identities.open(name, proxy)
        await self._ads.open(name, socket_path, owner=SocketOwner(uid=owner.uid, gid=owner.gid))
        return proxy

    async def close(self, uid: str) -> None:
        """The pod's Envoy is gone. Twice is once."""
        name = self._open.pop(uid, None)
        if name is not None and name not in self._open.values():
            await self._close(name)

    async def _close(self, name: str) -> None:
        self.users.pop(name, None)
        self._identities.close(name)
        await self._ads.close(name)
