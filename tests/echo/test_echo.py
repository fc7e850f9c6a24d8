"""Servers and calls of the echo, face to face."""

from __future__ import annotations

import asyncio
import json
import ssl
import tempfile
from typing import Any

import pytest

from tests.echo.calls import Answer, make_calls
from tests.echo.servers import Echo, listen
from tests.live_secrets import certificate_and_key

ANYWHERE = "127.0.0.1"


def _asked(order: dict[str, Any], **options: Any) -> list[Answer]:
    async def ask() -> list[Answer]:
        server = await listen(Echo("b"), ANYWHERE, 0, **options)
        async with server:
            port = server.sockets[0].getsockname()[1]
            return await make_calls({"address": ANYWHERE, "port": port, **order})

    return asyncio.run(ask())


def _told(answer: Answer) -> dict[str, Any]:
    told = json.loads(answer["body"].splitlines()[-1])
    assert isinstance(told, dict)
    return told


@pytest.mark.parametrize(
    ("order", "protocol"),
    [
        ({"scheme": "http"}, "HTTP/1.1"),
        ({"scheme": "http", "http2": True}, "HTTP/2.0"),
        ({"scheme": "grpc"}, "HTTP/2.0"),
    ],
)
def test_requests(order: dict[str, Any], protocol: str) -> None:
    sent = {"host": "b.test", "path": "/p?q", "headers": [("X-A", "1"), ("X-A", "2")], "count": 3}
    answers = _asked({**order, **sent})
    assert [answer["status"] for answer in answers] == [200, 200, 200]
    told = _told(answers[0])
    assert (told["app"], told["protocol"], told["host"], told["url"]) == ("b", protocol, "b.test", "/p?q")
    assert [value for name, value in told["headers"] if name.lower() == "x-a"] == ["1", "2"]
    assert answers[0].get("grpc_status", 0) == 0


def test_tls() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["h2"])
    with tempfile.NamedTemporaryFile() as file:
        file.write(certificate_and_key())
        file.flush()
        context.load_cert_chain(file.name)
    told = _told(_asked({"scheme": "https", "host": "b.test", "alpn": ["h2"]}, tls=context)[0])
    assert (told["protocol"], told["alpn"]) == ("HTTP/2.0", "h2")


def test_bytes() -> None:
    assert _told(_asked({"scheme": "tcp"})[0])["protocol"] == "TCP"
    first = _asked({"scheme": "tcp", "server_first": True}, is_first=True)[0]["body"].splitlines()
    assert json.loads(first[0])["first"]


def test_lines_without_carriage_returns() -> None:
    answer = _asked({"scheme": "tcp", "message": "PROXY TCP4 1.1.1.1 2.2.2.2 3 4\nGET / HTTP/1.0\n"})[0]
    assert answer["body"].startswith("HTTP/1.0 200 OK")
    assert _told(answer)["proxy_protocol"] == "PROXY TCP4 1.1.1.1 2.2.2.2 3 4"


def test_nobody_there() -> None:
    async def ask() -> list[Answer]:
        server = await listen(Echo("b"), ANYWHERE, 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        return await make_calls({"scheme": "http", "address": ANYWHERE, "port": port})

    assert "error" in asyncio.run(ask())[0]
