"""How a sidecar is watched: a stand-in for Envoy's admin socket, on a clock that jumps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import cast

from meshgate.api import Container
from meshgate.host.holder.shim import LineWriter, LogFile
from meshgate.host.pods.building import Building
from meshgate.host.pods.places import Places
from meshgate.host.sidecar import ProxyDoor, Sidecar, admin, ask_admin, not_ready
from tests.host.quick_loop import run_quickly


class _Pod:
    """As much of a Building as watching needs."""

    def __init__(self, directory: Path) -> None:
        self.places = Places(data=directory, run=directory).pod("u-1", "shop", "web")
        self.places.admin.mkdir(parents=True)


class _Heard:
    def __init__(self) -> None:
        self.told: list[tuple[bool, str]] = []

    def set_ready(self, is_ready: bool, reason: str) -> None:
        if not self.told or self.told[-1] != (is_ready, reason):
            self.told.append((is_ready, reason))

    def set_started(self) -> None:
        pass

    async def restart(self, reason: str) -> None:
        raise AssertionError(reason)


async def _serve(path: Path, answer: Callable[[], bytes]) -> asyncio.Server:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer())
        writer.close()

    return await asyncio.start_unix_server(handle, str(path))


def _watch(directory: Path, seconds: float, answer: Callable[[], bytes] | None = None) -> list[tuple[bool, str]]:
    pod, heard = _Pod(directory), _Heard()
    log = pod.places.log("istio-proxy", 0)
    log.parent.mkdir(parents=True)
    writer = LineWriter("stderr", LogFile(str(log), 1 << 20, 2), lambda: 0)
    writer.feed(b"first\nlast\n")

    async def run() -> None:
        sidecar = Sidecar(cast(Building, pod), cast(ProxyDoor, None))
        server = await _serve(sidecar.admin_socket, answer) if answer else None
        try:
            async with asyncio.timeout(seconds):
                await sidecar.watch(Container(name="istio-proxy"), "pod/u-1/istio-proxy/0", heard)
        except TimeoutError:
            pass
        if server is not None:
            server.close()

    run_quickly(run())
    return heard.told


def test_envoy_that_never_becomes_ready_says_its_last_words(tmp_path: Path) -> None:
    told = _watch(tmp_path, 15)
    assert len(told) == 1
    is_ready, reason = told[0]
    assert not is_ready
    assert reason.startswith("Envoy has not become ready: its admin interface cannot be reached")
    assert reason.endswith("; its log ends with:\nfirst\nlast")


def test_admin_interface_is_asked_and_understood(tmp_path: Path) -> None:
    answers = {
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nLIVE\n": (200, "LIVE\n"),
        b"HTTP/1.1 503 No\r\ntransfer-encoding: chunked\r\n\r\n3\r\nPRE\r\n4\r\n_INI\r\n0\r\n\r\n": (503, "PRE_INI"),
    }

    async def run() -> None:
        for number, (answer, expected) in enumerate(answers.items()):
            path = tmp_path / str(number)
            server = await _serve(path, lambda answer=answer: answer)  # type: ignore[misc] # a lambda's default
            assert await admin(path, "GET", "/ready") == expected
            assert await not_ready(path) == ("" if expected[0] == 200 else "PRE_INI")
            server.close()

    asyncio.run(run())


def test_readiness_comes_and_goes(tmp_path: Path) -> None:
    count = 0

    def answer() -> bytes:
        nonlocal count
        count += 1
        is_ready = 3 <= count <= 5
        return b"HTTP/1.1 200 OK\r\n\r\nLIVE" if is_ready else b"HTTP/1.1 503 No\r\n\r\nDRAINING"

    told = _watch(tmp_path, 8, answer)
    assert told == [(True, ""), (False, "Envoy is not ready: DRAINING")]


def test_a_long_answer_comes_in_chunks(tmp_path: Path) -> None:
    parts = [bytes([number % 251]) * (number * 7) for number in range(1, 900)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    async def run() -> None:
        server = await _serve(tmp_path / "admin", lambda: head + chunks + b"0\r\n\r\n")
        assert await ask_admin(tmp_path / "admin", "GET", "/config_dump") == (200, b"".join(parts))
        server.close()

    asyncio.run(run())
