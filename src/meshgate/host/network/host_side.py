"""The host's end of the pods' network (root only): a link to the router, routes, masquerade, forwarding.

    host  meshgate-3fa9c1 10.244.0.2  ---veth---  host0  router
      10.244.0.0/16, 10.96.0.0/16, 10.245.0.0/24 via 10.244.0.1
      table ip meshgate-3fa9c1: what pods send elsewhere leaves with the host's own address

So the host reaches pods, and Services' cluster and LoadBalancer addresses (translated in the router), and pods reach
the internet. Nothing of it outlives the mesh: the link goes with the router's namespace, its routes with the link,
the table with the socket that owns it, which the holder keeps (`NFT_TABLE_F_OWNER`). What remains after a kill is
`ip_forward` (`forwarding`).

Pods reach the host as in Kubernetes a pod reaches its node: by any address of the host, whatever listens there for
more than loopback. Who doesn't want that tells the host's firewall (`iifname meshgate-3fa9c1`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from meshgate.host.network.expressions import from_source, leaves_by, masquerade
from meshgate.host.network.forward_policy import find_forward_drop
from meshgate.host.network.forwarding import Forwarding
from meshgate.host.network.host_survey import host_link, mesh_id_of, other_meshes, taken_networks
from meshgate.host.network.links import Links
from meshgate.host.network.namespace import NetworkNamespace, has_sysctl, write_sysctl
from meshgate.host.network.netlink import NetlinkSocket
from meshgate.host.network.nftables import SOURCE_NAT, Batch, Hook, NftablesSocket
from meshgate.host.network.pod_network import FdKeeper
from meshgate.host.network.ranges import Ranges, check_ranges
from meshgate.host.network.router import HOST_LINK, Router

T = TypeVar("T")

TABLE_NAME: Final = "net/host-table"


class Notice(NamedTuple):
    """Something that whoever started the mesh should be told."""

    text: str
    hint: str = ""


class HostSide:
    """The host's side of one mesh."""

    def __init__(
        self,
        mesh_id: str,
        ranges: Ranges,
        keeper: FdKeeper,
        data_directory: Path,
        *,
        host: NetworkNamespace | None = None,
    ) -> None:
        """`mesh_id`: six characters that no other mesh on this machine has. `host`: if it isn't our own namespace."""
        self.link = host_link(mesh_id)
        self._ranges = ranges
        self._keeper = keeper
        self._forwarding = Forwarding(data_directory)
        self._host = host or NetworkNamespace.current()
        self._table: NftablesSocket | None = None

    async def check(self, name_servers: Sequence[str] = ()) -> None:
        """`EnvironmentFault` where the ranges overlap what the host uses; before anything is made."""
        taken = await asyncio.to_thread(
            self._host.run, lambda: _with_links(lambda links: taken_networks(links, self.link, name_servers))
        )
        check_ranges(self._ranges, taken)

    async def open(self, router: Router) -> tuple[Notice, ...]:
        """Join host and router, or find them joined since before a restart."""
        await self._open_table()
        return await asyncio.to_thread(self._host.run, lambda: self._join(router))

    async def close(self) -> tuple[Notice, ...]:
        """Part them, and put the host's settings back."""
        await self._keeper.drop([TABLE_NAME])
        if self._table is not None:
            self._table.close()
        return await asyncio.to_thread(self._host.run, self._part)

    async def _open_table(self) -> None:
        """The table lives as long as this socket, ours and the holder's."""
        fds = await self._keeper.fetch(TABLE_NAME)
        if fds:
            self._table = NftablesSocket(NetlinkSocket.of(fds[0]))
            return
        self._table = await asyncio.to_thread(self._host.run, NftablesSocket)
        await asyncio.to_thread(self._table.commit, "masquerade on the host", self._masquerade())
        await self._keeper.keep(TABLE_NAME, [self._table.fileno()])

    def _masquerade(self) -> Batch:
        batch = Batch()
        batch.add_table(self.link, owned=True)
        batch.add_chain(self.link, "POSTROUTING", Hook("nat", "postrouting", SOURCE_NAT))
        rule = from_source(self._ranges.pods) + leaves_by(self.link, negated=True) + masquerade()
        batch.add_rule(self.link, "POSTROUTING", rule)
        return batch

    def _join(self, router: Router) -> tuple[Notice, ...]:
        links = Links()
        try:
            others = other_meshes(links, self.link)
            switched = self._forwarding.switch_on([link.alias for link in others])
            if not router.has_host_link():
                links.remove(self.link)  # of a router that is gone, if there is one
                self._make_link(links, router)
            links.set_alias(self.link, self._forwarding.alias(switched))
        finally:
            links.close()
        return self._notices(switched)

    def _make_link(self, links: Links, router: Router) -> None:
        links.add_veth(self.link, HOST_LINK, router.namespace.fileno())
        if has_sysctl(f"net/ipv6/conf/{self.link}"):
            write_sysctl(f"net/ipv6/conf/{self.link}/disable_ipv6", "1")
        router.join_host()
        links.set_up(self.link)
        links.add_address(self.link, self._ranges.host)
        links.add_route(IPv4Network(self._ranges.router), link=self.link)
        for network in self._ranges:
            links.add_route(network, gateway=self._ranges.router, link=self.link, source=self._ranges.host)
        links.wait_carries(self.link)
        router.wait_host_joined()

    def _part(self) -> tuple[Notice, ...]:
        links = Links()
        try:
            links.remove(self.link)
            are_others = bool(other_meshes(links, self.link))
        finally:
            links.close()
        if self._forwarding.put_back(other_meshes_run=are_others):
            return (Notice("net.ipv4.ip_forward is 0 again, as it was before"),)
        return ()

    def _notices(self, switched: bool) -> tuple[Notice, ...]:
        notices = []
        if switched:
            text = "net.ipv4.ip_forward was 0 and is 1 now, so that pods reach the internet"
            notices.append(Notice(text, '"meshgate down" puts it back'))
        cure = find_forward_drop(self.link)
        if cure:
            text = "the host's firewall drops what is forwarded: pods can't reach the internet"
            notices.append(Notice(text, f"to allow it: {cure}"))
        return tuple(notices)


def put_back_after_kill(data_directory: Path) -> bool:
    """Put the host's setting back for a mesh that was killed and could not; True if there was something to do."""
    own = host_link(mesh_id_of(data_directory))
    return Forwarding(data_directory).put_back(
        other_meshes_run=bool(_with_links(lambda links: other_meshes(links, own)))
    )


def _with_links(function: Callable[[Links], T]) -> T:
    links = Links()
    try:
        return function(links)
    finally:
        links.close()
