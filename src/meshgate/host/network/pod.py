"""One pod's network: the values that name and describe it, and the making of its namespace.

The namespace is furnished before it is connected: capture rules and DNS sockets are there before `eth0` is, so
nothing leaves or reaches the pod unseen. IPv6 is off but for `::1` on lo: the mesh's ranges are IPv4, and what can't
be sent needs no capture.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address
from typing import NamedTuple

from meshgate.host.dns.resolv_conf import resolv_conf
from meshgate.host.dns.sockets import ENVOY_DNS_PORT, LOOPBACK, DnsSockets
from meshgate.host.network.capture import CaptureSpec, capture_batch
from meshgate.host.network.links import Links
from meshgate.host.network.namespace import NetworkNamespace, has_sysctl, write_sysctl
from meshgate.host.network.nftables import NftablesSocket
from meshgate.host.network.ranges import Ranges
from meshgate.host.network.router import furnish_pod

_SYSCTLS = {
    "net/ipv4/ip_unprivileged_port_start": "0",  # containers have no capabilities, and bind to 80 as in Kubernetes
    "net/ipv4/ping_group_range": "0 2147483647",
    "net/ipv4/ip_forward": "0",
    "net/ipv4/conf/all/rp_filter": "0",  # the one way in and out is eth0; the router checks sources
    "net/ipv4/conf/default/rp_filter": "0",
}
_NO_IPV6_ON_NEW_LINKS = "net/ipv6/conf/default/disable_ipv6"


class PodIdentity(NamedTuple):
    """Which pod."""

    pod_id: str
    """`metadata.uid`."""
    namespace: str
    name: str
    address: str = ""
    """The wanted address: `status.podIP` of a pod that had one already."""
    virtual_names: bool = True
    """Its applications know the hosts of ServiceEntries: whoever connects to their addresses needs a sidecar."""


class PodNet(NamedTuple):
    """What the pod's processes need of its network."""

    pod_id: str
    netns_fd: int
    """Stays open, and ours, until the pod is detached."""
    address: str
    resolv_conf: str
    """The text of the pod's /etc/resolv.conf."""
    envoy_dns: tuple[str, int]
    """Whom Envoy must ask, seen from inside the pod."""


class PodNamespace:
    """A furnished namespace: not connected yet, or connected to the router."""

    def __init__(self, identity: PodIdentity, namespace: NetworkNamespace, sockets: DnsSockets) -> None:
        self.identity = identity
        self.namespace = namespace
        self.sockets = sockets

    @classmethod
    def make(cls, identity: PodIdentity, capture: CaptureSpec | None) -> PodNamespace:
        """A new one. Blocks for some milliseconds."""
        namespace = NetworkNamespace.create()
        return cls(identity, namespace, namespace.run(lambda: _furnish(capture)))

    @classmethod
    def of(cls, identity: PodIdentity, fds: Sequence[int]) -> PodNamespace:
        """The one behind the kept descriptors, in the order of `filenos`."""
        return cls(identity, NetworkNamespace(fds[0]), DnsSockets.of(fds[1:]))

    def join(self, address: IPv4Address, ranges: Ranges) -> None:
        """Furnish `eth0`, once the router has made it."""
        links = self.namespace.run(Links)
        try:
            furnish_pod(links, address, ranges)
        finally:
            links.close()

    def filenos(self) -> tuple[int, ...]:
        return (self.namespace.fileno(), *self.sockets.filenos())

    def net(self, address: IPv4Address, cluster_domain: str) -> PodNet:
        """What the pod's processes need to know."""
        return PodNet(
            pod_id=self.identity.pod_id,
            netns_fd=self.namespace.fileno(),
            address=str(address),
            resolv_conf=resolv_conf(self.identity.namespace, cluster_domain),
            envoy_dns=(LOOPBACK, ENVOY_DNS_PORT),
        )

    def close(self) -> None:
        self.sockets.close()
        self.namespace.close()


def _furnish(capture: CaptureSpec | None) -> DnsSockets:
    for name, value in _SYSCTLS.items():
        write_sysctl(name, value)
    if has_sysctl(_NO_IPV6_ON_NEW_LINKS):
        write_sysctl(_NO_IPV6_ON_NEW_LINKS, "1")
    links = Links()
    links.set_up("lo")
    links.close()
    if capture is not None:
        nftables = NftablesSocket()
        try:
            nftables.commit("capture of the pod's traffic", capture_batch(capture))
        finally:
            nftables.close()
    return DnsSockets.open()
