"""When probes are due and what they conclude, on a clock that jumps; and how they look, on loopback."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from meshgate.api import Container, ContainerPort, ExecAction, HTTPGetAction, HTTPHeader, Probe
from meshgate.host.probes import NetworkView, check_http, check_tcp, port_number, run_probes
from tests.host.quick_loop import run_quickly


class Heard:
    """Notes what it is told, with the second."""

    def __init__(self) -> None:
        self.told: list[tuple[float, str]] = []

    def _note(self, what: str) -> None:
        self.told.append((round(asyncio.get_running_loop().time(), 3), what))

    def set_ready(self, is_ready: bool, reason: str) -> None:
        if not self.told or self.told[-1][1] != f"ready={is_ready}":
            self._note(f"ready={is_ready}")

    def set_started(self) -> None:
        self._note("started")

    async def restart(self, reason: str) -> None:
        self._note(f"restart: {reason}")


def _probe(**fields: int) -> Probe:
    return Probe(exec=ExecAction(), **fields)  # type: ignore[arg-type] # all its numbers are int


def _told(
    container: Container, healthy: Callable[[Probe, float], bool], seconds: float = 60
) -> list[tuple[float, str]]:
    heard = Heard()

    async def check(probe: Probe) -> str:
        return "" if healthy(probe, asyncio.get_running_loop().time()) else "ill"

    async def run() -> None:
        try:
            async with asyncio.timeout(seconds):
                await run_probes(container, check, heard)
        except TimeoutError:
            pass

    run_quickly(run())
    return heard.told


def test_container_without_probes_is_ready_at_once() -> None:
    assert _told(Container(name="app"), lambda *_: False) == [(0, "started"), (0, "ready=True")]


def test_readiness_is_tried_eagerly_until_it_succeeds_once() -> None:
    container = Container(name="app", readiness_probe=_probe(period_seconds=10))
    told = _told(container, lambda _, now: now > 0.3)
    assert told[1] == (0.0, "ready=False")
    assert told[2][1] == "ready=True"
    assert told[2][0] < 0.6


def test_readiness_is_lost_after_the_threshold_and_comes_back() -> None:
    container = Container(name="app", readiness_probe=_probe(period_seconds=10, failure_threshold=2))
    told = _told(container, lambda _, now: not 15 < now < 35, 60)
    assert told == [(0, "started"), (0, "ready=True"), (30, "ready=False"), (40, "ready=True")]


def test_success_threshold_counts_in_a_row() -> None:
    container = Container(name="app", readiness_probe=_probe(period_seconds=1, success_threshold=3))
    told = _told(container, lambda _, now: now > 5 and round(now) != 7, 30)
    assert told[-1][1] == "ready=True"
    assert told[-1][0] > 9


def test_delay_comes_first() -> None:
    container = Container(name="app", readiness_probe=_probe(initial_delay_seconds=7))
    assert _told(container, lambda *_: True) == [(0, "started"), (7, "ready=True")]


def test_liveness_restarts_after_the_threshold() -> None:
    container = Container(name="app", liveness_probe=_probe(period_seconds=5, failure_threshold=3))
    told = _told(container, lambda _, now: now < 12, 40)
    assert told[2:] == [(25, "restart: Liveness probe failed: ill"), (40, "restart: Liveness probe failed: ill")][:1]


def test_nothing_else_is_asked_before_startup_succeeds() -> None:
    startup = _probe(period_seconds=2, failure_threshold=30)
    container = Container(name="app", startup_probe=startup, liveness_probe=_probe(period_seconds=1))
    asked: list[float] = []

    def healthy(probe: Probe, now: float) -> bool:
        if probe is container.liveness_probe:
            asked.append(now)
        return now >= 9

    assert _told(container, healthy, 20)[0] == (10, "started")
    assert min(asked) == 10


def test_startup_that_never_comes_restarts() -> None:
    container = Container(name="app", startup_probe=_probe(period_seconds=1, failure_threshold=3))
    assert _told(container, lambda *_: False, 4)[0] == (2, "restart: Startup probe failed: ill")


def test_probe_that_hangs_has_failed() -> None:
    heard = Heard()

    async def check(_: Probe) -> str:
        await asyncio.sleep(100)
        return ""

    async def run() -> None:
        try:
            async with asyncio.timeout(10):
                container = Container(name="app", readiness_probe=_probe(timeout_seconds=2))
                await run_probes(container, check, heard)
        except TimeoutError:
            pass

    run_quickly(run())
    assert heard.told[1] == (2, "ready=False")


# --- looking ------------------------------------------------------------------------------------------------------

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def _server(answer: bytes, seen: list[bytes]) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
def here() -> NetworkView:
    if os.geteuid() != 0:
        pytest.skip("entering a network namespace needs root")
    return NetworkView(netns_fd=os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC), address="127.0.0.1")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", ""),
        (b"HTTP/1.0 302 Found\r\n\r\n", ""),
        (b"HTTP/1.1 503 Ill\r\n\r\n", "HTTP probe failed with statuscode: 503"),
        (b"SSH-2.0-x\r\n", "the answer is not HTTP"),
        (b"", "the answer is not HTTP"),
    ],
)
def test_http_looks_at_the_status(here: NetworkView, answer: bytes, reason: str) -> None:
    seen: list[bytes] = []

    async def run() -> str:
        async with _server(answer, seen) as port:
            headers = (HTTPHeader(name="Host", value="shop"), HTTPHeader(name="X-A", value="b"))
            action = HTTPGetAction(port=port, path="/ok?a=b", http_headers=headers)
            return await check_http(action, Container(name="app"), here)

    found = asyncio.run(run())
    assert found.endswith(reason)
    assert bool(found) == bool(reason)
    assert seen[0].startswith(b"GET /ok?a=b HTTP/1.1\r\nHost: shop\r\nX-A: b\r\n")
    assert seen[0].lower().count(b"host:") == 1
    os.close(here.netns_fd)


def test_port_that_nobody_listens_on_refuses(here: NetworkView) -> None:
    async def run() -> tuple[str, str, str]:
        async with _server(b"", []) as port:
            open_port = await check_tcp(port, "", Container(name="app"), here)
        refused = await check_tcp(port, "", Container(name="app"), here)
        http = await check_http(HTTPGetAction(port=port), Container(name="app"), here)
        return open_port, refused, http

    found = asyncio.run(run())
    assert found[0] == ""
    assert found[1].endswith("connection refused")
    assert found[2].endswith("connection refused")
    os.close(here.netns_fd)


def test_ports_have_numbers_and_names() -> None:
    container = Container(name="app", ports=(ContainerPort(container_port=8080, name="http"),))
    assert [port_number(port, container) for port in (80, "81", "http")] == [80, 81, 8080]
    with pytest.raises(ValueError, match='has no port named "grpc"'):
        port_number("grpc", container)
