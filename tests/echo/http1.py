"""HTTP/1 messages, as far as an echo needs them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from tests.echo.hpack import Header


class Head(NamedTuple):
    """First line and headers, names as they came."""

    words: list[str]
    headers: list[Header]

    def first(self, name: str) -> str:
        """A header's first value, empty if there is none."""
        return next((value for key, value in self.headers if key.lower() == name), "")


async def read_head(reader: asyncio.StreamReader, start: bytes = b"") -> Head | None:
    """The next message's head, None at the end of the connection. `start`: what has been read of it already.

    A line may end without a carriage return: it is what people type.
    """
    lines: list[str] = []
    while (line := start + await reader.readline()).strip():
        lines.append(line.decode("latin-1").rstrip("\r\n"))
        start = b""
    if not lines or not line:
        return None
    pairs = (text.partition(":") for text in lines[1:])
    return Head(lines[0].split(" ", 2), [(name, value.strip()) for name, _, value in pairs])


async def read_body(reader: asyncio.StreamReader, head: Head, *, to_the_end: bool) -> bytes:
    """The body. `to_the_end`: an answer without a length lasts until the connection is closed."""
    if head.first("transfer-encoding").lower() == "chunked":
        return await _chunks(reader)
    length = head.first("content-length")
    if length:
        return await reader.readexactly(int(length))
    return await reader.read() if to_the_end else b""


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return body


def message(first: str, headers: Iterable[Header], body: bytes = b"") -> bytes:
    """A whole message; a length is written if there is a body."""
    lines = [first, *(f"{name}: {value}" for name, value in headers)]
    lines += [f"content-length: {len(body)}"] if body else []
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
