"""A running mesh with the environment in it, and how to make its applications call each other."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from meshgate.api import Kind, kind_of
from meshgate.cli.connection import api_socket
from meshgate.client import Client, Selection
from tests.conformance.cases import Raw
from tests.conformance.integration.cases import Environment
from tests.conformance.integration.live.environment import APPS, CONTROL_PORT, Addresses, objects_to_run
from tests.e2e.mesh import Mesh, is_ready, running_mesh
from tests.echo.calls import Answer, Order, make_calls

T = TypeVar("T")
_READY_S = 120.0
_APPLIED_S = 30
_POLL_S = 0.05
_GATEWAY = "components.egressGateways[0]"
_EGRESS_GATEWAY = ("--set", f"{_GATEWAY}.name=istio-egressgateway", "--set", f"{_GATEWAY}.enabled=true")
_OUTSIDE = "ingressgateway"
"""The source of calls that come from outside, to the gateway."""


class EchoMesh:
    """The mesh, while it runs."""

    def __init__(self, client: Client, gateway: str, pods: dict[str, str], addresses: Addresses) -> None:
        self._client, self._gateway, self._pods, self.addresses = client, gateway, pods, addresses

    @contextlib.asynccontextmanager
    async def applied(self, config: Sequence[Raw]) -> AsyncIterator[None]:
        """The objects at every proxy, for as long as this lasts. `Refused` if one is not accepted."""
        objects = [self.addresses.mapped_object(raw) for raw in config]
        if not objects:
            yield
            return
        done = await self._client.transact(objects)
        try:
            await self._client.wait_applied(_APPLIED_S, done.resource_version)
            yield
        finally:
            done = await self._client.transact(objects, mode="delete", ignore_missing=True)
            await self._client.wait_applied(_APPLIED_S, done.resource_version)

    async def call(self, source: str, order: Order) -> list[Answer]:
        """What came of an order that an application, or a client outside, carries out."""
        address = order["address"].replace("<ingress gateway>", self._gateway)
        mapped = {**order, "address": self.addresses.mapped(address), "host": self.addresses.mapped(order["host"])}
        if source == _OUTSIDE:
            return await make_calls(mapped)
        answers: list[Answer] = await self._order(source, {"call": mapped})
        return answers

    async def seen(self, app: str, path: str) -> int:
        """How many requests for this path an application has got."""
        number: int = await self._order(app, {"seen": path})
        return number

    async def _order(self, app: str, order: object) -> Any:
        reader, writer = await asyncio.open_connection(self._pods[app], CONTROL_PORT, limit=1 << 24)
        writer.write(json.dumps(order).encode() + b"\n")
        line = await reader.readline()
        writer.close()
        return json.loads(line)


@contextlib.asynccontextmanager
async def connected(mesh: Mesh, environment: Environment) -> AsyncIterator[EchoMesh]:
    """The environment in the mesh, all of it ready."""
    async with Client(api_socket(mesh.data_dir)) as client:
        await client.transact(list(objects_to_run(environment)))
        pods = await _waited(lambda: _ready_pods(client))
        gateway = await _waited(lambda: _gateway_address(client))
        real = {one: given async for one, given in _real_addresses(client, environment, pods)}
        yield EchoMesh(client, gateway, pods, Addresses(real))


async def _waited(condition: Callable[[], Awaitable[T | None]]) -> T:
    end = time.monotonic() + _READY_S
    while (found := await condition()) is None:
        if time.monotonic() > end:
            raise AssertionError(f"not within {_READY_S} s: {condition}")
        await asyncio.sleep(_POLL_S)
    return found


async def _ready_pods(client: Client) -> dict[str, str] | None:
    """Application to address, when all are ready, the gateway too."""
    listed = (await client.list(_kind("v1", "Pod"), Selection(namespace="")))["items"]
    ready = {pod["metadata"]["labels"].get("app"): pod["status"]["podIP"] for pod in listed if is_ready(pod)}
    needed = {*APPS, "istio-ingressgateway", "istio-egressgateway"}
    return ready if needed <= ready.keys() else None


async def _gateway_address(client: Client) -> str | None:
    service = await client.get(_kind("v1", "Service"), "istio-ingressgateway", "istio-system")
    given = service.get("status", {}).get("loadBalancer", {}).get("ingress", [])
    return given[0]["ip"] if given else None


async def _real_addresses(
    client: Client, environment: Environment, pods: dict[str, str]
) -> AsyncIterator[tuple[str, str]]:
    for app in environment.apps:
        name = app["service"]
        if name not in APPS:
            continue
        yield app["pod_ip"], pods[name]
        if app["cluster_ip"]:
            service = await client.get(_kind("v1", "Service"), name, app["namespace"])
            yield app["cluster_ip"], service["spec"]["clusterIP"]


def _kind(api_version: str, name: str) -> Kind:
    kind = kind_of(api_version, name)
    assert kind is not None
    return kind


class Run(Protocol):
    """Runs a job in the mesh and gives its result."""

    def __call__(self, job: Callable[[EchoMesh], Coroutine[Any, Any, T]]) -> T: ...


@contextlib.contextmanager
def started(environment: Environment) -> Iterator[Run]:
    """A mesh with the environment in it, for as long as the context lasts."""
    with running_mesh(*_EGRESS_GATEWAY) as mesh, asyncio.Runner() as runner:
        context = connected(mesh, environment)
        echoes = runner.run(context.__aenter__())

        def run(job: Callable[[EchoMesh], Coroutine[Any, Any, T]]) -> T:
            return runner.run(job(echoes))

        try:
            yield run
        finally:
            runner.run(context.__aexit__(None, None, None))
