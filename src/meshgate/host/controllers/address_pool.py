"""Addresses out of a range, by name: the same name gets the same address, today, tomorrow and offline.

The name's hash says where to look first, the next free address after it is taken. Nothing but the objects themselves
remembers who has what.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from ipaddress import AddressValueError, IPv4Address, IPv4Network

_RESERVED = 10
"""The first addresses of a range are left alone: users pick them by hand (and Kubernetes does for its own)."""


class AddressPool:
    """One range, during one run of a controller."""

    def __init__(self, network: IPv4Network, taken: Iterable[str]) -> None:
        self._network = network
        self._taken = set(taken)

    def take(self, name: str, wish: str = "") -> str | None:
        """An address for the name: the wish if it is free and in the range. None if the range is used up."""
        if wish and wish not in self._taken and self._has(wish):
            self._taken.add(wish)
            return wish
        skipped = min(_RESERVED, self._network.num_addresses // 4)
        count = self._network.num_addresses - skipped - 1  # without the broadcast address
        start = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % count
        for step in range(count):
            address = str(self._network.network_address + skipped + (start + step) % count)
            if address not in self._taken:
                self._taken.add(address)
                return address
        return None

    def _has(self, text: str) -> bool:
        try:
            return IPv4Address(text) in self._network
        except AddressValueError:
            return False
