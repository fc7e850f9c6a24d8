"""The serving side: every port takes HTTP/1, HTTP/2 and plain bytes, and answers in JSON what it received."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any

from tests.echo import http1, http2
from tests.echo.hpack import Header

_METHODS = (b"GET ", b"HEAD", b"POST", b"PUT ", b"DELE", b"OPTI", b"PATC", b"CONN")


class Echo:
    """One application: what it is called, and what it has seen."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.seen: Counter[str] = Counter()
        """Requests by path."""

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_first: bool = False
    ) -> None:
        """One connection, to its end: a proxy keeps it as long as it likes. `is_first`: the server speaks first."""
        try:
            if is_first:
                writer.write(self._told(writer, protocol="TCP", first=True))
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the peer's business
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        start = await reader.read(4)
        proxied = ""
        if start == b"PROX":
            proxied = (start + await reader.readline()).decode().strip()
            start = await reader.read(4)
        if start == http2.PREFACE[:4]:
            await reader.readexactly(len(http2.PREFACE) - len(start))
            await self._http2(reader, writer)
        elif start in _METHODS:
            await self._http1(reader, writer, start, proxied)
        elif start:
            writer.write(self._told(writer, protocol="TCP", proxy_protocol=proxied))
            await writer.drain()

    async def _http1(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, start: bytes, proxied: str
    ) -> None:
        while (head := await http1.read_head(reader, start)) is not None:
            start = b""
            await http1.read_body(reader, head, to_the_end=False)
            method, url, version = head.words
            body = self._request(writer, version, method, url, head.first("host"), head.headers, proxied)
            close = version == "HTTP/1.0" or head.first("connection").lower() == "close"
            headers = [("content-type", "application/json"), *([("connection", "close")] if close else [])]
            writer.write(http1.message(f"{version} 200 OK", headers, body))
            await writer.drain()
            if close:
                return

    async def _http2(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = http2.Connection(reader, writer)
        while True:
            message = await connection.receive()
            pseudo = {name: value for name, value in message.headers if name.startswith(":")}
            headers = [pair for pair in message.headers if not pair[0].startswith(":")]
            is_grpc = dict(headers).get("content-type", "").startswith(http2.GRPC)
            host = pseudo.get(":authority", "")
            body = self._request(writer, "HTTP/2.0", pseudo[":method"], pseudo[":path"], host, headers)
            if is_grpc:
                sent = [(":status", "200"), ("content-type", http2.GRPC)]
                connection.send(message.stream, sent, http2.grpc_message(body), [("grpc-status", "0")])
            else:
                connection.send(message.stream, [(":status", "200"), ("content-type", "application/json")], body)
            await writer.drain()

    def _request(
        self,
        writer: asyncio.StreamWriter,
        protocol: str,
        method: str,
        url: str,
        host: str,
        headers: list[Header],
        proxied: str = "",
    ) -> bytes:
        self.seen[url.partition("?")[0]] += 1
        fields: dict[str, object] = {"method": method, "url": url, "host": host, "headers": headers}
        return self._told(writer, protocol=protocol, proxy_protocol=proxied, **fields)

    def _told(self, writer: asyncio.StreamWriter, **fields: object) -> bytes:
        peer, own = writer.get_extra_info("peername"), writer.get_extra_info("sockname")
        tls = writer.get_extra_info("ssl_object")
        alpn = tls.selected_alpn_protocol() if tls is not None else None
        told = {"app": self._name, "port": own[1], "peer": peer[0], "alpn": alpn, "client": _client(tls), **fields}
        return json.dumps(told).encode() + b"\n"


def _client(tls: ssl.SSLObject | None) -> str:
    """The subject of a client's certificate; empty without one."""
    shown = tls.getpeercert() if tls is not None else None
    return f"CN={_common_name(shown)}" if shown else ""


def _common_name(certificate: Mapping[str, Any]) -> str:
    """As `ssl` tells the subject: a sequence of sets of pairs."""
    return str(dict(pair for pairs in certificate["subject"] for pair in pairs).get("commonName", ""))


async def listen(
    echo: Echo, address: str, port: int, *, tls: ssl.SSLContext | None = None, is_first: bool = False
) -> asyncio.Server:
    """Serve a port."""
    return await asyncio.start_server(partial(echo.serve, is_first=is_first), address, port, backlog=512, ssl=tls)
