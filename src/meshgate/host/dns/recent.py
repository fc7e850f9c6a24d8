"""Which names led to an address lately: the bytes of a refused connection need not say whom it was meant for."""

from __future__ import annotations

from typing import Final

import dns.exception
import dns.message
import dns.rdatatype

MOST: Final = 4096
"""Addresses; the one that was asked for the longest ago goes."""
_ADDRESSES: Final = (dns.rdatatype.A, dns.rdatatype.AAAA)


class RecentNames:
    """The last name of each address that an answer from outside led to."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def note(self, name: str, answer: bytes) -> None:
        """An answer to a question for the name."""
        try:
            message = dns.message.from_wire(answer)
        except dns.exception.DNSException:
            return  # the asker's to refuse
        for found in message.answer:
            if found.rdtype in _ADDRESSES:
                for record in found:
                    self._names.pop(record.address, None)
                    self._names[record.address] = name.lower().removesuffix(".")
        while len(self._names) > MOST:
            del self._names[next(iter(self._names))]

    def name_of(self, address: str) -> str:
        """Empty if nobody asked."""
        return self._names.get(address, "")
