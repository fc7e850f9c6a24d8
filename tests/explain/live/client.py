"""Send an imaginary call for real.

The connection begins with a PROXY line that names the call's own addresses: Envoy's `proxy_protocol` listener filter
restores the destination from it just as `original_dst` does after a redirection, so no packet has to be redirected.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import tempfile
from functools import cache

from msgspec import Struct

from meshgate.explain import Call
from meshgate.proto import v3
from tests.explain.live.echo import name_in, request_in
from tests.explain.live.http2 import http2_answer, http2_request
from tests.live_secrets import secret_body

_DEADLINE_S = 10.0
_NOT_HTTP = b"hello, is this a mail server?\r\n"
_MOST = 65536
_TLS_RECORDS = (b"\x15", b"\x16")
"""Alert and handshake: what a peer that speaks TLS begins with."""


class Answer(Struct, frozen=True, kw_only=True):
    """What came back."""

    status: int | None = None
    """None: no HTTP answer. 0: one whose status was not read (HTTP/2)."""
    cluster: str = ""
    """The upstream that answered."""
    location: str = ""
    route: str = ""
    """The name of the route, as Envoy adds it to answers."""
    headers: tuple[tuple[str, str], ...] = ()
    """Of the answer, if it is HTTP/1.1."""
    forwarded: bytes = b""
    """The request as the upstream got it, if that was HTTP/1.1."""


def send(call: Call, port: int) -> Answer:
    """The answer of the Envoy that listens on this port of 127.0.0.1."""
    with socket.create_connection(("127.0.0.1", port), timeout=_DEADLINE_S) as connection:
        connection.sendall(_proxy_line(call))
        try:
            received = _exchange(connection, call, _payload(call))
        except ConnectionError:
            return Answer()
    return _answer(call, received)


def _proxy_line(call: Call) -> bytes:
    is_v6 = ":" in call.address
    source = call.source_address or ("2001:db8::77" if is_v6 else "192.0.2.77")
    line = f"PROXY {'TCP6' if is_v6 else 'TCP4'} {source} {call.address} {call.source_port or 40000} {call.port}\r\n"
    return line.encode()


def _payload(call: Call) -> bytes:
    if call.protocol == "tcp":
        return _NOT_HTTP
    if call.protocol == "http2":
        scheme = "http" if call.tls == "plaintext" else "https"
        pseudo = [(":method", call.method), (":scheme", scheme), (":authority", call.host), (":path", call.path)]
        return http2_request([*pseudo, *((name.lower(), value) for name, value in call.headers)])
    headers = [("Host", call.host)] if call.host else []
    lines = [f"{call.method} {call.path} HTTP/1.1", *(f"{key}: {value}" for key, value in [*headers, *call.headers])]
    return ("\r\n".join([*lines, "Connection: close"]) + "\r\n\r\n").encode()


def _answer(call: Call, received: bytes) -> Answer:
    if received.startswith(b"HTTP/1."):
        return _http1_answer(received)
    if call.protocol == "http2" and (answer := http2_answer(received)):
        return Answer(status=answer.status, cluster=name_in(answer.body), forwarded=request_in(answer.body))
    return Answer(cluster=name_in(received))


def _http1_answer(received: bytes) -> Answer:
    response = http.client.HTTPResponse(_Received(received))  # type: ignore[arg-type]  # takes what has makefile()
    response.begin()
    body = response.read()
    return Answer(
        status=response.status,
        cluster=name_in(body),
        location=response.headers.get("location", ""),
        route=response.headers.get("x-route", ""),
        headers=tuple(response.headers.items()),
        forwarded=request_in(body),
    )


class _Received:
    """Bytes, read like a socket."""

    def __init__(self, received: bytes) -> None:
        self._received = received

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._received)


def _exchange(connection: socket.socket, call: Call, payload: bytes) -> bytes:
    """Send and read until the other side closes or an HTTP/2 answer is complete."""
    if call.tls != "plaintext":
        return _TlsExchange(connection, call).run(payload)
    connection.sendall(payload)
    received = b""
    while part := connection.recv(_MOST):
        received += part
        if _is_complete(call, received):
            break
    return received


def _is_complete(call: Call, received: bytes) -> bool:
    return call.protocol == "http2" and http2_answer(received) is not None


class _TlsExchange:
    """As `_exchange`, in TLS if the other side speaks it; what came instead if not; nothing if the handshake fails."""

    def __init__(self, connection: socket.socket, call: Call) -> None:
        self._connection, self._call = connection, call
        self._inward, self._outward = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = _context(call).wrap_bio(self._inward, self._outward, server_hostname=call.sni or None)

    def run(self, payload: bytes) -> bytes:
        plain = self._shake_hands()
        if plain is not None:
            return plain
        self._tls.write(payload)
        received = b""
        while part := self._read():
            received += part
            if _is_complete(self._call, received):
                break
        return received

    def _shake_hands(self) -> bytes | None:
        """None when done; else all that the other side had to say."""
        while True:
            try:
                self._tls.do_handshake()
                return None
            except ssl.SSLWantReadError:
                part = self._receive()
            except ssl.SSLError:
                return b""
            if part[:1] not in _TLS_RECORDS:
                return part + b"".join(iter(lambda: self._connection.recv(_MOST), b""))
            self._inward.write(part)

    def _read(self) -> bytes:
        """The next bytes in clear; nothing at the end, or where the other side refuses the certificate."""
        while True:
            try:
                return self._tls.read(_MOST)
            except ssl.SSLWantReadError:
                part = self._receive()
            except ssl.SSLError:
                return b""
            if not part:
                return b""
            self._inward.write(part)

    def _receive(self) -> bytes:
        self._connection.sendall(self._outward.read())
        return self._connection.recv(_MOST)


def _context(call: Call) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if call.alpn:
        context.set_alpn_protocols(list(call.alpn))
    if call.tls == "mtls":
        with tempfile.NamedTemporaryFile() as file:  # the only way in for a key; gone at once
            file.write(_certificate_and_key())
            file.flush()
            context.load_cert_chain(file.name)
    return context


@cache
def _certificate_and_key() -> bytes:
    made = v3.Secret.FromString(secret_body("default")).tls_certificate
    return made.certificate_chain.inline_bytes + made.private_key.inline_bytes
