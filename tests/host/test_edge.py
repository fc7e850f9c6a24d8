"""The edge in a real capsule: host ports lead to a gateway's socket, through crashes and restarts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from meshgate.aio import Latest
from meshgate.errors import EnvironmentFault
from meshgate.host.edge import CONTAINER_ID, Edge
from meshgate.host.edge_ports import EDGE_SOCKET, EdgeFacts, EdgeGateway, EdgeOptions
from meshgate.host.envoy_binary import find_envoy, load_schema
from meshgate.host.pods.building import MeshOnMachine
from meshgate.host.pods.places import Places
from meshgate.host.pods.users import UserIds
from meshgate.host.port_owner import check_ports, find_obstacle
from meshgate.host.runtime import Runtime
from meshgate.xds.server import AdsServer
from tests.host.capsules import DEADLINE_S, CapsuleUnderTest, capsule_under_test, until

pytestmark = [pytest.mark.e2e, pytest.mark.envoy, pytest.mark.slow]

UID = "uid-gateway"
PROXY_HEADER = b"\r\n\r\n\x00\r\nQUIT\n"
PROXY_HEADER_BYTES = 28


def free_port() -> int:
    """Below the ports that the kernel gives to clients, so that none of those takes it meanwhile."""
    return next(port for _ in range(1000) if not find_obstacle("127.0.0.1", port := random.randrange(20000, 32000)))


class Gateway:
    """The gateway's end of the edge's socket."""

    def __init__(self, run: Path, target: int) -> None:
        directory = run / "edge" / UID
        directory.mkdir(parents=True)
        self._sock = socket.socket(socket.AF_UNIX)
        path = directory / f"{EDGE_SOCKET}.{target}"
        self._sock.bind(str(path))
        path.chmod(0o666)
        self._sock.listen()
        self._sock.settimeout(DEADLINE_S)

    def answer_one(self) -> tuple[str, bytes]:
        """Take a connection: the client's address as the PROXY header tells it, and what the client says."""
        connection, _ = self._sock.accept()
        with connection:
            connection.settimeout(DEADLINE_S)
            received = b""
            while len(received) < PROXY_HEADER_BYTES + 5:
                received += connection.recv(1024)
            assert received.startswith(PROXY_HEADER)
            connection.sendall(b"answer")
            return socket.inet_ntoa(received[16:20]), received[PROXY_HEADER_BYTES:]

    def close(self) -> None:
        self._sock.close()


class Machine:
    """A control plane's parts around the edge."""

    def __init__(self, capsule: CapsuleUnderTest, http_port: int) -> None:
        data = capsule.directory
        self.client = capsule.connect()
        self.runtime = Runtime(self.client)
        self.ads = AdsServer()
        mesh = MeshOnMachine(
            objects={},  # type: ignore[arg-type]  # the edge is no pod
            places=Places(data=data, run=data / "r"),
            users=UserIds.of_mesh(str(data)),
            private=(str(data),),
            envoy=find_envoy(),
        )
        self.edge = Edge(self.runtime, self.ads, mesh, EdgeOptions(http_port=http_port, https_port=0))
        self.facts = Latest(EdgeFacts())

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Machine]:
        try:
            async with asyncio.timeout(DEADLINE_S * 3), asyncio.TaskGroup() as tasks:
                ready = asyncio.Event()
                task = tasks.create_task(self.edge.run(self.facts, ready=ready))
                await ready.wait()
                yield self
                task.cancel()
        finally:
            await self.ads.stop()
            self.runtime.close()

    def publish(self, *service_ports: tuple[int, int]) -> None:
        gateway = EdgeGateway(uid=UID, ports=frozenset(target for _, target in service_ports))
        self.facts.set(EdgeFacts(service_ports=service_ports, gateways=(gateway,)))


async def call(port: int, gateway: Gateway) -> tuple[str, bytes, bytes]:
    """A call to the host's port, as soon as somebody listens there."""

    def connected() -> socket.socket:
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
            except (ConnectionRefusedError, ConnectionResetError):  # reset: Envoy has only just begun to listen
                time.sleep(0.01)  # until the deadline of the caller

    def client() -> bytes:
        with connected() as connection:
            connection.sendall(b"hello")
            return connection.recv(64)

    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(asyncio.to_thread(client))
        served = tasks.create_task(asyncio.to_thread(gateway.answer_one))
    return *served.result(), asked.result()


