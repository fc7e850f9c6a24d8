"""The client's end of a command in a container."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

import aiohttp
import msgspec

from meshgate.errors import ApiError, NotRunning

PROTOCOL = "v5.channel.k8s.io"
STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255


class _Cause(msgspec.Struct):
    reason: str = ""
    message: str = ""


class _Details(msgspec.Struct):
    causes: list[_Cause] = []


class _Status(msgspec.Struct):
    status: str = ""
    reason: str = ""
    message: str = ""
    code: int = 500
    details: _Details = msgspec.field(default_factory=_Details)


class ExecSession:
    """A running command: read `output` to its end, then `exit_code` is known."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.exit_code: int | None = None

    async def output(self) -> AsyncIterator[tuple[Literal["stdout", "stderr"], bytes]]:
        """What the command writes, as it comes. Raises ApiError if it could not be run, NotRunning if cut off."""
        async for message in self._socket:
            if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
                continue
            channel, data = message.data[0], message.data[1:]
            if channel == ERROR:
                self.exit_code = _exit_code(data)
            elif data:
                yield ("stderr" if channel == STDERR else "stdout"), data
        if self.exit_code is None:
            raise NotRunning("the control plane went away while the command was running; the command was ended")

    async def write_stdin(self, data: bytes) -> None:
        await self._send(STDIN, data)

    async def close_stdin(self) -> None:
        await self._send(CLOSE, bytes([STDIN]))

    async def resize(self, columns: int, rows: int) -> None:
        await self._send(RESIZE, msgspec.json.encode({"Width": columns, "Height": rows}))

    async def _send(self, channel: int, data: bytes) -> None:
        if not self._socket.closed:  # the command may have ended meanwhile: `output` tells
            await self._socket.send_bytes(bytes([channel]) + data)


def _exit_code(content: bytes) -> int:
    status = msgspec.json.decode(content, type=_Status)
    if status.status == "Success":
        return 0
    for cause in status.details.causes:
        if cause.reason == "ExitCode" and cause.message.isdecimal():
            return int(cause.message)
    raise ApiError(status.message, code=status.code, reason=status.reason)
