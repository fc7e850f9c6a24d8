"""HTTP/2 frames, and one request or answer as frames: small messages, no flow control of our own."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterable
from typing import NamedTuple

from tests.echo.hpack import Decoder, Header, encode

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
_NO_TABLE = struct.pack(">HI", 1, 0)
GRPC = "application/grpc"


class Message(NamedTuple):
    """All of a request or an answer."""

    stream: int
    headers: list[Header]
    """Pseudo headers and trailers included."""
    body: bytes


class Connection:
    """One end of a connection; the preface has been read or sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._decoder = Decoder()
        self._open: dict[int, Message] = {}
        writer.write(frame(SETTINGS, 0, 0, _NO_TABLE))

    async def receive(self) -> Message:
        """The next message that is complete. `ConnectionError` if there will be none."""
        while True:
            kind, flags, stream, payload = await self._frame()
            if kind == SETTINGS and not flags & ACK:
                self._writer.write(frame(SETTINGS, ACK, 0, b""))
            elif kind == PING and not flags & ACK:
                self._writer.write(frame(PING, ACK, 0, payload))
            elif kind == GOAWAY or (kind == RESET and stream in self._open):
                raise ConnectionResetError("the peer ended the stream")
            elif kind in (HEADERS, DATA):
                self._take(kind, flags, stream, payload)
                if flags & END_STREAM:
                    return self._open.pop(stream)

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if flags & PADDED:
            payload = payload[1 : len(payload) - payload[0]]
        message = self._open.setdefault(stream, Message(stream, [], b""))
        if kind == DATA:
            self._open[stream] = message._replace(body=message.body + payload)
            return
        if not flags & END_HEADERS:
            raise ConnectionError("a header block goes on in another frame: more headers than an echo is for")
        message.headers.extend(self._decoder.decode(payload[5:] if flags & PRIORITY else payload))

    async def _frame(self) -> tuple[int, int, int, bytes]:
        try:
            head = await self._reader.readexactly(9)
            payload = await self._reader.readexactly(int.from_bytes(head[:3], "big"))
        except asyncio.IncompleteReadError as error:
            raise ConnectionResetError("the connection was closed") from error
        return head[3], head[4], int.from_bytes(head[5:9], "big") & 0x7FFFFFFF, payload

    def send(
        self, stream: int, headers: Iterable[Header], body: bytes = b"", trailers: Iterable[Header] | None = None
    ) -> None:
        """A whole message."""
        is_bare = not body and trailers is None
        self._writer.write(frame(HEADERS, END_HEADERS | (END_STREAM if is_bare else 0), stream, encode(headers)))
        if body:
            self._writer.write(frame(DATA, 0 if trailers is not None else END_STREAM, stream, body))
        if trailers is not None:
            self._writer.write(frame(HEADERS, END_HEADERS | END_STREAM, stream, encode(trailers)))


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def grpc_message(payload: bytes) -> bytes:
    """One message of a gRPC stream, not compressed."""
    return struct.pack(">BI", 0, len(payload)) + payload
