"""Answers the pods' queries on the sockets inside them, all in this process.

    sockets of a pod -> cache of answers in wire form -> `names` -> `messages`
                                                      -> `forward` for what isn't ours

Most queries repeat an earlier one but for the identifier, so an answer costs a look-up in a dictionary; a new table
empties the caches. Queries of a pod are answered one by one as they are read, so that a kill of this process loses at
most one.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Coroutine
from typing import Final, NamedTuple

from meshgate.aio import Latest
from meshgate.host.dns.forward import Forwarder
from meshgate.host.dns.messages import (
    Query,
    question_for,
    read_query,
    servfail,
    udp_limit,
    write_chain,
    write_here,
)
from meshgate.host.dns.names import Chain, Here, Index, Upstream
from meshgate.host.dns.recent import RecentNames
from meshgate.host.dns.sockets import DnsSockets
from meshgate.host.dns.table import DnsTable

log = logging.getLogger(__name__)

MOST_CACHED: Final = 4096
MOST_CONNECTIONS: Final = 64
"""TCP connections of one pod at a time; further ones are closed."""
IDLE_S: Final = 10.0

_QUERIES_AT_A_TIME = 32  # then other sockets have their turn
_LARGEST_QUERY_BYTES = 4096
_LARGEST_TCP_BYTES = 65535


Asker = tuple[str, int]


class _View:
    """How one kind of asker sees the names: a pod's namespace, with or without virtual addresses."""

    def __init__(self, namespace: str, virtual: bool) -> None:
        self.namespace = namespace
        self.virtual = virtual
        self.cache: dict[bytes, bytes] = {}
        """Answer behind the identifier, by query behind the identifier."""


class _Pod(NamedTuple):
    sockets: DnsSockets
    connections: set[asyncio.Task[None]]


class _Elsewhere(NamedTuple):
    """A query that needs upstream."""

    query: Query
    answer: Upstream | Chain


