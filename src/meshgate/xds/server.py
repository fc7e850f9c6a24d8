"""The ADS server: tables of resources in, Envoys served, what each of them holds out.

Each proxy has a Unix socket and a gRPC server of its own (one server can't tell its sockets apart): who connects there
is that proxy, whatever it says of itself. An optional TCP port on loopback shows any proxy's resources to whoever names
its node id, never secrets; such readers don't count as the proxy. Whoever is no proxy of ours is a guest there.
Proxies elsewhere that prove who they are join by TLS, which ends before it gets here: they get the secrets of the
identity that they have proven.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType

import grpc
import grpc.aio

from meshgate.aio import Latest
from meshgate.ca.grants import NotGranted
from meshgate.ca.service import headers_of
from meshgate.envoy import SECRET, Resource
from meshgate.errors import EnvironmentFault
from meshgate.xds.blocked import Told, handlers
from meshgate.xds.guests import Doorkeeper, Guests, Nobody, Node
from meshgate.xds.layers import TableLayers
from meshgate.xds.push import SharedBytes, delta_node, parse_delta, parse_world, world_bytes, world_node
from meshgate.xds.session import DeltaSession, ResourceTable, Responses, WorldSession
from meshgate.xds.status import ProxyStatus, Statuses, lagging
from meshgate.xds.stream import Context, Dialect, Dialog, Stream, read
from meshgate.xds.unix_socket import SocketOwner, bind_unix

log = logging.getLogger(__name__)

_SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"
_LARGEST_REQUEST = 64 << 20
"""In bytes: many times what 10,000 names with versions take. Who sends more is no Envoy."""
_OPTIONS = (("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", _LARGEST_REQUEST))
_HOLD_S = 3.0
"""Listeners and routes wait this long at most for changed clusters to be warm."""
_AWAITED_S = 5.0
"""An Envoy connects within this time after its socket is there (it tries at least every second), or it is gone."""
_Serve = Callable[[Dialect, object, Context], Awaitable[None]]


class _Proxy:
    """A proxy's newest tables and its streams, the newest last."""

    def __init__(self) -> None:
        self.layers = TableLayers()
        self.server: grpc.aio.Server | None = None
        self.path: Path | None = None
        self.awaited = False
        self.is_guest = False
        self.streams: list[Stream] = []
        self.readers: list[Stream] = []


