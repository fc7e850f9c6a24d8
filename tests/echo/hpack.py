"""HPACK, as far as an echo needs it: all of decoding, and encoding as literals.

https://www.rfc-editor.org/rfc/rfc7541
"""

from __future__ import annotations

from collections.abc import Iterable

Header = tuple[str, str]

_STATIC: tuple[Header, ...] = tuple(
    (name, value)
    for name, _, value in (
        line.partition("=")
        for line in """:authority
:method=GET
:method=POST
:path=/
:path=/index.html
:scheme=http
:scheme=https
:status=200
:status=204
:status=206
:status=304
:status=400
:status=404
:status=500
accept-charset
accept-encoding=gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate""".splitlines()
    )
)
_LENGTHS = """
13 23 28 28 28 28 28 28 28 24 30 28 28 30 28 28 28 28 28 28 28 28 30 28 28 28 28 28 28 28 28 28
6 10 10 12 13 6 8 11 10 10 8 11 8 6 6 6 5 5 5 6 6 6 6 6 6 6 7 8 15 6 12 10
13 6 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 8 7 8 13 19 13 14 6
15 5 6 5 6 5 6 6 6 5 7 7 6 6 6 5 6 7 6 5 5 6 7 7 7 7 7 15 11 14 13 28
20 22 20 20 22 22 22 23 22 23 23 23 23 23 24 23 24 24 22 23 24 23 23 23 23 21 22 23 22 23 23 24
22 21 20 22 22 23 23 21 23 22 22 24 21 22 23 23 21 21 22 21 23 22 23 23 20 22 22 22 23 22 22 23
26 26 20 19 22 23 22 25 26 26 26 27 27 26 24 25 19 21 26 27 27 26 27 24 21 21 26 26 28 27 27 27
20 24 20 21 22 21 21 23 22 22 25 25 24 24 26 23 26 27 26 26 27 27 27 27 27 28 27 27 27 27 27 26
30"""
_ENTRY_OVERHEAD_BYTES = 32


def _canonical_codes(lengths: Iterable[int]) -> dict[tuple[int, int], int]:
    """(length, code) to symbol: the RFC's code is canonical, so the lengths say it all."""
    codes, code, before = {}, 0, 0
    for length, symbol in sorted((length, symbol) for symbol, length in enumerate(lengths)):
        code <<= length - before
        codes[length, code] = symbol
        code, before = code + 1, length
    return codes


CODES = _canonical_codes(map(int, _LENGTHS.split()))


class Decoder:
    """Header blocks of one direction of one connection, in their order."""

    def __init__(self) -> None:
        self._dynamic: list[Header] = []
        self._limit = 4096

    def decode(self, block: bytes) -> list[Header]:
        headers, at = [], 0
        while at < len(block):
            first = block[at]
            if first & 0x80:
                index, at = _integer(block, at, 7)
                headers.append(self._entry(index))
            elif first & 0xE0 == 0x20:
                self._limit, at = _integer(block, at, 5)
                self._evict()
            else:
                header, at = self._literal(block, at, 6 if first & 0x40 else 4)
                headers.append(header)
                if first & 0x40:
                    self._dynamic.insert(0, header)
                    self._evict()
        return headers

    def _literal(self, block: bytes, at: int, prefix: int) -> tuple[Header, int]:
        index, at = _integer(block, at, prefix)
        if index:
            name = self._entry(index)[0]
        else:
            name, at = _text(block, at)
        value, at = _text(block, at)
        return (name, value), at

    def _entry(self, index: int) -> Header:
        return _STATIC[index - 1] if index <= len(_STATIC) else self._dynamic[index - len(_STATIC) - 1]

    def _evict(self) -> None:
        while sum(len(name) + len(value) + _ENTRY_OVERHEAD_BYTES for name, value in self._dynamic) > self._limit:
            self._dynamic.pop()


def encode(headers: Iterable[Header]) -> bytes:
    """Literals without indexing, with new names, no Huffman coding."""
    return b"".join(b"\x00" + _plain(name) + _plain(value) for name, value in headers)


def _plain(text: str) -> bytes:
    raw = text.encode("latin-1")
    return _prefixed(len(raw)) + raw


def _prefixed(number: int) -> bytes:
    """An integer with a prefix of 7 bits."""
    if number < 127:
        return bytes([number])
    rest, number = [127], number - 127
    while number >= 128:
        rest.append(number % 128 + 128)
        number //= 128
    return bytes([*rest, number])


def _integer(block: bytes, at: int, prefix: int) -> tuple[int, int]:
    most = (1 << prefix) - 1
    number, at = block[at] & most, at + 1
    if number < most:
        return number, at
    shift = 0
    while True:
        byte, at = block[at], at + 1
        number += (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return number, at


def _text(block: bytes, at: int) -> tuple[str, int]:
    is_huffman = block[at] & 0x80
    length, at = _integer(block, at, 7)
    raw = block[at : at + length]
    return (huffman(raw) if is_huffman else raw).decode("latin-1"), at + length


def huffman(raw: bytes) -> bytes:
    """The text that was coded; padding is dropped."""
    found, code, length = bytearray(), 0, 0
    for byte in raw:
        for bit in range(7, -1, -1):
            code, length = code << 1 | byte >> bit & 1, length + 1
            symbol = CODES.get((length, code))
            if symbol is not None:
                found.append(symbol)
                code = length = 0
    return bytes(found)