class DnsServer:
    """One for all pods. `serve` and `stop` are called while `run` is running, on the same event loop."""

    def __init__(self, table: Latest[DnsTable], forwarder: Forwarder) -> None:
        self.recent = RecentNames()
        """Names that were answered from outside."""
        self._latest = table
        self._forwarder = forwarder
        self._table = table.value
        self._index = Index(self._table)
        self._views: dict[tuple[str, bool], _View] = {}
        self._pods: dict[str, _Pod] = {}
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self, *, ready: asyncio.Event) -> None:
        """Own the tasks that wait for upstream and for TCP clients; runs until cancelled, then leaves all sockets."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                ready.set()
                await asyncio.Event().wait()  # no deadline: a server serves until it is cancelled
        finally:
            for pod_id in tuple(self._pods):
                self.stop(pod_id)
            self._tasks = None

    def serve(self, pod_id: str, namespace: str, sockets: DnsSockets, *, virtual: bool = True) -> None:
        """Answer on these sockets, for a pod of this namespace.

        `virtual`: its applications know the hosts of ServiceEntries, as with Istio's agent beside them.
        """
        loop = asyncio.get_running_loop()
        pod = _Pod(sockets, set())
        self._pods[pod_id] = pod
        applications, envoy = self._view(namespace, virtual=virtual), self._view(namespace, virtual=False)
        loop.add_reader(sockets.udp, self._read_udp, sockets.udp, applications)
        loop.add_reader(sockets.envoy_udp, self._read_udp, sockets.envoy_udp, envoy)
        loop.add_reader(sockets.tcp, self._accept, sockets.tcp, applications, pod)
        loop.add_reader(sockets.envoy_tcp, self._accept, sockets.envoy_tcp, envoy, pod)

    def stop(self, pod_id: str) -> None:
        """Leave the pod's sockets alone from now on. They are not closed: whoever gave them does that."""
        pod = self._pods.pop(pod_id, None)
        if pod is None:
            return
        for sock in pod.sockets:
            asyncio.get_running_loop().remove_reader(sock)
        for connection in pod.connections:
            connection.cancel()

    def _view(self, namespace: str, *, virtual: bool) -> _View:
        return self._views.setdefault((namespace, virtual), _View(namespace, virtual))

    def _read_udp(self, sock: socket.socket, view: _View) -> None:
        for _ in range(_QUERIES_AT_A_TIME):
            try:
                wire, asker = sock.recvfrom(_LARGEST_QUERY_BYTES)
            except BlockingIOError:
                return
            answer = self._answer(wire, view, tcp=False)
            if isinstance(answer, bytes):
                _send(sock, answer, asker)
            elif answer is not None:
                self._start(self._send_later(sock, asker, wire, answer))

    async def _send_later(self, sock: socket.socket, asker: Asker, wire: bytes, question: _Elsewhere) -> None:
        answer = await self._ask(wire, question, tcp=False)
        if sock.fileno() >= 0:
            _send(sock, answer, asker)

    def _accept(self, sock: socket.socket, view: _View, pod: _Pod) -> None:
        try:
            connection, _ = sock.accept()
        except OSError:  # the client has gone already
            return
        if len(pod.connections) >= MOST_CONNECTIONS:
            connection.close()
            return
        task = self._start(self._converse(connection, view))
        pod.connections.add(task)
        task.add_done_callback(pod.connections.discard)

    async def _converse(self, connection: socket.socket, view: _View) -> None:
        """One query after the other, each with its length in front (RFC 7766)."""
        connection.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=connection)
        try:
            while True:
                async with asyncio.timeout(IDLE_S):
                    (length,) = struct.unpack(">H", await reader.readexactly(2))
                    wire = await reader.readexactly(length)
                answer = self._answer(wire, view, tcp=True)
                if isinstance(answer, _Elsewhere):
                    answer = await self._ask(wire, answer, tcp=True)
                if answer is None:
                    return
                writer.write(struct.pack(">H", len(answer)) + answer)
                async with asyncio.timeout(IDLE_S):
                    await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return  # the client has gone, or keeps silent
        finally:
            writer.close()

    def _answer(self, wire: bytes, view: _View, *, tcp: bool) -> bytes | _Elsewhere | None:
        """The answer; None if there is to be none."""
        if self._latest.value is not self._table:
            self._renew()
        known = view.cache.get(wire[2:])
        if known is not None and not tcp:
            return wire[:2] + known
        query = read_query(wire)
        if not isinstance(query, Query):
            return query
        found = self._index.answer(query.name, query.kind, namespace=view.namespace, virtual=view.virtual)
        if not isinstance(found, Here):
            return _Elsewhere(query, found)
        limit = _LARGEST_TCP_BYTES if tcp else udp_limit(query)
        answer = write_here(query, found, domain=self._index.domain, limit=limit)
        # of several addresses another one comes first each time
        if not tcp and len(found.records) <= 1:
            if len(view.cache) >= MOST_CACHED:
                view.cache.clear()
            view.cache[wire[2:]] = answer[2:]
        return answer

    async def _ask(self, wire: bytes, question: _Elsewhere, *, tcp: bool) -> bytes:
        """Upstream's answer, or SERVFAIL."""
        query = question.query
        match question.answer:
            case Upstream():
                answer = await self._forwarder.ask(wire, tcp=tcp)
                if answer is not None:
                    self.recent.note(query.name, answer)
                return answer or servfail(query)
            case Chain(records, target):
                further = question_for(query, target)
                found = await self._forwarder.ask(further, tcp=tcp) if further else None
                limit = _LARGEST_TCP_BYTES if tcp else udp_limit(query)
                return write_chain(query, records, found, limit=limit) if found else servfail(query)

    def _renew(self) -> None:
        self._table = self._latest.value
        self._index = Index(self._table)
        for view in self._views.values():
            view.cache.clear()

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        assert self._tasks is not None, "queries are answered while the server runs"
        return self._tasks.create_task(_guarded(work))


async def _guarded(work: Coroutine[None, None, None]) -> None:
    try:
        await work
    except Exception:
        log.exception("a DNS query was not answered")  # the others are


def _send(sock: socket.socket, answer: bytes, asker: Asker) -> None:
    try:
        sock.sendto(answer, asker)
    except OSError as fault:
        log.debug("an answer could not be sent", extra={"reason": str(fault)})