class AdsServer:
    """Owned by one event loop."""

    def __init__(self, *, hold_s: float = _HOLD_S, awaited_s: float = _AWAITED_S, blocked: Told | None = None) -> None:
        """`blocked` is told of calls that proxies refuse."""
        self.state: Latest[Statuses] = Latest(MappingProxyType({}))
        """Of the mesh's own proxies."""
        self._everyone: Latest[Statuses] = Latest(MappingProxyType({}))
        """Proxies elsewhere, too: what has secrets is waited for when they change."""
        self._hold_s = hold_s
        self._blocked = blocked
        self._awaited_s = awaited_s
        self._proxies: dict[str, _Proxy] = {}
        self._responses = Responses()
        self._port_server: grpc.aio.Server | None = None
        self._joining_server: grpc.aio.Server | None = None
        self._guests: Guests = Nobody()
        self._outdated: set[str] = set()
        """Proxies whose status is to be told anew."""
        self._shared_bytes = SharedBytes()

    async def open(self, proxy_id: str, socket_path: Path, *, owner: SocketOwner | None = None) -> None:
        """Serve this proxy at this path, and nobody but the owner. A socket that was left there is replaced."""
        proxy = self._proxies.setdefault(proxy_id, _Proxy())
        assert proxy.server is None, f"{proxy_id} is served already"
        if proxy.is_guest:  # from now on it is planned for as a proxy of ours
            self._guests.farewell(proxy_id)
        server = self._server(partial(self._serve_proxy, proxy_id))
        if self._blocked is not None:
            server.add_generic_rpc_handlers((handlers(proxy_id, self._blocked),))
        bind_unix(server, socket_path, owner)
        proxy.server, proxy.path, proxy.awaited, proxy.is_guest = server, socket_path, True, False
        await server.start()
        asyncio.get_running_loop().call_later(self._awaited_s, self._await_no_longer, proxy_id, proxy)
        self._refresh_soon(proxy_id)

    async def close(self, proxy_id: str) -> None:
        """The proxy is gone: end its streams, forget its table, remove its socket."""
        proxy = self._proxies.pop(proxy_id, None)
        if proxy is None:
            return
        if proxy.path is not None:
            proxy.path.unlink(missing_ok=True)
        if proxy.server is not None:
            await proxy.server.stop(grace=None)
        self._refresh_soon(proxy_id)

    async def open_port(self, port: int, guests: Guests | None = None) -> int:
        """Serve readers on this TCP port of 127.0.0.1 (0: any), and proxies that are not ours; returns the port."""
        self._guests = guests or Nobody()
        server = self._server(self._serve_reader)
        try:
            bound = server.add_insecure_port(f"127.0.0.1:{port}")
        except RuntimeError as error:
            raise EnvironmentFault(
                f"cannot listen on 127.0.0.1:{port}: {error}", hint="choose another port with --xds-port"
            ) from error
        self._port_server = server
        await server.start()
        return bound

    async def open_joining(
        self,
        socket_path: Path,
        doorkeeper: Doorkeeper,
        handlers: Sequence[grpc.GenericRpcHandler[bytes, bytes]] = (),
        *,
        owner: SocketOwner | None = None,
    ) -> None:
        """Serve proxies elsewhere, and whatever `handlers` serve, at this path: TLS ended before it.

        The owner's headers are believed. What is published for who is admitted goes to it whole, secrets included.
        """
        assert self._joining_server is None, "proxies join at one place"
        server = self._server(partial(self._serve_joined, doorkeeper))
        server.add_generic_rpc_handlers(tuple(handlers))
        bind_unix(server, socket_path, owner)
        self._joining_server = server
        await server.start()

    def publish(self, proxy_id: str, table: ResourceTable) -> None:
        """From now on this is what the proxy should hold, besides its secrets; what differs is sent at once."""
        proxy = self._proxies.setdefault(proxy_id, _Proxy())
        if proxy.layers.set_table(table):
            for reader in proxy.readers:
                reader.offer(table)
            self._offer(proxy_id, proxy)

    def publish_secrets(self, proxy_id: str, source: str, secrets: Mapping[str, Resource]) -> None:
        """From now on these are the proxy's secrets of this source, by name; only those that differ are sent.

        Sources know nothing of each other, and no name comes from two of them. A name that a proxy asks for and that
        nobody publishes is answered at once, as removed: Envoy then opens the listener or the cluster without it, and
        takes it when it comes. Forgotten when the proxy is closed; unknown proxies are taken as about to be opened.
        """
        proxy = self._proxies.setdefault(proxy_id, _Proxy())
        if proxy.layers.set_secrets(source, secrets):
            self._offer(proxy_id, proxy)

    def table_of(self, proxy_id: str) -> ResourceTable | None:
        """What the proxy should hold, secrets included; None if nothing was published for it."""
        proxy = self._proxies.get(proxy_id)
        return None if proxy is None else proxy.layers.whole

    async def wait_applied(self, timeout_s: float) -> Statuses:
        """Wait until every connected proxy has accepted all of its newest table; those that have not: none is success.

        One whose socket was opened moments ago is waited for, too: it is about to connect.
        Ends early when nothing more will happen by itself because what is missing was refused.
        """
        self._refresh()
        try:
            async with asyncio.timeout(timeout_s):
                await self.state.wait_for(lambda statuses: all(each.is_stuck for each in lagging(statuses).values()))
        except TimeoutError:
            pass
        return lagging(self.state.value)

    async def wait_secrets(self, timeout_s: float) -> Collection[str]:
        """Wait until every connected proxy has accepted, or refused, the newest of the secrets that it asks for; those
        elsewhere, too.

        Returns those that have not, sorted. As with `wait_applied`, one that is about to connect is waited for.
        """
        self._refresh()
        try:
            async with asyncio.timeout(timeout_s):
                await self._everyone.wait_for(lambda statuses: not _awaiting(statuses, SECRET))
        except TimeoutError:
            pass
        return _awaiting(self._everyone.value, SECRET)

    async def stop(self) -> None:
        """End all streams and remove the sockets."""
        for proxy_id in list(self._proxies):
            await self.close(proxy_id)
        for server in (self._port_server, self._joining_server):
            if server is not None:
                await server.stop(grace=None)
        self._port_server = self._joining_server = None

    def _server(self, serve: _Serve) -> grpc.aio.Server:
        server = grpc.aio.server(options=_OPTIONS)
        handlers = {
            "DeltaAggregatedResources": grpc.stream_stream_rpc_method_handler(
                partial(serve, Dialect(self._delta, delta_node))
            ),
            "StreamAggregatedResources": grpc.stream_stream_rpc_method_handler(
                partial(serve, Dialect(_world, world_node))
            ),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))
        return server

    async def _serve_proxy(self, proxy_id: str, dialect: Dialect, _requests: object, context: Context) -> None:
        raw = await read(context)
        proxy = self._proxies.get(proxy_id)
        if raw is None or proxy is None:
            return
        stream = self._stream(dialect, proxy_id)
        proxy.streams.append(stream)
        proxy.awaited = False
        try:
            if proxy.layers.whole is not None:
                stream.offer(proxy.layers.whole)
            await stream.run(raw, context)
        finally:
            proxy.streams.remove(stream)
            self._refresh_soon(proxy_id)

    async def _serve_reader(self, dialect: Dialect, _requests: object, context: Context) -> None:
        raw = await read(context)
        if raw is None:
            return
        node = dialect.node(raw)
        proxy_id = node.proxy_id
        proxy = self._proxies.get(proxy_id) or self._welcome(node)
        if proxy is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no proxy {proxy_id!r} (from node id {node.id!r})")
            return
        reader = self._stream(dialect, proxy_id)
        proxy.readers.append(reader)
        try:
            if proxy.layers.table is not None:
                reader.offer(proxy.layers.table)
            await reader.run(raw, context)
        finally:
            proxy.readers.remove(reader)
            if proxy.is_guest and not proxy.readers:
                del self._proxies[proxy_id]
                self._guests.farewell(proxy_id)

    async def _serve_joined(
        self, doorkeeper: Doorkeeper, dialect: Dialect, _requests: object, context: Context
    ) -> None:
        raw = await read(context)
        if raw is None:
            return
        node = dialect.node(raw)
        try:
            proxy_id = doorkeeper.admit(headers_of(context), node)
        except NotGranted as refused:
            log.warning("a proxy may not join", extra={"node": node.id, "reason": refused.text})
            await context.abort(grpc.StatusCode[refused.code], refused.text)
        proxy = self._proxies.setdefault(proxy_id, _Proxy())
        is_first, proxy.is_guest = not proxy.streams, True
        stream = self._stream(dialect, proxy_id)
        proxy.streams.append(stream)
        try:
            if is_first:
                await doorkeeper.welcome(proxy_id, node)
            elif proxy.layers.whole is not None:
                stream.offer(proxy.layers.whole)
            await stream.run(raw, context)
        finally:
            proxy.streams.remove(stream)
            if not proxy.streams:
                self._proxies.pop(proxy_id, None)
                doorkeeper.farewell(proxy_id)
            self._refresh_soon(proxy_id)

    def _offer(self, proxy_id: str, proxy: _Proxy) -> None:
        whole = proxy.layers.whole
        if whole is not None:
            for stream in proxy.streams:
                stream.offer(whole)
            self._refresh_soon(proxy_id)

    def _welcome(self, node: Node) -> _Proxy | None:
        """A guest; None if it does not say what it is."""
        proxy = self._proxies[node.proxy_id] = _Proxy()
        proxy.is_guest = True
        if self._guests.welcome(node):
            return proxy
        del self._proxies[node.proxy_id]
        return None

    def _stream(self, dialect: Dialect, proxy_id: str) -> Stream:
        return Stream(dialect.begin(self._responses), partial(self._refresh_soon, proxy_id), self._hold_s)

    def _delta(self, responses: Responses) -> Dialog:
        session = DeltaSession(responses)
        return Dialog(session, lambda raw: session.receive(parse_delta(raw)), self._shared_bytes.of)

    def _await_no_longer(self, proxy_id: str, proxy: _Proxy) -> None:
        proxy.awaited = False
        self._refresh_soon(proxy_id)

    def _refresh_soon(self, proxy_id: str) -> None:
        """Tell the proxy's status anew, once for all that happens in this turn of the loop."""
        proxy = self._proxies.get(proxy_id)
        if proxy is not None and proxy.is_guest and not proxy.streams:  # one that is only shown what is no secret
            return
        if not self._outdated:
            asyncio.get_running_loop().call_soon(self._refresh)
        self._outdated.add(proxy_id)

    def _refresh(self) -> None:
        outdated, self._outdated = self._outdated, set()
        if not outdated:
            return
        statuses = dict(self._everyone.value)
        for proxy_id in outdated:
            proxy = self._proxies.get(proxy_id)
            if proxy is None:
                statuses.pop(proxy_id, None)
            else:
                statuses[proxy_id] = _status_of(proxy)
        self._everyone.set(statuses)
        guests = {proxy_id for proxy_id, proxy in self._proxies.items() if proxy.is_guest}
        self.state.set({proxy_id: status for proxy_id, status in statuses.items() if proxy_id not in guests})


def _world(responses: Responses) -> Dialog:
    session = WorldSession(responses)
    return Dialog(session, lambda raw: session.receive(parse_world(raw)), world_bytes)


def _status_of(proxy: _Proxy) -> ProxyStatus:
    if not proxy.streams:
        return ProxyStatus(awaited=proxy.awaited)
    stream = proxy.streams[-1]
    session = stream.session
    return ProxyStatus(
        connected=True,
        synced=session.synced,
        settled=session.settled,
        nacks=session.nacks,
        types=session.types,
        sent=stream.sent,
    )


def _awaiting(statuses: Statuses, type_url: str) -> list[str]:
    return sorted(name for name, status in statuses.items() if status.awaited or status.is_stale(type_url))
