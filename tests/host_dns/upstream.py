"""A name server for tests, on loopback: it answers as it is told, and counts."""

from __future__ import annotations

import socket
import struct
import threading
from types import TracebackType

import dns.flags
import dns.message
import dns.rrset

from meshgate.host.dns import Upstream


class NameServer:
    """UDP and TCP on one port of 127.0.0.1, each served by a thread until the `with` block ends."""

    def __init__(self, *, address: str = "192.0.2.1", silent: bool = False, forged: bool = False) -> None:
        self.questions: list[tuple[str, str]] = []
        """Transport and name."""
        self._address = address
        self._silent = silent
        self._forged = forged
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(self._tcp.getsockname())
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._serve_udp, self._serve_tcp)]

    @property
    def upstream(self) -> Upstream:
        return Upstream(*self._udp.getsockname())

    def __enter__(self) -> NameServer:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        for sock in (self._udp, self._tcp):
            sock.shutdown(socket.SHUT_RDWR) if sock is self._tcp else self._wake(sock)
        for thread in self._threads:
            thread.join(5)
        self._udp.close()
        self._tcp.close()

    def _wake(self, sock: socket.socket) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", sock.getsockname())

    def _serve_udp(self) -> None:
        while True:
            wire, peer = self._udp.recvfrom(4096)
            if not wire:
                return
            answer = self._answer(wire, "udp")
            if self._forged:
                self._udp.sendto(b"\0\0" + answer[2:], peer)
            if not self._silent:
                self._udp.sendto(answer, peer)

    def _serve_tcp(self) -> None:
        while True:
            try:
                connection, _ = self._tcp.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                (length,) = struct.unpack(">H", stream.read(2))
                answer = self._answer(stream.read(length), "tcp")
                connection.sendall(struct.pack(">H", len(answer)) + answer)

    def _answer(self, wire: bytes, transport: str) -> bytes:
        query = dns.message.from_wire(wire)
        name = query.question[0].name
        self.questions.append((transport, name.to_text(omit_final_dot=True)))
        response = dns.message.make_response(query, recursion_available=True)
        if name.to_text().startswith("large.") and transport == "udp":
            response.flags |= dns.flags.TC
        else:
            response.answer.append(dns.rrset.from_text(name, 60, "IN", "A", self._address))
        return response.to_wire()
