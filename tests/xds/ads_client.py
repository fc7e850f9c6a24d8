"""A bare delta client over gRPC, for tests of the server without an Envoy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio

from meshgate.proto import v3
from tests.xds.playbook import SHORT

SERVICE = "/envoy.service.discovery.v3.AggregatedDiscoveryService/"
DEADLINE_S = 5


class AdsClient:
    def __init__(self, call: Any, *, world: bool) -> None:
        self._call = call
        self._world = world

    async def say(
        self,
        short: str,
        *names: str,
        node: str = "",
        metadata: dict[str, Any] | None = None,
        nonce: str = "",
        error: str = "",
    ) -> None:
        said = v3.Node(id=node, metadata=metadata or {})
        detail = v3.RpcStatus(message=error) if error else None
        if self._world:
            request = v3.DiscoveryRequest(
                node=said,
                type_url=SHORT[short],
                resource_names=names,
                response_nonce=nonce,
                error_detail=detail,
            ).SerializeToString()
        else:
            request = v3.DeltaDiscoveryRequest(
                node=said,
                type_url=SHORT[short],
                resource_names_subscribe=names,
                response_nonce=nonce,
                error_detail=detail,
            ).SerializeToString()
        await self._call.write(request)

    async def ask(self, type_url: str, *names: str, node: str = "") -> None:
        """Subscribe, on a delta stream, to a type by its URL."""
        request = v3.DeltaDiscoveryRequest(node={"id": node}, type_url=type_url, resource_names_subscribe=names)
        await self._call.write(request.SerializeToString())

    async def acknowledge(self, response: v3.DeltaDiscoveryResponse) -> None:
        request = v3.DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce)
        await self._call.write(request.SerializeToString())

    async def hear(self) -> v3.DeltaDiscoveryResponse:
        async with asyncio.timeout(DEADLINE_S):
            return v3.DeltaDiscoveryResponse.FromString(await self._call.read())

    async def hear_world(self) -> v3.DiscoveryResponse:
        async with asyncio.timeout(DEADLINE_S):
            return v3.DiscoveryResponse.FromString(await self._call.read())

    async def status(self) -> tuple[grpc.StatusCode, str]:
        async with asyncio.timeout(DEADLINE_S):
            return await self._call.code(), await self._call.details()

    async def close(self) -> None:
        await self._call.done_writing()


@asynccontextmanager
async def ads_client(target: str, *, world: bool = False) -> AsyncIterator[AdsClient]:
    method = "StreamAggregatedResources" if world else "DeltaAggregatedResources"
    async with grpc.aio.insecure_channel(target) as channel:
        # grpc-stubs know neither raw bytes nor a call whose requests are written one by one
        call = channel.stream_stream(SERVICE + method)()  # type: ignore[call-arg]
        yield AdsClient(call, world=world)
