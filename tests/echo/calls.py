"""The calling side: one order, so many calls, and what came of each."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import dns.asyncresolver
import dns.exception

from tests.echo import http1, http2
from tests.echo.hpack import Header

_AT_ONCE = 10
_STREAM = 1
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

Order = Mapping[str, Any]
"""`scheme` (http, https, grpc, tcp, dns), `address`, `port`; and if they matter `host`, `path`, `method`, `headers`,
`http2`, `alpn`, `sni`, `message`, `server_first`, `follow_redirects`, `count`, `timeout_s`. With dns the address is a
name with options, `name?protocol=tcp&server=10.0.0.1`."""
Answer = dict[str, Any]
"""`error`, or `status`, `headers`, `body` (text), with gRPC `grpc_status`."""


async def make_calls(order: Order) -> list[Answer]:
    """All calls of an order, some at a time, each on a connection of its own."""
    limit = asyncio.Semaphore(_AT_ONCE)

    async def one() -> Answer:
        async with limit:
            return await _call(order)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one()) for _ in range(order.get("count", 1))]
    return [task.result() for task in tasks]


async def _call(order: Order) -> Answer:
    try:
        async with asyncio.timeout(order.get("timeout_s", 5.0)):
            answer = await (_dns(order) if order["scheme"] == "dns" else _exchange(order))
            while order.get("follow_redirects") and answer["status"] in _REDIRECTS:
                order = _redirected(order, answer)
                answer = await _exchange(order)
            return answer
    except TimeoutError:
        return {"error": "timeout"}
    except (OSError, EOFError, ValueError, IndexError) as error:
        return {"error": f"{type(error).__name__}: {error}"}


async def _exchange(order: Order) -> Answer:
    tls = _tls(order) if order["scheme"] == "https" else None
    name = (order.get("sni") or order.get("host") or order["address"]) if tls else None
    reader, writer = await asyncio.open_connection(order["address"], order["port"], ssl=tls, server_hostname=name)
    try:
        if order["scheme"] == "tcp":
            return await _tcp(order, reader, writer)
        negotiated = writer.get_extra_info("ssl_object").selected_alpn_protocol() if tls else ""
        if order.get("http2") or order["scheme"] == "grpc" or negotiated == "h2":
            return await _http2(order, reader, writer)
        return await _http1(order, reader, writer)
    finally:
        writer.close()


def _redirected(order: Order, answer: Answer) -> Order:
    location = urlsplit(next(value for name, value in answer["headers"] if name.lower() == "location"))
    own = {"scheme": location.scheme, "address": location.hostname, "port": location.port or order["port"]}
    return {**order, **own, "host": location.netloc, "path": location.path}


async def _dns(order: Order) -> Answer:
    """`body` has an address a line. Without a server: the first one of resolv.conf."""
    name, _, query = order["address"].partition("?")
    options = dict(parse_qsl(query))
    resolver = dns.asyncresolver.Resolver()
    if "server" in options:
        resolver.nameservers = [options["server"]]
    is_tcp = options.get("protocol") == "tcp"
    found = []
    for kind in ("A", "AAAA"):
        try:
            found += [str(one) for one in await resolver.resolve(name, kind, tcp=is_tcp, raise_on_no_answer=False)]
        except dns.exception.DNSException as error:
            raise OSError(str(error)) from error
    return {"status": 200, "headers": [], "body": "\n".join(found)}


async def _tcp(order: Order, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Answer:
    received = await reader.readuntil(b"\n") if order.get("server_first") else b""
    writer.write(f"{order.get('message') or 'hello'}\n".encode())
    while part := await reader.read(65536):
        received += part
    if not received:
        raise EOFError("the connection was closed without an answer")
    return {"status": 200, "headers": [], "body": received.decode("latin-1")}


async def _http1(order: Order, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Answer:
    headers = [("Host", _host(order)), *_headers(order), ("Connection", "close")]
    writer.write(http1.message(f"{order.get('method', 'GET')} {order.get('path', '/')} HTTP/1.1", headers))
    head = await http1.read_head(reader)
    if head is None:
        raise EOFError("the connection was closed without an answer")
    body = await http1.read_body(reader, head, to_the_end=True)
    return {"status": int(head.words[1]), "headers": head.headers, "body": body.decode("latin-1")}


async def _http2(order: Order, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Answer:
    writer.write(http2.PREFACE)
    connection = http2.Connection(reader, writer)
    is_grpc = order["scheme"] == "grpc"
    pseudo = [
        (":method", "POST" if is_grpc else order.get("method", "GET")),
        (":scheme", "https" if order["scheme"] == "https" else "http"),
        (":authority", _host(order)),
        (":path", order.get("path", "/")),
    ]
    own = [("content-type", http2.GRPC), ("te", "trailers")] if is_grpc else []
    sent = [*pseudo, *own, *((name.lower(), value) for name, value in _headers(order))]
    connection.send(_STREAM, sent, http2.grpc_message(b"hello") if is_grpc else b"")
    message = await connection.receive()
    fields = dict(message.headers)
    body = message.body[5:] if is_grpc else message.body
    answer = {"status": int(fields[":status"]), "headers": message.headers, "body": body.decode("latin-1")}
    return {**answer, "grpc_status": int(fields["grpc-status"])} if "grpc-status" in fields else answer


def _host(order: Order) -> str:
    host = order.get("host") or order["address"]
    return str(host)


def _headers(order: Order) -> list[Header]:
    return [(name, value) for name, value in order.get("headers", [])]


def _tls(order: Order) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if order.get("alpn"):
        context.set_alpn_protocols(list(order["alpn"]))
    return context
