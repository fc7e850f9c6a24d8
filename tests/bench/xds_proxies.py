"""Many sidecars at once, as far as a control plane can see: each a connection, a delta ADS stream, and acceptance.

They ask as Envoy does: clusters, then listeners, the endpoints of the clusters and the routes of the listeners; each
response is accepted at once. Nothing is decoded twice: most of them get the same bytes.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

import grpc.aio

from meshgate.envoy import CLUSTER, ENDPOINTS, LISTENER, ROUTES
from meshgate.proto import v3
from tests.bench.xds_mesh import NAMESPACES

METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1))
"""Each has a connection of its own."""
DEADLINE_S = 120


class Proxies:
    """Sidecars in some namespaces. Enter it to connect them; leave it to break their streams."""

    def __init__(self, port: int, count: int) -> None:
        self._port = port
        self._count = count
        self._stack = AsyncExitStack()
        self._asked: dict[bytes, tuple[str, ...]] = {}
        self._marker = b""
        self._left = 0
        self._done = asyncio.Event()

    async def __aenter__(self) -> Proxies:
        group = await self._stack.enter_async_context(asyncio.TaskGroup())
        self._left, tasks = self._count, []
        for number in range(self._count):
            channel = await self._stack.enter_async_context(
                grpc.aio.insecure_channel(f"127.0.0.1:{self._port}", options=OPTIONS)
            )
            tasks.append(group.create_task(self._live(channel, number)))
        self._stack.callback(lambda: [task.cancel() for task in tasks])
        async with asyncio.timeout(DEADLINE_S):
            await self._done.wait()
        return self

    async def __aexit__(self, *about: object) -> None:
        await self._stack.aclose()

    def watch(self, marker: str) -> None:
        """What is waited for next."""
        self._marker, self._left = marker.encode(), self._count
        self._done.clear()

    async def seen(self) -> float:
        """When the last of them has received the marker, by `time.monotonic`."""
        async with asyncio.timeout(DEADLINE_S):
            await self._done.wait()
        return time.monotonic()

    async def _live(self, channel: grpc.aio.Channel, number: int) -> None:
        # grpc-stubs know neither raw bytes nor a call whose requests are written one by one
        call: Any = channel.stream_stream(METHOD)()  # type: ignore[call-arg]
        await call.write(v3.DeltaDiscoveryRequest(node=node(number), type_url=CLUSTER).SerializeToString())
        missing = {CLUSTER, ENDPOINTS, LISTENER, ROUTES}
        seen = b""
        while True:
            raw: bytes = await call.read()
            if self._marker and self._marker != seen and self._marker in raw:
                seen = self._marker
                self._arrived()
            type_url, nonce = head_of(raw)
            await call.write(v3.DeltaDiscoveryRequest(type_url=type_url, response_nonce=nonce).SerializeToString())
            if not missing:
                continue
            missing.discard(type_url)
            for request in self._next(type_url, raw):
                await call.write(request)
            if not missing:
                self._arrived()

    def _arrived(self) -> None:
        self._left -= 1
        if not self._left:
            self._done.set()

    def _next(self, type_url: str, raw: bytes) -> list[bytes]:
        """What Envoy asks for after the first response of a type."""
        if type_url == CLUSTER:
            listeners = v3.DeltaDiscoveryRequest(type_url=LISTENER).SerializeToString()
            return [self._subscribe(ENDPOINTS, raw), listeners]
        return [self._subscribe(ROUTES, raw)] if type_url == LISTENER else []

    def _subscribe(self, type_url: str, raw: bytes) -> bytes:
        if raw not in self._asked:
            self._asked[raw] = endpoint_names(raw) if type_url == ENDPOINTS else route_names(raw)
        names = self._asked[raw]
        return v3.DeltaDiscoveryRequest(type_url=type_url, resource_names_subscribe=names).SerializeToString()


def node(number: int) -> v3.Node:
    """A sidecar's, as Istio's proxies name themselves."""
    name, namespace = f"load-{number}", f"ns-{number % NAMESPACES}"
    address = f"10.{200 + number // 65000}.{number // 250 % 250}.{1 + number % 250}"
    metadata = v3.Struct()
    metadata.update({"NAME": name, "NAMESPACE": namespace, "LABELS": {"app": name}, "INSTANCE_IPS": address})
    return v3.Node(
        id=f"sidecar~{address}~{name}.{namespace}~{namespace}.svc.cluster.local", metadata=metadata, cluster=name
    )


def head_of(raw: bytes) -> tuple[str, str]:
    """Type and nonce of a response."""
    message = v3.DeltaDiscoveryResponse.FromString(raw)
    return message.type_url, message.nonce


def endpoint_names(raw: bytes) -> tuple[str, ...]:
    message = v3.DeltaDiscoveryResponse.FromString(raw)
    clusters = (v3.Cluster.FromString(each.resource.value) for each in message.resources)
    return tuple(each.name for each in clusters if each.type == v3.Cluster.DiscoveryType.Value("EDS"))


def route_names(raw: bytes) -> tuple[str, ...]:
    message = v3.DeltaDiscoveryResponse.FromString(raw)
    listeners = (v3.Listener.FromString(each.resource.value) for each in message.resources)
    filters = (one for each in listeners for chain in each.filter_chains for one in chain.filters)
    managers = (
        v3.HttpConnectionManager.FromString(one.typed_config.value)
        for one in filters
        if one.typed_config.type_url.endswith(".HttpConnectionManager")
    )
    return tuple(sorted({each.rds.route_config_name for each in managers if each.HasField("rds")}))
