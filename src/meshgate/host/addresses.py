"""Which address is whose, and which one is free: for pods, Services, LoadBalancers and hosts of ServiceEntries.

Pure. A pool gives each owner one address and takes it back. What runs, or what the store says, is claimed first, so
that addresses stay the same over restarts. There are two ways to choose a free one:

    assign           the next one: a freed address is given again only when all others have been (connections, DNS
                     answers and Envoys may still know it)
    assign_by_name   from a place that the owner's name gives: the same name gets the same address, today, tomorrow
                     and offline, and nothing but the objects themselves remembers who has what
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

from meshgate.errors import EnvironmentFault

_BY_HAND = 10
"""The first addresses of a range have no names that lead to them: users pick them by hand, as Kubernetes' do."""


class AddressPool:
    """The addresses of one network. The first and the last, and those named as reserved, are never given."""

    def __init__(self, network: IPv4Network, *, reserved: Iterable[IPv4Address] = ()) -> None:
        self._network = network
        self._first = int(network.network_address) + 1
        self._count = max(network.num_addresses - 2, 0)
        self._reserved = frozenset(reserved)
        self._owner_of: dict[IPv4Address, str] = {}
        self._address_of: dict[str, IPv4Address] = {}
        self._next = 0

    def assign(self, owner: str) -> IPv4Address:
        """The owner's address: the one it has, else the next free one. `EnvironmentFault` if there is none left."""
        known = self._address_of.get(owner)
        if known is not None:
            return known
        address = self._free(self._first, self._count, self._next)
        self._next = int(address) - self._first + 1
        self._own(owner, address)
        return address

    def assign_by_name(self, owner: str) -> IPv4Address:
        """The owner's address: the one it has, else the free one nearest to its name's place. Fails as `assign`."""
        known = self._address_of.get(owner)
        if known is not None:
            return known
        skipped = max(min(_BY_HAND, self._network.num_addresses // 4) - 1, 0)
        place = int.from_bytes(hashlib.sha256(owner.encode()).digest()[:8], "big")
        address = self._free(self._first + skipped, self._count - skipped, place)
        self._own(owner, address)
        return address

    def claim(self, owner: str, address: IPv4Address) -> bool:
        """Give the owner this very address; False if it isn't of this network, is reserved, or is another owner's."""
        if not self.is_assignable(address) or self._owner_of.get(address, owner) != owner:
            return False
        self.release(owner)
        self._own(owner, address)
        # what follows the claimed ones comes next, so that a restart doesn't give away addresses that were just freed
        self._next = max(self._next, int(address) - self._first + 1)
        return True

    def release(self, owner: str) -> None:
        """The owner needs its address no more; no error if it has none."""
        address = self._address_of.pop(owner, None)
        if address is not None:
            del self._owner_of[address]

    def is_assignable(self, address: IPv4Address) -> bool:
        """Whether the pool could give the address to somebody."""
        return 0 <= int(address) - self._first < self._count and address not in self._reserved

    def owner_of(self, address: IPv4Address) -> str | None:
        """Who has the address."""
        return self._owner_of.get(address)

    def address_of(self, owner: str) -> IPv4Address | None:
        """What the owner has."""
        return self._address_of.get(owner)

    def _free(self, first: int, count: int, place: int) -> IPv4Address:
        """The first free one of `count` addresses from `first` on, beginning at a place among them."""
        for step in range(count):
            address = IPv4Address(first + (place + step) % count)
            if address not in self._owner_of and address not in self._reserved:
                return address
        raise EnvironmentFault(f"no address is left in {self._network}", hint="choose a larger network")

    def _own(self, owner: str, address: IPv4Address) -> None:
        self._owner_of[address] = owner
        self._address_of[owner] = address


def parse_address(text: str) -> IPv4Address | None:
    """None for what is no IPv4 address."""
    try:
        return IPv4Address(text)
    except ValueError:
        return None
