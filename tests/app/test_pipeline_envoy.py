"""From YAML in the store to a request that obeys it: a live Envoy as gateway, no namespaces."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from meshgate.envoy import BootstrapInput, ProxyPorts, bootstrap, envoy_arguments
from meshgate.host.envoy_binary import find_envoy
from meshgate.store.core import StatusFault
from tests.app.rig import Rig, running
from tests.live_envoy import free_ports

pytestmark = [pytest.mark.envoy, pytest.mark.slow]

DEADLINE_S = 60
GATEWAY_POD = """
apiVersion: v1
kind: Pod
metadata: {name: door, labels: {app: door}}
spec:
  containers: [{name: istio-proxy, args: [proxy, router]}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: door}
spec:
  selector: {app: door}
  servers: [{port: {number: PORT, name: http, protocol: HTTP}, hosts: ["*"]}]
"""
BACKEND = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: NAME}
spec:
  hosts: [NAME.example.com]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: PORT}]
  endpoints: [{address: 127.0.0.1}]
"""
ROUTE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: route}
spec:
  hosts: ["*"]
  gateways: [door]
  http:
  - name: MARK
    route: [{destination: {host: NAME.example.com}}]
    headers: {response: {set: {x-mark: MARK}}}
"""


class Mesh:
    """The rig with one gateway, whose Envoy is real."""

    def __init__(self, rig: Rig, port: int, backends: dict[str, int]) -> None:
        self.rig = rig
        self.port = port
        self.backends = backends

    async def route(self, name: str, mark: str) -> None:
        await self.rig.apply(ROUTE.replace("NAME", name).replace("MARK", mark))

    async def applied(self) -> None:
        await self.rig.status.wait_applied(self.rig.store.revision.value)

    async def get(self) -> tuple[int, str, str]:
        """Status, body, and the header that a route sets."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(b"GET / HTTP/1.1\r\nhost: a.example.org\r\nconnection: close\r\n\r\n")
            head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
            lines = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:])
            return int(head.split()[1]), body.strip(), lines.get("x-mark", "")
        finally:
            writer.close()


@asynccontextmanager
async def backend(name: str) -> AsyncIterator[int]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(name)}\r\n\r\n{name}".encode())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def gateway_envoy(rig: Rig, directory: Path) -> AsyncIterator[None]:
    """The gateway pod's Envoy, connected."""
    name = rig.set_pod(rig.pods("door")[0], "127.0.0.1")
    await rig.built()
    proxy = rig.pipeline.built.value.proxies[name]
    ports = dict(zip(("admin", "status", "readiness", "prometheus"), free_ports(4), strict=True))
    socket = directory / "xds.sock"
    given = BootstrapInput(
        proxy=proxy,
        xds_socket=str(socket),
        admin_socket=str(directory / "admin.sock"),
        ports=ProxyPorts(**ports, wildcard="127.0.0.1"),
    )
    (directory / "bootstrap.json").write_bytes(bootstrap(given))
    await rig.ads.open(name, socket)
    arguments = envoy_arguments(str(directory / "bootstrap.json"), concurrency=1)
    with (directory / "log").open("wb") as log:
        envoy = await asyncio.create_subprocess_exec(find_envoy(), *arguments, stdout=log, stderr=log)
    try:
        await rig.ads.state.wait_for(lambda state: state[name].connected and state[name].synced)
        yield
        assert envoy.returncode is None, (directory / "log").read_text()
    finally:
        if envoy.returncode is None:
            envoy.send_signal(signal.SIGKILL)
        await envoy.wait()


@asynccontextmanager
async def mesh() -> AsyncIterator[Mesh]:
    directory = Path(tempfile.mkdtemp(prefix="mg-app-", dir="/tmp"))
    [port] = free_ports(1)
    edge = pytest.MonkeyPatch()
    edge.setattr("meshgate.app.proxies.EDGE_PATH", str(directory / "edge"))  # there is no view in which it would be
    try:
        async with backend("one") as one, backend("two") as two, running(directory) as rig:
            backends = {"one": one, "two": two}
            await rig.apply(GATEWAY_POD.replace("PORT", str(port)))
            for name, number in backends.items():
                await rig.apply(BACKEND.replace("NAME", name).replace("PORT", str(number)))
            await rig.built()
            async with gateway_envoy(rig, directory):
                yield Mesh(rig, port, backends)
    finally:
        edge.undo()
        shutil.rmtree(directory)


def run(test: Callable[[Mesh], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(DEADLINE_S), mesh() as made:
            await test(made)

    asyncio.run(bounded())


def test_requests_obey_what_is_applied() -> None:
    async def test(mesh: Mesh) -> None:
        await mesh.route("one", "first")
        await mesh.applied()
        assert await mesh.get() == (200, "one", "first")
        await mesh.route("two", "second")
        await mesh.applied()
        assert await mesh.get() == (200, "two", "second")
        await mesh.rig.delete("VirtualService", "route")
        await mesh.applied()
        assert (await mesh.get())[0] == 404

    run(test)


def test_a_service_that_comes_is_there_before_the_route_to_it() -> None:
    async def test(mesh: Mesh) -> None:
        await mesh.route("one", "start")
        await mesh.applied()
        statuses: list[int] = []
        done = asyncio.Event()

        async def ask() -> None:
            while not done.is_set():
                statuses.append((await mesh.get())[0])

        async with asyncio.TaskGroup() as group:
            group.create_task(ask())
            for number in range(10):
                name = f"n{number}"
                entry = BACKEND.replace("NAME", name).replace("PORT", str(mesh.backends["two"]))
                await mesh.rig.apply(entry + "---" + ROUTE.replace("NAME", name).replace("MARK", name))
                await mesh.applied()
                assert await mesh.get() == (200, "two", name)
                if number:
                    await mesh.rig.delete("ServiceEntry", f"n{number - 1}")
            done.set()
        assert set(statuses) == {200}

    run(test)


def test_what_envoy_refuses_is_told_of_its_object_and_harms_nothing_else() -> None:
    async def test(mesh: Mesh) -> None:
        await mesh.route("one", "good")
        await mesh.applied()
        taken = mesh.backends["two"]  # Envoy can't listen where somebody else does
        await mesh.rig.apply(
            GATEWAY_POD.partition("---")[2].replace("name: door}", "name: taken}").replace("PORT", str(taken))
        )
        with pytest.raises(StatusFault, match=r"refused by proxies.*bind"):
            await mesh.applied()
        assert {str(refusal.ref) for refusal in mesh.rig.status.refusals()} == {"Gateway/default/taken"}
        await mesh.route("one", "better")
        with pytest.raises(StatusFault, match="refused"):
            await mesh.applied()
        assert await mesh.get() == (200, "one", "better"), "what is not refused still arrives"
        await mesh.rig.delete("Gateway", "taken")
        await mesh.applied()
        assert mesh.rig.status.refusals() == ()

    run(test)


def test_an_apply_is_obeyed_soon() -> None:
    """The target is 50 ms with five pods; here a generous limit, for a machine that does other things too."""

    async def test(mesh: Mesh) -> None:
        await mesh.route("one", "m0")
        await mesh.applied()
        took = []
        for number in range(1, 21):
            began = time.perf_counter()
            await mesh.route("one", f"m{number}")
            while (await mesh.get())[2] != f"m{number}":
                pass
            took.append(time.perf_counter() - began)
        assert statistics.median(took) < 0.25, took
        print(f"median {1000 * statistics.median(took):.1f} ms, slowest {1000 * max(took):.1f} ms")

    run(test)
