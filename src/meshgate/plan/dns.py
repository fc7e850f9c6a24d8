"""How clusters resolve names: at a server that answers without virtual addresses, where the proxy knows one.

A virtual address would lead back into the proxy itself.
"""

from __future__ import annotations

from typing import Literal

from meshgate.api import MeshConfig
from meshgate.plan.client import Client
from meshgate.plan.values import DnsSettings, SocketAddress


def resolver(client: Client) -> SocketAddress | None:
    """The server to ask; None is the system's."""
    if client.dns_resolver is None:
        return None
    address, port = client.dns_resolver
    return SocketAddress(address=address, port=port)


def dns_settings(mesh: MeshConfig, client: Client) -> DnsSettings:
    """Settings of a DNS cluster."""
    return DnsSettings(
        refresh_rate=mesh.dns_refresh_rate, lookup_family=_lookup_family(client), resolver=resolver(client)
    )


def _lookup_family(client: Client) -> Literal["V4_ONLY", "V6_ONLY", "ALL"]:
    if client.has_ipv4 and client.has_ipv6:
        return "ALL"
    return "V4_ONLY" if client.has_ipv4 else "V6_ONLY"
