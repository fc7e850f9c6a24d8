"""The pods' network of one mesh: pods are attached, detached, and found again after a restart.

Order is what makes a kill at any moment harmless. Attaching: namespace with rules and sockets, *then* the holder
keeps its descriptors, *then* the link. Detaching: DNS stops, the holder lets go (a socket keeps a namespace alive),
then the link is removed. So whatever has a link also has its descriptors kept, and whatever is found with one and not
the other is removed by `prune`.

One task at a time works on one pod; different pods may be attached side by side.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address
from typing import Final, Protocol

from meshgate.errors import EnvironmentFault
from meshgate.host.addresses import AddressPool
from meshgate.host.dns.sockets import DnsSockets
from meshgate.host.network.capture import CaptureSpec
from meshgate.host.network.namespace import NetworkNamespace
from meshgate.host.network.pod import PodIdentity, PodNamespace, PodNet
from meshgate.host.network.ranges import Ranges
from meshgate.host.network.router import Router

ROUTER_NAME: Final = "net/router"
_POD_PREFIX: Final = "net/pod/"
_POD_DESCRIPTORS = 5
_CLEAN_UP_S = 10


class FdKeeper(Protocol):
    """Keeps duplicates of descriptors over our own end: the capsule's holder."""

    async def keep(self, name: str, fds: Sequence[int]) -> None:
        """Keep them under the name, in place of those that it had."""

    async def fetch(self, name: str) -> Sequence[int]:
        """New duplicates, the caller's; empty if nothing is kept under the name."""

    async def drop(self, names: Sequence[str]) -> None:
        """Keep them no longer; no error for a name that isn't kept."""

    async def kept(self) -> Iterable[str]:
        """All names."""


class PodDns(Protocol):
    """Answers the pods' DNS queries."""

    def serve(self, pod_id: str, namespace: str, sockets: DnsSockets, *, virtual: bool = True) -> None:
        """Answer on these sockets, for a pod of this namespace. `virtual`: applications know ServiceEntry hosts."""

    def stop(self, pod_id: str) -> None:
        """Leave the pod's sockets alone from now on, at once; no error if there are none."""


class PodNetwork:
    """All pods' networks and the router between them."""

    def __init__(self, ranges: Ranges, keeper: FdKeeper, dns: PodDns, *, cluster_domain: str = "cluster.local") -> None:
        self._ranges = ranges
        self._keeper = keeper
        self._dns = dns
        self._cluster_domain = cluster_domain
        self._pool = AddressPool(ranges.pods, reserved=(ranges.router, ranges.host))
        self._pods: dict[str, PodNamespace] = {}
        self._router: Router | None = None

    @property
    def router(self) -> Router:
        """Of an opened network."""
        assert self._router is not None, "the network is opened first"
        return self._router

    async def open(self) -> None:
        """Find the router of the control plane before us, or make one."""
        fds = await self._keeper.fetch(ROUTER_NAME)
        if fds:
            self._router = await asyncio.to_thread(Router, NetworkNamespace(fds[0]), self._ranges)
            for pod_id, address in await asyncio.to_thread(self._router.pods):
                self._pool.claim(pod_id, address)
            return
        self._router = await asyncio.to_thread(Router.make, self._ranges)
        await self._keeper.keep(ROUTER_NAME, [self._router.namespace.fileno()])

    async def attach(self, pod: PodIdentity, capture: CaptureSpec | None) -> PodNet:
        """Give the pod a network. Its wanted address, if that is free; after an error nothing of it is left."""
        assert pod.pod_id not in self._pods, "a pod is attached once"
        address = self._assign(pod)
        try:
            return await self._attach(pod, address, capture)
        except BaseException:
            async with asyncio.timeout(_CLEAN_UP_S):
                await self.detach(pod.pod_id)
            raise

    async def adopt(self, pod: PodIdentity) -> PodNet | None:
        """The network that the pod has since before our restart; None if it hasn't a whole one."""
        address = self._pool.address_of(pod.pod_id)
        if address is None or pod.address not in ("", str(address)):
            return None
        fds = await self._keeper.fetch(_POD_PREFIX + pod.pod_id)
        if len(fds) != _POD_DESCRIPTORS:
            return None
        return self._serve(PodNamespace.of(pod, fds), address)

    async def detach(self, pod_id: str) -> None:
        """Take the pod's network away. Nothing happens if it has none."""
        self._dns.stop(pod_id)
        await self._keeper.drop([_POD_PREFIX + pod_id])
        pod = self._pods.pop(pod_id, None)
        if pod is not None:
            pod.close()
        address = self._pool.address_of(pod_id)
        if address is not None:
            await asyncio.to_thread(self.router.disconnect, address)
            self._pool.release(pod_id)

    async def prune(self, pod_ids: Iterable[str]) -> None:
        """Take away every network of a pod that isn't one of these: what a killed control plane left half done."""
        wanted = frozenset(pod_ids)
        kept = [name.removeprefix(_POD_PREFIX) for name in await self._keeper.kept() if name.startswith(_POD_PREFIX)]
        connected = await asyncio.to_thread(self.router.pods)
        for pod_id in {*kept, *(pod_id for pod_id, _ in connected), *self._pods} - wanted - {""}:
            await self.detach(pod_id)
        for pod_id, address in connected:
            if not pod_id:
                await asyncio.to_thread(self.router.disconnect, address)

    async def close(self) -> None:
        """Take all networks away, the router's too."""
        await self.prune(())
        await self._keeper.drop([ROUTER_NAME])
        await asyncio.to_thread(self.router.close)

    async def _attach(self, pod: PodIdentity, address: IPv4Address, capture: CaptureSpec | None) -> PodNet:
        made = await asyncio.to_thread(PodNamespace.make, pod, capture)
        self._pods[pod.pod_id] = made
        await self._keeper.keep(_POD_PREFIX + pod.pod_id, made.filenos())
        await asyncio.to_thread(self._connect, made, address)
        return self._serve(made, address)

    def _connect(self, pod: PodNamespace, address: IPv4Address) -> None:
        self.router.connect(pod.identity.pod_id, address, pod.namespace)
        pod.join(address, self._ranges)
        self.router.wait_connected(address)

    def _serve(self, pod: PodNamespace, address: IPv4Address) -> PodNet:
        self._pods[pod.identity.pod_id] = pod
        identity = pod.identity
        self._dns.serve(identity.pod_id, identity.namespace, pod.sockets, virtual=identity.virtual_names)
        return pod.net(address, self._cluster_domain)

    def _assign(self, pod: PodIdentity) -> IPv4Address:
        if pod.address:
            try:
                self._pool.claim(pod.pod_id, IPv4Address(pod.address))
            except ValueError as fault:
                raise EnvironmentFault(f'pod {pod.namespace}/{pod.name}: "{pod.address}" is not an address') from fault
        return self._pool.assign(pod.pod_id)
