"""What the host's network uses already, and which other meshes run on this machine: read, never changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Final

from meshgate.host.network.links import Link, Links, Route
from meshgate.host.network.ranges import Taken

LINK_PREFIX: Final = "meshgate-"
"""Of the host's end of every mesh's link; with six more characters as long as Linux allows."""


def mesh_id_of(data_directory: Path) -> str:
    """The mesh's six characters: of its data directory, so that a new `up` finds what the last one left."""
    return hashlib.sha256(str(data_directory.resolve()).encode()).hexdigest()[:6]


def host_link(mesh_id: str) -> str:
    """The name of a mesh's link on the host.

    >>> host_link("3fa9c1")
    'meshgate-3fa9c1'
    """
    assert len(mesh_id) == 6, "with six characters the name has the fifteen that Linux allows"
    return LINK_PREFIX + mesh_id


def other_meshes(links: Links, own: str) -> list[Link]:
    """The links of other meshes that run on this host."""
    return [link for link in links.all() if link.name.startswith(LINK_PREFIX) and link.name != own]


def taken_networks(links: Links, own: str, name_servers: Iterable[str] = ()) -> list[Taken]:
    """Networks that a mesh whose link is `own` must not use: of routes, addresses and name servers of the host."""
    names = {link.number: link.name for link in links.all()}
    aliases = {link.number: link.alias for link in links.all()}
    found = [
        Taken(route.destination, _route_name(route, names, aliases))
        for route in links.routes()
        # the default route is everything that nobody claims
        if route.destination.prefixlen > 0 and names.get(route.link) != own
    ]
    for number, interface in links.addresses():
        if names.get(number) != own and not interface.is_loopback:
            found.append(Taken(IPv4Network(interface.ip), f"address {interface} of {names.get(number, number)}"))
    for server in name_servers:
        try:
            found.append(Taken(IPv4Network(IPv4Address(server)), f"name server {server}"))
        except ValueError:  # of IPv6: no range of ours
            continue
    return found


def _route_name(route: Route, names: dict[int, str], aliases: dict[int, str]) -> str:
    words = [f"route {route.destination}"]
    if route.gateway:
        words.append(f"via {route.gateway}")
    name = names.get(route.link, "")
    if name:
        words.append(f"dev {name}")
    if name.startswith(LINK_PREFIX):
        words.append(f"(another mesh: {aliases[route.link]})")
    return " ".join(words)
