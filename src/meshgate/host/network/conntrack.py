"""Connection tracking of one namespace, over netlink: only what Services need of it, to forget flows.

A UDP "connection" ends when nobody sends for a while, so a client that goes on sending stays with the endpoint that
it got first. When that endpoint is gone, its entries are removed, and the next packet is translated anew.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Collection
from ipaddress import IPv4Address

from meshgate.host.network.netlink import NetlinkFault, NetlinkSocket, attributes, nested

_PROTOCOL = 12  # NETLINK_NETFILTER
_GET, _DELETE = 1 << 8 | 1, 1 << 8 | 2  # subsystem ctnetlink
_HEAD = struct.pack("=BBH", socket.AF_INET, 0, 0)
_TUPLE_ORIGINAL, _TUPLE_REPLY = 1, 2
_TUPLE_ADDRESSES, _TUPLE_PROTOCOL = 1, 2
_SOURCE, _DESTINATION = 1, 2
_PROTOCOL_NUMBER, _DESTINATION_PORT = 1, 3


class Conntrack:
    """Of the namespace in whose thread it is made."""

    def __init__(self) -> None:
        self._socket = NetlinkSocket(_PROTOCOL)

    def close(self) -> None:
        self._socket.close()

    def forget_udp(self, paths: Collection[tuple[IPv4Address, int, IPv4Address]]) -> int:
        """Remove the UDP flows to these virtual addresses and ports that go to these endpoints; how many there were."""
        count = 0
        for entry in self._socket.dump("connection tracking", _GET, _HEAD):
            known = attributes(entry.body[4:])
            if _udp_path(known) in paths:
                count += self._delete(known[_TUPLE_ORIGINAL])
        return count

    def _delete(self, original: bytes) -> bool:
        try:
            self._socket.request("tracked flow", _DELETE, 0, _HEAD + nested(_TUPLE_ORIGINAL, original))
        except NetlinkFault as fault:
            if fault.code != errno.ENOENT:  # it has ended meanwhile
                raise
            return False
        return True


def _udp_path(entry: dict[int, bytes]) -> tuple[IPv4Address, int, IPv4Address] | None:
    original, reply = attributes(entry[_TUPLE_ORIGINAL]), attributes(entry[_TUPLE_REPLY])
    transport = attributes(original[_TUPLE_PROTOCOL])
    if transport[_PROTOCOL_NUMBER][0] != socket.IPPROTO_UDP:
        return None
    virtual = IPv4Address(attributes(original[_TUPLE_ADDRESSES])[_DESTINATION])
    endpoint = IPv4Address(attributes(reply[_TUPLE_ADDRESSES])[_SOURCE])
    return virtual, struct.unpack(">H", transport[_DESTINATION_PORT][:2])[0], endpoint
