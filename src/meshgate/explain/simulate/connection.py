"""A connection as the proxy sees it: what it knows changes while listener filters look at it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeAlias

from msgspec import Struct

from meshgate.explain.simulate.call import Call

IpAddress: TypeAlias = IPv4Address | IPv6Address


class Connection(Struct, frozen=True, kw_only=True):
    """Local address and what the inspectors found. Nothing that was not inspected is known."""

    address: IpAddress
    """The local address: the socket's, until `original_dst` restores the one that the client dialled."""
    port: int
    restored: bool = False
    """A listener filter put the original destination in."""
    transport: str = ""
    """`tls` if an inspector saw a ClientHello, else nothing."""
    sni: str = ""
    """In lower case."""
    alpn: tuple[str, ...] = ()


def dialled(call: Call) -> Connection:
    """The connection with the address that the client dialled."""
    return Connection(address=ip_address(call.address), port=call.port)
