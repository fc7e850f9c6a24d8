"""What isn't ours is asked of the host's name servers, as it came.

A question is sent on unread but for its identifier, from a port of its own (a forged answer would have to guess
both), over the transport by which it came; so the answer's size and truncation are what the asker's own EDNS option
allows. Servers are tried in their order. At most `MOST_AT_ONCE` questions are under way; what is beyond that fails at
once and is asked again by the asker.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
import socket
import struct
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NamedTuple

from meshgate.errors import UsageError
from meshgate.host.dns.names import is_address

log = logging.getLogger(__name__)

MOST_AT_ONCE: Final = 256
FIRST_SERVER_S: Final = 2.0
ALL_SERVERS_S: Final = 4.5
"""Below the five seconds after which glibc's resolver asks again."""

_LARGEST_BYTES = 65535
_QUESTION_START = 12
_DNS_PORT = 53


class Upstream(NamedTuple):
    """A name server."""

    address: str
    """IPv4 or IPv6, perhaps with a zone (`fe80::1%eth0`)."""
    port: int = _DNS_PORT


class Forwarder:
    """Asks upstream. `servers` is called for each question: the host's servers may change."""

    def __init__(self, servers: Callable[[], tuple[Upstream, ...]]) -> None:
        self._servers = servers
        self._under_way = 0

    async def ask(self, wire: bytes, *, tcp: bool) -> bytes | None:
        """The answer to a query in wire form, with the query's identifier; None if none came in time."""
        if self._under_way >= MOST_AT_ONCE:
            return None
        self._under_way += 1
        try:
            async with asyncio.timeout(ALL_SERVERS_S):
                return await self._ask_in_turn(wire, tcp)
        except TimeoutError:
            return None
        finally:
            self._under_way -= 1

    async def _ask_in_turn(self, wire: bytes, tcp: bool) -> bytes | None:
        for server in self._servers():
            try:
                async with asyncio.timeout(FIRST_SERVER_S):
                    return await (_ask_tcp if tcp else _ask_udp)(server, wire)
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as fault:
                log.debug("a name server gave no answer", extra={"server": server.address, "reason": repr(fault)})
        return None


def parse_upstream(text: str) -> Upstream:
    """`--dns-upstream`: `ADDRESS`, `ADDRESS:PORT` or `[IPV6]:PORT`."""
    address, port = text, ""
    if bracketed := re.fullmatch(r"\[([^]]*)\](?::(.*))?", text):
        address, port = bracketed[1], bracketed[2] or ""
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    try:
        ip_address(address)
        number = int(port) if port else _DNS_PORT
        if not 0 < number < 65536:
            raise ValueError(f"{number} is not a port")
    except ValueError as fault:
        raise UsageError(f'--dns-upstream "{text}": {fault}', hint='ADDRESS:PORT, such as "192.0.2.1:53"') from fault
    return Upstream(address, number)


def parse_resolv_conf(text: str) -> tuple[Upstream, ...]:
    """The name servers of a resolv.conf; lines that name none are skipped, as the resolver does."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver" and is_address(words[1]):
            found.append(Upstream(words[1]))
    return tuple(found)


class HostServers:
    """The host's name servers, read again when its resolv.conf has changed."""

    def __init__(self, path: Path = Path("/etc/resolv.conf")) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._servers: tuple[Upstream, ...] = ()

    def __call__(self) -> tuple[Upstream, ...]:
        try:
            status = os.stat(self._path)
            if (status.st_mtime_ns, status.st_ino) != self._seen:
                self._servers = parse_resolv_conf(self._path.read_text(errors="replace"))
                self._seen = (status.st_mtime_ns, status.st_ino)
        except OSError as fault:
            log.warning("the host's resolv.conf can't be read", extra={"path": str(self._path), "reason": str(fault)})
        return self._servers


async def _ask_udp(server: Upstream, wire: bytes) -> bytes:
    identifier = secrets.token_bytes(2)
    loop = asyncio.get_running_loop()
    with socket.socket(_family(server), socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
        sock.connect(_socket_address(server))  # only this server's answers are received
        await loop.sock_sendall(sock, identifier + wire[2:])
        while True:
            answer = await loop.sock_recv(sock, _LARGEST_BYTES)
            if answer[:2] == identifier and _answers(answer, wire):
                return wire[:2] + answer[2:]


async def _ask_tcp(server: Upstream, wire: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(server.address, server.port)
    try:
        writer.write(struct.pack(">H", len(wire)) + wire)
        await writer.drain()
        (length,) = struct.unpack(">H", await reader.readexactly(2))
        answer = await reader.readexactly(length)
    finally:
        writer.close()
    if answer[:2] != wire[:2] or not _answers(answer, wire):
        raise OSError("the answer is to another question")
    return answer


def _answers(answer: bytes, query: bytes) -> bool:
    """Whether it is a response that repeats the question (some servers leave it out of failures)."""
    if len(answer) < _QUESTION_START or not answer[2] & 0x80:
        return False
    if answer[4:6] == b"\0\0":
        return True
    end = _question_end(query)
    return answer[_QUESTION_START:end].lower() == query[_QUESTION_START:end].lower()


def _question_end(query: bytes) -> int:
    offset = _QUESTION_START
    while offset < len(query) and query[offset]:
        offset += 1 + query[offset]
    return offset + 5  # the root label, type and class


def _family(server: Upstream) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in server.address else socket.AF_INET


def _socket_address(server: Upstream) -> tuple[object, ...]:
    """Reads a zone (`%eth0`) as the resolver does; nothing is looked up."""
    found = socket.getaddrinfo(server.address, server.port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)
    return found[0][4]
