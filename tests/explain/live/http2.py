"""Just enough HTTP/2 for one request: headers are written as literals, of the answer only status and body are read."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from msgspec import Struct

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _GOAWAY = 0, 1, 3, 4, 7
_END_STREAM, _END_HEADERS = 0x1, 0x4
_STATUS = {0x88: 200, 0x89: 204, 0x8A: 206, 0x8B: 304, 0x8C: 400, 0x8D: 404, 0x8E: 500}
"""Statuses with a place in HPACK's static table; they come first in a header block."""


class Http2Answer(Struct, frozen=True):
    """What came; status 0 if the table does not have it."""

    status: int | None
    """None: no answer."""
    body: bytes


def http2_request(headers: Iterable[tuple[str, str]]) -> bytes:
    """Preface, settings and one request without a body."""
    block = b"".join(_literal(name) for name in headers)
    return _PREFACE + _frame(_SETTINGS, 0, 0, b"") + _frame(_HEADERS, _END_STREAM | _END_HEADERS, 1, block)


def http2_answer(received: bytes) -> Http2Answer | None:
    """The answer, as soon as all of it is there."""
    status: int | None = None
    body = b""
    for kind, flags, stream, payload in _frames(received):
        if kind == _GOAWAY or (kind == _RESET and stream == 1):
            return Http2Answer(status, body)
        if stream != 1:
            continue
        if kind == _HEADERS and status is None:
            status = _STATUS.get(payload[0], 0)
        if kind == _DATA:
            body += payload
        if flags & _END_STREAM and kind in (_DATA, _HEADERS):
            return Http2Answer(status, body)
    return None


def _literal(header: tuple[str, str]) -> bytes:
    """Literal without indexing, with a new name, no Huffman coding."""
    return b"\x00" + b"".join(_length(len(text.encode())) + text.encode() for text in header)


def _length(number: int) -> bytes:
    """An HPACK integer with a prefix of 7 bits."""
    if number < 127:
        return bytes([number])
    rest, number = [], number - 127
    while number >= 128:
        rest.append(number % 128 + 128)
        number //= 128
    return bytes([127, *rest, number])


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _frames(received: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    at = 0
    while at + 9 <= len(received):
        size = int.from_bytes(received[at : at + 3], "big")
        kind, flags, stream = struct.unpack(">BBI", received[at + 3 : at + 9])
        if at + 9 + size > len(received):
            return
        yield kind, flags, stream & 0x7FFFFFFF, received[at + 9 : at + 9 + size]
        at += 9 + size
