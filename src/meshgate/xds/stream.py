"""One gRPC stream of a proxy: bytes in, bytes out, around a session.

The session answers at once and in memory; what it returns waits in an outbox until gRPC takes it. The outbox can't
grow: a session has one response of a type under way at most.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

import grpc.aio

from meshgate.xds.guests import Node
from meshgate.xds.session import Nack, ResourceTable, Response, Responses, TypeStatus

Context = grpc.aio.ServicerContext[bytes, bytes]


class Session(Protocol):
    """What `DeltaSession` and `WorldSession` have in common."""

    def offer(self, table: ResourceTable) -> list[Response]: ...
    def proceed(self) -> list[Response]: ...
    @property
    def holding(self) -> bool: ...
    @property
    def synced(self) -> bool: ...
    @property
    def settled(self) -> bool: ...
    @property
    def nacks(self) -> tuple[Nack, ...]: ...
    @property
    def types(self) -> tuple[TypeStatus, ...]: ...


class Dialog(NamedTuple):
    """A session in one of the two forms of the protocol: how it hears a message, how its responses are spelled."""

    session: Session
    hear: Callable[[bytes], list[Response]]
    spell: Callable[[Response], bytes]


class Dialect(NamedTuple):
    """One of the two forms of the protocol."""

    begin: Callable[[Responses], Dialog]
    node: Callable[[bytes], Node]
    """The node that a message comes from; only the first of a stream need carry it."""


class Stream:
    """A stream while it lives. `changed` is called after everything that may change what the session says of itself."""

    def __init__(
        self, dialog: Dialog, changed: Callable[[], None], hold_s: float, *, now: Callable[[], float] = time.time
    ) -> None:
        self.session = dialog.session
        self.sent: Mapping[str, float] = MappingProxyType({})
        """When something of a type was last sent, in seconds since 1970; never written."""
        self._now = now
        self._dialog = dialog
        self._changed = changed
        self._hold_s = hold_s
        self._deadline: asyncio.TimerHandle | None = None
        self._outbox: deque[Response] = deque()
        self._filled = asyncio.Event()

    def offer(self, table: ResourceTable) -> None:
        """The proxy has another table."""
        self._put(self.session.offer(table))

    async def run(self, first: bytes, context: Context) -> None:
        """Serve until the client ends the stream."""
        try:
            async with asyncio.TaskGroup() as group:
                writer = group.create_task(self._write(context))
                message: bytes | None = first
                while message is not None:
                    self._put(self._dialog.hear(message))
                    message = await read(context)
                writer.cancel()
        finally:
            if self._deadline is not None:
                self._deadline.cancel()

    async def _write(self, context: Context) -> None:
        while True:
            while self._outbox:
                await context.write(self._dialog.spell(self._outbox.popleft()))
            self._filled.clear()
            await self._filled.wait()  # no deadline: nothing may change for days

    def _put(self, responses: Sequence[Response]) -> None:
        self._outbox.extend(responses)
        if responses:
            self.sent = {**self.sent, **dict.fromkeys((each.type_url for each in responses), self._now())}
        if self._outbox:
            self._filled.set()
        self._watch_hold()
        self._changed()

    def _watch_hold(self) -> None:
        """Listeners and routes wait for clusters, but not for ever: a name may not resolve."""
        if not self.session.holding:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None
        elif self._deadline is None:
            self._deadline = asyncio.get_running_loop().call_later(self._hold_s, self._give_up_hold)

    def _give_up_hold(self) -> None:
        self._deadline = None
        self._put(self.session.proceed())


async def read(context: Context) -> bytes | None:
    """The next message; None at the stream's end."""
    message = await context.read()
    return message if isinstance(message, bytes) else None
