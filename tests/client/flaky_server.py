"""A door in front of the API that breaks connections: one fate for each connection, then it lets all through."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

ANSWER_BEGINS = b"\r\n\r\n"


class FlakyServer:
    """`fates`: "cut off before the answer" (the API has answered, nobody hears it) or "cut off in the answer"."""

    def __init__(self, upstream: Path, path: Path, fates: Sequence[str]) -> None:
        self.connections = 0
        self._upstream, self._path, self._fates = upstream, path, list(fates)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._serve, self._path)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        fate = self._fates.pop(0) if self._fates else ""
        up_reader, up_writer = await asyncio.open_unix_connection(self._upstream)
        try:
            async with asyncio.TaskGroup() as group:
                asking = group.create_task(_copy(reader, up_writer))
                await self._answer(fate, up_reader, writer)
                asking.cancel()
        finally:
            up_writer.close()
            writer.transport.abort()

    async def _answer(self, fate: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not fate:
            return await _copy(reader, writer)
        answer = b""
        while ANSWER_BEGINS not in answer:
            answer += await reader.read(65536)
        if fate == "cut off in the answer":
            writer.write(answer[: answer.index(ANSWER_BEGINS) + 10])
            await writer.drain()
        return None


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while content := await reader.read(65536):
        writer.write(content)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
