"""The router: a network namespace with one veth to each pod and, as root, one to the host.

    pod eth0 10.244.0.7/32  ---veth---  pod-0af40007  router 10.244.0.1  host0  ---veth---  meshgate-…  host
      default via 10.244.0.1              route 10.244.0.7/32                default

There is no bridge: every packet between pods is routed, so that it passes the router's nftables (Services are
translated there, `services`), replies included. The router's address is on its lo; it answers ARP for it on every
link. What is in the mesh's ranges and reaches no pod gets "host unreachable" instead of a way out to the host.

The links are the truth about which pods are connected: each carries its pod's identifier as alias, its name is the
address.
"""

from __future__ import annotations

import threading
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from meshgate.host.network.links import Links
from meshgate.host.network.namespace import NetworkNamespace, has_sysctl, write_sysctl
from meshgate.host.network.ranges import Ranges

HOST_LINK: Final = "host0"
OUTSIDE_LINK: Final = "outside0"
POD_LINK: Final = "eth0"

_PREFIX = "pod-"
_EVERYTHING = IPv4Network("0.0.0.0/0")
_SYSCTLS = {
    # a new namespace takes the host's present values over: say all that matters
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/rp_filter": "1",  # a pod can't send with another one's address
    "net/ipv4/conf/default/rp_filter": "1",
    "net/ipv4/conf/all/send_redirects": "0",  # there is no shorter way between pods
    "net/ipv4/conf/default/send_redirects": "0",
    "net/ipv4/conf/all/arp_ignore": "0",  # the router's address is on lo and asked for on the links
    "net/ipv4/conf/default/arp_ignore": "0",
    "net/ipv4/icmp_ratelimit": "0",  # every refused connection is told, not one a second
}
_SYSCTLS_IPV6 = {"net/ipv6/conf/all/disable_ipv6": "1", "net/ipv6/conf/default/disable_ipv6": "1"}


class Router:
    """The router of one mesh. Its methods block for a millisecond (removals: 20) and may be called from any thread."""

    def __init__(self, namespace: NetworkNamespace, ranges: Ranges) -> None:
        """For a namespace that `make` has furnished, perhaps in an earlier process."""
        self.namespace = namespace
        self._ranges = ranges
        self._links = namespace.run(Links)
        self._lock = threading.Lock()

    @classmethod
    def make(cls, ranges: Ranges) -> Router:
        """A new one, without pods."""
        namespace = NetworkNamespace.create()
        namespace.run(_set_sysctls)
        router = cls(namespace, ranges)
        router._links.set_up("lo")
        router._links.add_address("lo", ranges.router)
        for network in ranges:
            router._links.add_route(network, kind="unreachable")
        return router

    def connect(self, pod_id: str, address: IPv4Address, pod: NetworkNamespace) -> None:
        """Make the veth pair to a pod, `eth0` in there (still down), and the route to its address."""
        name = link_name(address)
        with self._lock:
            self._links.add_veth(name, POD_LINK, pod.fileno())
            self._links.set_alias(name, pod_id)
            self._links.add_route(IPv4Network(address), link=name)

    def wait_connected(self, address: IPv4Address) -> None:
        """Wait until the link to a pod, whose end is up, carries packets."""
        with self._lock:
            self._links.wait_carries(link_name(address))

    def disconnect(self, address: IPv4Address) -> None:
        """Remove the link to a pod; no error if there is none."""
        with self._lock:
            self._links.remove(link_name(address))

    def pods(self) -> list[tuple[str, IPv4Address]]:
        """The connected pods: identifier (empty on a link that was not finished) and address."""
        with self._lock:
            links = self._links.all()
        return [(link.alias, address_of(link.name)) for link in links if link.name.startswith(_PREFIX)]

    def has_host_link(self) -> bool:
        """Whether the link to the host is there."""
        with self._lock:
            return any(link.name == HOST_LINK for link in self._links.all())

    def join_host(self) -> None:
        """Bring the link up whose other end is the host's, and send through it what isn't the mesh's."""
        with self._lock:
            self._links.set_up(HOST_LINK)
            self._links.add_route(IPv4Network(self._ranges.host), link=HOST_LINK)
            self._links.add_route(_EVERYTHING, gateway=self._ranges.host, link=HOST_LINK, source=self._ranges.router)

    def wait_host_joined(self) -> None:
        """Wait until the link to the host, whose end is up too, carries packets."""
        with self._lock:
            self._links.wait_carries(HOST_LINK)

    def join_outside(self, outside: NetworkNamespace, network: IPv4Network) -> None:
        """Make the way to an outside world of our own, a namespace that has all addresses of a network."""
        with self._lock:
            self._links.add_veth(OUTSIDE_LINK, POD_LINK, outside.fileno())
            self._links.add_route(network, link=OUTSIDE_LINK)
        outside.run(lambda: _furnish_outside(network, self._ranges.router))
        with self._lock:
            self._links.wait_carries(OUTSIDE_LINK)

    def close(self) -> None:
        """Let the namespace go; it lives on as long as the holder or a pod keeps it."""
        with self._lock:
            self._links.close()
        self.namespace.close()


def furnish_pod(links: Links, address: IPv4Address, ranges: Ranges) -> None:
    """The pod's end: its address and its way out. `links` are those of the pod's namespace."""
    links.set_up(POD_LINK)
    links.add_address(POD_LINK, address)
    links.add_route(IPv4Network(ranges.router), link=POD_LINK)
    links.add_route(_EVERYTHING, gateway=ranges.router, link=POD_LINK, source=address)
    links.wait_carries(POD_LINK)


def _furnish_outside(network: IPv4Network, router: IPv4Address) -> None:
    """Whatever comes is for us, and all answers go back to the router."""
    write_sysctl("net/ipv4/ip_unprivileged_port_start", "0")  # its servers have no capabilities
    write_sysctl("net/ipv4/conf/all/rp_filter", "0")
    links = Links()
    try:
        for link in ("lo", POD_LINK):
            links.set_up(link)
        links.add_route(network, link="lo", kind="local")
        links.add_route(IPv4Network(router), link=POD_LINK)
        links.add_route(_EVERYTHING, gateway=router, link=POD_LINK, source=network[1])
        links.wait_carries(POD_LINK)
    finally:
        links.close()


def link_name(address: IPv4Address) -> str:
    """The router's end of a pod's link.

    >>> link_name(IPv4Address("10.244.0.7"))
    'pod-0af40007'
    """
    return _PREFIX + address.packed.hex()


def address_of(name: str) -> IPv4Address:
    """The address of the pod behind a link."""
    return IPv4Address(bytes.fromhex(name.removeprefix(_PREFIX)))


def _set_sysctls() -> None:
    ipv6 = _SYSCTLS_IPV6 if has_sysctl("net/ipv6") else {}
    for name, value in {**_SYSCTLS, **ipv6}.items():
        write_sysctl(name, value)
