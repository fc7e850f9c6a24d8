"""Who lives in the outside world: names, addresses, and what each answers.

Every host has an address of its own, the hosts below a wildcard too, so that whoever connects can be seen to have
reached the right one. A name that several entries match belongs to the most specific one.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

NAME_SERVER = 53
"""Place of the name server in the outside world's network."""


class Host(NamedTuple):
    """A host, or all hosts below a name that begins with `*.`."""

    name: str
    places: Sequence[int]
    """Addresses, as places in the network; of several, a name below the wildcard has one that follows from it."""
    redirects: bool = False
    """Port 80 leads to https at the same host and path; else it answers."""
    demands: bool = False
    """It takes nobody on port 443 who shows no certificate."""

    def address(self, name: str, network: IPv4Network) -> IPv4Address:
        """The address of this host, or of the host of that name below this wildcard."""
        return network[self.places[zlib.crc32(name.encode()) % len(self.places)]]


HOSTS = (
    Host("edition.cnn.com", (10,), redirects=True),
    Host("www.cnn.com", (11,), redirects=True),
    Host("httpbin.org", (20,)),
    Host("www.google.com", (30,)),
    Host("mutual.example.com", (40,), demands=True),
    Host("www.wikipedia.org", (80,)),
    Host("en.wikipedia.org", (81,)),
    Host("de.wikipedia.org", (82,)),
    Host("*.wikipedia.org", range(83, 250)),
)


def find_host(name: str, hosts: Sequence[Host] = HOSTS) -> Host | None:
    """The entry of a name, whatever its letter case; None for a name that nobody has.

    >>> find_host("FR.wikipedia.org").name, find_host("a.b.wikipedia.org").name, find_host("wikipedia.org")
    ('*.wikipedia.org', '*.wikipedia.org', None)
    """
    asked = name.lower()
    for candidate in (asked, *wildcards_above(asked)):
        found = next((host for host in hosts if host.name == candidate), None)
        if found is not None:
            return found
    return None


def wildcards_above(name: str) -> list[str]:
    """The wildcards that a name lies below, the nearest first.

    >>> wildcards_above("en.wikipedia.org")
    ['*.wikipedia.org', '*.org']
    """
    labels = name.split(".")
    return ["*." + ".".join(labels[number:]) for number in range(1, len(labels))]
