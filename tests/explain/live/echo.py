"""Upstreams that say which cluster they are.

One port of 127.0.0.1 per name, kept as long as the upstreams run, so that a cluster of one name never changes. To an
HTTP/1.1 request the answer is 200 with the name and, from the next line on, the request as its body; to any other bytes
it is the bare name. Then the connection is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterable, Iterator, Mapping

_DEADLINE_S = 10.0
_MARK = b"upstream "


class Upstreams:
    """A port for each name, served by a thread of its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._servers: dict[str, asyncio.Server] = {}

    def ports(self, names: Iterable[str]) -> Mapping[str, int]:
        """Name to port; new names begin to be served."""
        asyncio.run_coroutine_threadsafe(self._serve(names), self._loop).result(_DEADLINE_S)
        return {name: self._servers[name].sockets[0].getsockname()[1] for name in names}

    async def _serve(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self._servers:
                self._servers[name] = await asyncio.start_server(_Upstream(name), "127.0.0.1", 0)

    async def close(self) -> None:
        for server in self._servers.values():
            server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=_DEADLINE_S)


@contextlib.contextmanager
def running_upstreams() -> Iterator[Upstreams]:
    """Upstreams for as long as the context lasts."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    upstreams = Upstreams(loop)
    try:
        yield upstreams
    finally:
        asyncio.run_coroutine_threadsafe(upstreams.close(), loop).result(_DEADLINE_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_DEADLINE_S)
        loop.close()


def name_in(body: bytes) -> str:
    """The name that an answer's body, or bare answer, says; empty if it is no upstream's."""
    return body.removeprefix(_MARK).partition(b"\n")[0].decode() if body.startswith(_MARK) else ""


def request_in(body: bytes) -> bytes:
    """The request that an answer's body repeats."""
    return body.partition(b"\n")[2]


class _Upstream:
    def __init__(self, name: str) -> None:
        self._said = _MARK + name.encode()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(_DEADLINE_S):
            asked = await reader.read(65536)
            if b" HTTP/1.1\r\n" in asked:
                said = self._said + b"\n" + asked
                writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(said) + said)
            else:
                writer.write(self._said)
            writer.close()
            with contextlib.suppress(ConnectionError):  # Envoy may go first
                await writer.wait_closed()