Body = Callable[[CapsuleUnderTest, Gateway, int], Awaitable[None]]


def run(directory: Path, body: Body) -> None:
    load_schema()
    port = free_port()
    gateway = Gateway(directory / "r", 8080)
    with capsule_under_test(directory) as capsule:
        asyncio.run(body(capsule, gateway, port))  # type: ignore[arg-type]  # of coroutine functions
    gateway.close()


def test_a_host_port_leads_to_the_gateway_and_goes_with_the_facts(tmp_path: Path) -> None:
    async def body(capsule: CapsuleUnderTest, gateway: Gateway, port: int) -> None:
        machine = Machine(capsule, port)
        await machine.client.tell_ready({})
        async with machine.running():
            machine.publish((80, 8080), (15021, 15021))
            assert await call(port, gateway) == ("127.0.0.1", b"hello", b"answer")
            machine.facts.set(EdgeFacts())
            await machine.edge.state.wait_for(lambda state: not state.ports)
            async with asyncio.timeout(DEADLINE_S):
                while await asyncio.to_thread(answers, port):
                    pass
            await machine.edge.stop()
            table = await machine.client.table()
            assert table.children == ()
        machine.client.close()

    run(tmp_path, body)


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S).close()
    except OSError:
        return False
    return True


def test_an_envoy_that_dies_is_started_again(tmp_path: Path) -> None:
    async def body(capsule: CapsuleUnderTest, gateway: Gateway, port: int) -> None:
        machine = Machine(capsule, port)
        await machine.client.tell_ready({})
        async with machine.running():
            machine.publish((80, 8080))
            await call(port, gateway)
            before = machine.runtime.state(CONTAINER_ID)
            await machine.runtime.signal(CONTAINER_ID, signal.SIGKILL)
            await until(lambda: machine.runtime.state(CONTAINER_ID) not in (None, before))
            await until(lambda: (state := machine.runtime.state(CONTAINER_ID)) is not None and state.is_running)
            assert (await call(port, gateway))[2] == b"answer"
            await machine.edge.stop()
        machine.client.close()

    run(tmp_path, body)


def test_after_a_restart_the_same_envoy_goes_on(tmp_path: Path) -> None:
    async def body(capsule: CapsuleUnderTest, gateway: Gateway, port: int) -> None:
        first = Machine(capsule, port)
        await first.client.tell_ready({})
        async with first.running():
            first.publish((80, 8080))
            await call(port, gateway)
            before = first.runtime.state(CONTAINER_ID)
        capsule.kill_control_plane(first.client)
        assert (await call(port, gateway))[2] == b"answer"

        second = Machine(capsule, port)
        await second.runtime.adopt()
        async with second.running():
            second.publish((80, 8080))
            state = await second.edge.state.wait_for(lambda state: bool(state.ports or state.taken))
            assert [each.port for each in state.ports] == [port], state.taken
            assert (await call(port, gateway))[2] == b"answer"
            after = second.runtime.state(CONTAINER_ID)
            assert before is not None
            assert after is not None
            assert after.pid == before.pid
            await second.edge.stop()
        second.client.close()

    run(tmp_path, body)


def test_a_port_that_is_taken_is_told_and_had_once_it_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshgate.host.edge.TRY_AGAIN_S", 0.05)

    async def body(capsule: CapsuleUnderTest, gateway: Gateway, port: int) -> None:
        machine = Machine(capsule, port)
        await machine.client.tell_ready({})
        async with machine.running():
            with socket.create_server(("127.0.0.1", port)):
                machine.publish((80, 8080))
                state = await machine.edge.state.wait_for(lambda state: bool(state.taken))
                assert state.ports == ()
                assert f"port {port} on 127.0.0.1 is taken by " in state.taken[0].reason
                assert f"(pid {os.getpid()})" in state.taken[0].reason
            assert (await call(port, gateway))[2] == b"answer"
            assert machine.edge.state.value.taken == ()
            await machine.edge.stop()
        machine.client.close()

    run(tmp_path, body)


def test_a_taken_port_is_refused_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(EnvironmentFault, match=f"port {port} on 127.0.0.1 is taken by ") as caught:
            check_ports("127.0.0.1", [("--http-port", 0), ("--https-port", port)])
    assert caught.value.hint == "choose another port with --https-port, or none with --https-port 0"
    check_ports("127.0.0.1", [("--http-port", 0), ("--https-port", port)])
