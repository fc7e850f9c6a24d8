"""Which address is whose, and which one is free: for pods, Services and LoadBalancers.

Pure. A pool gives each owner one address and takes it back; a freed address is given again only when all others have
been (connections, DNS answers and Envoys may still know it). What runs, or what the store says, is claimed first, so
that addresses stay the same over restarts.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

from meshgate.errors import EnvironmentFault


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
        """The owner's address: the one it has, else a free one. `EnvironmentFault` if there is none left."""
        known = self._address_of.get(owner)
        if known is not None:
            return known
        for step in range(self._count):
            position = (self._next + step) % self._count
            address = IPv4Address(self._first + position)
            if address not in self._owner_of and address not in self._reserved:
                self._next = position + 1
                self._own(owner, address)
                return address
        raise EnvironmentFault(f"no address is left in {self._network}", hint="choose a larger network")

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

    def _own(self, owner: str, address: IPv4Address) -> None:
        self._owner_of[address] = owner
        self._address_of[owner] = address
