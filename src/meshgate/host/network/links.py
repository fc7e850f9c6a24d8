"""Interfaces, addresses and routes of one network namespace, over rtnetlink.

Only what the pods' network needs: veth pairs whose other end is born in another namespace, IPv4 addresses, IPv4
routes, and lists of all of them. A `Links` belongs to the namespace of the thread that made it and is used from any
thread afterwards.
"""

from __future__ import annotations

import errno
import socket
import struct
import time
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Literal, NamedTuple

from meshgate.errors import EnvironmentFault
from meshgate.host.network.netlink import (
    F_CREATE,
    F_EXCLUSIVE,
    NetlinkFault,
    NetlinkSocket,
    attribute,
    attributes,
    nested,
    text,
    text_of,
    u32,
)

RouteKind = Literal["unicast", "local", "unreachable"]

_PROTOCOL = 0  # NETLINK_ROUTE
_NEW_LINK, _DEL_LINK, _GET_LINK, _SET_LINK = 16, 17, 18, 19
_NEW_ADDRESS, _GET_ADDRESS = 20, 22
_NEW_ROUTE, _DEL_ROUTE, _GET_ROUTE = 24, 25, 26
_LINK = struct.Struct("=BxHiII")
_ADDRESS = struct.Struct("=BBBBI")
_ROUTE = struct.Struct("=BBBBBBBBI")
_IFLA_NAME, _IFLA_STATE, _IFLA_INFO, _IFLA_NETNS_FD, _IFLA_ALIAS = 3, 16, 18, 28, 20
_STATE_UP = 6  # IF_OPER_UP
_CARRIES_S = 5.0
_LOOK_S = 0.0002
_INFO_KIND, _INFO_DATA, _VETH_PEER = 1, 2, 1
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTA_DESTINATION, _RTA_LINK, _RTA_GATEWAY, _RTA_SOURCE, _RTA_TABLE = 1, 4, 5, 7, 15
_IFF_UP = 1
_SCOPE_UNIVERSE, _SCOPE_LINK, _SCOPE_HOST = 0, 253, 254
_TABLE_MAIN, _TABLE_LOCAL = 254, 255
_PROTOCOL_STATIC = 4
_ROUTE_KINDS: dict[RouteKind, int] = {"unicast": 1, "local": 2, "unreachable": 7}
_ON_LINK = 4


class Link(NamedTuple):
    """An interface."""

    number: int
    name: str
    alias: str
    """Free text that we keep on it; empty if there is none."""


class Route(NamedTuple):
    """An IPv4 route of any table but the local one."""

    destination: IPv4Network
    link: int
    """Index of the interface; 0 where there is none (unreachable, several next hops)."""
    gateway: IPv4Address | None
    table: int


