"""The admin interfaces of pods' proxies, for those who only look: with a stand-in for the kubelet and for Envoy."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from meshgate.host.kubelet import Kubelet
from meshgate.host.proxies import HostProxies
from meshgate.store.core import StatusFault

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
REFUSED = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 8\r\n\r\nbad mask"


class _Kubelet:
    """One pod, `web`, with a proxy at this socket; or without any."""

    def __init__(self, socket: Path | None) -> None:
        self._sidecar = SimpleNamespace(admin_socket=socket) if socket else None

    def worker(self, namespace: str, name: str) -> SimpleNamespace | None:
        return SimpleNamespace(sidecar=self._sidecar) if (namespace, name) == ("shop", "web") else None


def asked(socket: Path | None, answer: bytes = b"", pod: str = "web") -> tuple[bytes, list[bytes]]:
    """What is answered, and the first lines of what Envoy heard."""
    heard: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0])
        writer.write(answer)
        writer.close()

    async def talk() -> bytes:
        server = await asyncio.start_unix_server(handle, str(socket)) if socket and answer else None
        try:
            return await HostProxies(cast(Kubelet, _Kubelet(socket))).ask("shop", pod, "/config_dump?mask=a,b")
        finally:
            if server is not None:
                server.close()

    return asyncio.run(talk()), heard


def test_an_answer_is_handed_on(tmp_path: Path) -> None:
    assert asked(tmp_path / "admin", OK) == (b"{}", [b"GET /config_dump?mask=a,b HTTP/1.1"])


@pytest.mark.parametrize("pod", ["web", "other"])
def test_a_pod_that_has_not_come_up(pod: str) -> None:
    with pytest.raises(StatusFault, match=r'container "istio-proxy" in pod ".*" is waiting to start') as fault:
        asked(None, pod=pod)
    assert fault.value.code == 400


def test_a_proxy_that_does_not_run(tmp_path: Path) -> None:
    with pytest.raises(StatusFault, match='the proxy of pod "web" does not run: its admin interface') as fault:
        asked(tmp_path / "admin")
    assert (fault.value.code, fault.value.hint) == (503, "meshgate get pod web, meshgate logs web -c istio-proxy")


def test_a_proxy_that_is_broken_off(tmp_path: Path) -> None:
    with pytest.raises(StatusFault, match="does not run"):
        asked(tmp_path / "admin", b"HTTP/1.1")


def test_a_proxy_that_refuses(tmp_path: Path) -> None:
    with pytest.raises(StatusFault, match=r'the proxy of pod "web" refuses /config_dump\?mask=a,b: bad mask') as fault:
        asked(tmp_path / "admin", REFUSED)
    assert fault.value.code == 502
