"""HTTP over the mesh's Unix socket, patient while the control plane is being restarted.

What a broken connection means depends on how far it came. Not connected: nothing was sent, so try again until
patience ends. Broken later: the request may have been carried out; only what may be repeated is tried again.
Each request has a connection of its own, so no old one can break under a new request.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote

import aiohttp
import msgspec

from meshgate.errors import ApiError, MeshgateError, NotRunning

from .answers import failure_of

T = TypeVar("T")
Query = Sequence[tuple[str, str]]

BASE = "http://meshgate"
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 0.25
REQUEST_DEADLINE_S = 120.0
STATUS_HEADER = "Meshgate-Status"
"""Carries the Status where an upgrade was refused, for a WebSocket client can't see the body."""
RESTART_HINT = "`meshgate status` tells whether the mesh runs; an apply may be repeated, it changes only what differs"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    method: str
    path: str
    query: Query = ()
    body: bytes | None = None
    content_type: str = "application/json"
    accept: str = "application/json"
    repeatable: bool = False
    """It may be sent again when it is not known what became of the first time."""


class Connection:
    """`patience_s`: how long to try again while nobody listens at a socket that is there."""

    def __init__(self, socket_path: Path, patience_s: float) -> None:
        self._socket_path = socket_path
        self._patience_s = patience_s
        connector = aiohttp.UnixConnector(path=str(socket_path), force_close=True, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None))

    async def close(self) -> None:
        await self._session.close()

    async def send(self, request: Request) -> bytes:
        """The body of the answer. Raises ApiError, Refused, NotRunning."""
        deadline = self._deadline()
        while True:
            try:
                async with asyncio.timeout(REQUEST_DEADLINE_S):
                    return await self._sent_once(request, deadline)
            except (aiohttp.ClientError, ConnectionError) as error:
                if not request.repeatable or asyncio.get_running_loop().time() >= deadline:
                    raise _lost(request) from error
            except TimeoutError as error:
                raise NotRunning(f"the mesh did not answer within {REQUEST_DEADLINE_S:.0f} s") from error
            await asyncio.sleep(FIRST_PAUSE_S)

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[aiohttp.StreamReader]:
        """The body of an answer that is read as it comes. Raises ApiError, NotRunning."""
        async with await self._patiently(lambda: self._open(request), self._deadline()) as answer:
            if answer.status >= 400:
                raise failure_of(answer.status, await answer.read())
            try:
                yield answer.content
            except (aiohttp.ClientError, ConnectionError) as error:
                raise NotRunning("the control plane went away while it was answering", hint=RESTART_HINT) from error

    async def websocket(self, request: Request, protocol: str) -> aiohttp.ClientWebSocketResponse:
        """An open WebSocket. Raises ApiError, NotRunning."""
        url, query = f"{BASE}{request.path}", list(request.query)
        try:
            return await self._patiently(
                lambda: self._session.ws_connect(url, params=query, protocols=[protocol], max_msg_size=0),
                self._deadline(),
            )
        except aiohttp.WSServerHandshakeError as error:
            status = unquote(error.headers.get(STATUS_HEADER, "") if error.headers else "")
            raise failure_of(error.status, status.encode()) from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise _lost(request) from error

    async def _sent_once(self, request: Request, deadline: float) -> bytes:
        async with await self._patiently(lambda: self._open(request), deadline) as answer:
            content = await answer.read()
        if answer.status >= 400:
            raise failure_of(answer.status, content)
        return content

    async def _open(self, request: Request) -> aiohttp.ClientResponse:
        headers = {"Accept": request.accept}
        headers |= {"Content-Type": request.content_type} if request.body is not None else {}
        return await self._session.request(
            request.method, f"{BASE}{request.path}", params=list(request.query), data=request.body, headers=headers
        )

    async def _patiently(self, connect: Callable[[], Awaitable[T]], deadline: float) -> T:
        """Connect, trying again while nobody listens."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return await connect()
            except aiohttp.ClientConnectorError as error:
                left_s = deadline - asyncio.get_running_loop().time()
                if error.os_error.errno != errno.ECONNREFUSED or left_s <= 0:
                    raise self._unreachable(error.os_error) from error
                await asyncio.sleep(min(pause_s, left_s))
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._patience_s

    def _unreachable(self, error: OSError) -> MeshgateError:
        if error.errno in (errno.EACCES, errno.EPERM):
            text = f'not allowed to talk to the mesh at "{self._socket_path.parent}"'
            return ApiError(text, code=403, reason="Forbidden", hint="it is another user's: use sudo, or --data-dir")
        hint = "start one with `meshgate up`, or name its directory with --data-dir or MESHGATE_DATA_DIR"
        return NotRunning(f'no mesh is running at "{self._socket_path.parent}"', hint=hint)


def _lost(request: Request) -> NotRunning:
    if request.method == "GET":
        return NotRunning("the control plane went away while it was answering", hint=RESTART_HINT)
    text = "the control plane went away before it answered: it is not known whether the request was carried out"
    return NotRunning(text, hint=RESTART_HINT)