class Links:
    """The interfaces, addresses and routes of the namespace in whose thread it is made. Not thread-safe."""

    def __init__(self) -> None:
        self._socket = NetlinkSocket(_PROTOCOL)

    def close(self) -> None:
        self._socket.close()

    def add_veth(self, name: str, peer: str, peer_namespace: int) -> None:
        """A veth pair: `name` here, up; `peer` in the namespace of that descriptor, down (a peer can't be born up)."""
        other = _LINK.pack(0, 0, 0, 0, 0) + text(_IFLA_NAME, peer) + u32(_IFLA_NETNS_FD, peer_namespace)
        info = nested(_IFLA_INFO, text(_INFO_KIND, "veth"), nested(_INFO_DATA, attribute(_VETH_PEER, other)))
        body = _LINK.pack(0, 0, 0, _IFF_UP, _IFF_UP) + text(_IFLA_NAME, name) + info
        self._socket.request(f'new veth pair "{name}"', _NEW_LINK, F_CREATE | F_EXCLUSIVE, body)

    def set_up(self, name: str) -> None:
        """Bring an interface up."""
        body = _LINK.pack(0, 0, 0, _IFF_UP, _IFF_UP) + text(_IFLA_NAME, name)
        self._socket.request(f'interface "{name}" up', _SET_LINK, 0, body)

    def wait_carries(self, name: str) -> None:
        """Wait until an interface that was brought up carries packets: blocks for less than a millisecond.

        The kernel makes it ready a moment later, in a worker of its own; what is sent before is lost, and TCP tries
        again after a second.
        """
        body = _LINK.pack(0, 0, 0, 0, 0) + text(_IFLA_NAME, name)
        end = time.monotonic() + _CARRIES_S
        while True:
            answer = self._socket.query(f'interface "{name}"', _GET_LINK, body)
            if attributes(answer.body[_LINK.size :])[_IFLA_STATE][0] == _STATE_UP:
                return
            if time.monotonic() > end:
                raise EnvironmentFault(f'interface "{name}" is up but carries nothing after {_CARRIES_S} s')
            time.sleep(_LOOK_S)

    def set_alias(self, name: str, alias: str) -> None:
        """Keep a text on an interface; what is beyond 255 bytes is cut off."""
        body = _LINK.pack(0, 0, 0, 0, 0) + text(_IFLA_NAME, name) + attribute(_IFLA_ALIAS, alias.encode()[:255])
        self._socket.request(f'alias of interface "{name}"', _SET_LINK, 0, body)

    def remove(self, name: str) -> bool:
        """Remove an interface, and with it its peer and routes; False if there is none of that name."""
        body = _LINK.pack(0, 0, 0, 0, 0) + text(_IFLA_NAME, name)
        try:
            self._socket.request(f'removal of interface "{name}"', _DEL_LINK, 0, body)
        except NetlinkFault as fault:
            if fault.code != errno.ENODEV:
                raise
            return False
        return True

    def index(self, name: str) -> int:
        """The number of an interface; a `NetlinkFault` if there is none of that name."""
        body = _LINK.pack(0, 0, 0, 0, 0) + text(_IFLA_NAME, name)
        return _link(self._socket.query(f'interface "{name}"', _GET_LINK, body).body).number

    def all(self) -> list[Link]:
        """All interfaces."""
        return [_link(answer.body) for answer in self._socket.dump("interfaces", _GET_LINK, _LINK.pack(0, 0, 0, 0, 0))]

    def add_address(self, name: str, address: IPv4Address) -> None:
        """Give an interface one address, without a network around it (/32)."""
        body = _ADDRESS.pack(socket.AF_INET, 32, 0, _SCOPE_UNIVERSE, self.index(name))
        body += attribute(_IFA_LOCAL, address.packed) + attribute(_IFA_ADDRESS, address.packed)
        self._socket.request(f'address {address} on "{name}"', _NEW_ADDRESS, F_CREATE | F_EXCLUSIVE, body)

    def addresses(self) -> list[tuple[int, IPv4Interface]]:
        """All IPv4 addresses with the number of their interface."""
        found = []
        for answer in self._socket.dump("addresses", _GET_ADDRESS, _ADDRESS.pack(socket.AF_INET, 0, 0, 0, 0)):
            _, length, _, _, index = _ADDRESS.unpack_from(answer.body)
            known = attributes(answer.body[_ADDRESS.size :])
            packed = known.get(_IFA_LOCAL) or known[_IFA_ADDRESS]
            found.append((index, IPv4Interface((packed, length))))
        return found

    def add_route(
        self,
        destination: IPv4Network,
        *,
        link: str = "",
        gateway: IPv4Address | None = None,
        source: IPv4Address | None = None,
        kind: RouteKind = "unicast",
    ) -> None:
        """A route of the main table: through an interface, perhaps by a gateway that is reached on it directly.

        `local` (of the local table): all of the destination's addresses are the namespace's own.
        """
        scope = _SCOPE_LINK if gateway is None and kind == "unicast" else _SCOPE_UNIVERSE
        scope, table = (_SCOPE_HOST, _TABLE_LOCAL) if kind == "local" else (scope, _TABLE_MAIN)
        flags = _ON_LINK if gateway is not None else 0
        body = _ROUTE.pack(
            socket.AF_INET, destination.prefixlen, 0, 0, table, _PROTOCOL_STATIC, scope, _ROUTE_KINDS[kind], flags
        )
        body += attribute(_RTA_DESTINATION, destination.network_address.packed)
        body += u32(_RTA_LINK, self.index(link)) if link else b""
        body += attribute(_RTA_GATEWAY, gateway.packed) if gateway else b""
        body += attribute(_RTA_SOURCE, source.packed) if source else b""
        self._socket.request(f"route to {destination}", _NEW_ROUTE, F_CREATE | F_EXCLUSIVE, body)

    def remove_route(self, destination: IPv4Network) -> None:
        """Remove the route of the main table to exactly this destination."""
        body = _ROUTE.pack(socket.AF_INET, destination.prefixlen, 0, 0, _TABLE_MAIN, 0, 255, 0, 0)
        body += attribute(_RTA_DESTINATION, destination.network_address.packed)
        self._socket.request(f"removal of the route to {destination}", _DEL_ROUTE, 0, body)

    def routes(self) -> list[Route]:
        """All IPv4 routes but those of the local table (which follow from the addresses)."""
        body = _ROUTE.pack(socket.AF_INET, 0, 0, 0, 0, 0, 0, 0, 0)
        found = (_route(answer.body) for answer in self._socket.dump("routes", _GET_ROUTE, body))
        return [route for route in found if route.table != _TABLE_LOCAL]


def _link(body: bytes) -> Link:
    number: int = _LINK.unpack_from(body)[2]
    known = attributes(body[_LINK.size :])
    return Link(number, text_of(known[_IFLA_NAME]), text_of(known.get(_IFLA_ALIAS, b"")))


def _route(body: bytes) -> Route:
    _, length, _, _, table, _, _, _, _ = _ROUTE.unpack_from(body)
    known = attributes(body[_ROUTE.size :])
    gateway = known.get(_RTA_GATEWAY)
    return Route(
        destination=IPv4Network((known.get(_RTA_DESTINATION, bytes(4)), length)),
        link=struct.unpack("=I", known[_RTA_LINK])[0] if _RTA_LINK in known else 0,
        gateway=IPv4Address(gateway) if gateway else None,
        table=struct.unpack("=I", known[_RTA_TABLE])[0] if _RTA_TABLE in known else table,
    )
