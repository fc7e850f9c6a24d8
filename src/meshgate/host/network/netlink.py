"""Netlink as it goes over the wire: attributes, messages, and a socket that asks and reads the answer.

Both users speak it: `links` (rtnetlink: interfaces, addresses, routes) and `nftables`. A netlink socket belongs for
ever to the network namespace of the thread that opened it, so a socket opened in a pod's namespace by a throw-away
thread is used from anywhere afterwards.

All calls are synchronous: the kernel answers a request before `send` returns, so nothing here waits for another
process. Why not a library: docs/adr/0010-netlink-of-our-own.md.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

from meshgate.errors import EnvironmentFault

F_REQUEST = 0x1
F_ACK = 0x4
F_DUMP = 0x300
F_EXCLUSIVE = 0x200
F_CREATE = 0x400
F_APPEND = 0x800

_ERROR = 2
_DONE = 3
_F_ACK_ATTRIBUTES = 0x200
_F_DUMP_INTERRUPTED = 0x10
_NESTED = 0x8000
_KIND_MASK = 0x3FFF
_SOL_NETLINK = 270
_CAP_ACK = 10  # errors don't repeat the request
_EXT_ACK = 11  # errors carry the kernel's own words
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_RECEIVE_BYTES = 1 << 16  # the kernel puts at most 32 KiB into one datagram of a dump
_SO_SNDBUFFORCE = 32
_SEND_BUFFER_BYTES = 16 << 20  # an nftables batch is one datagram; a service takes about 1 kB of it
_DUMP_ATTEMPTS = 5


class NetlinkFault(EnvironmentFault):
    """The kernel refused a request. `code` is an errno; the text names what was asked for."""

    def __init__(self, asked: str, code: int, reason: str = "") -> None:
        words = f"{os.strerror(code).lower()}{f' ({reason})' if reason else ''}"
        super().__init__(f"{asked}: {words}")
        self.code = code


class Message(NamedTuple):
    """One netlink message without its header."""

    kind: int
    flags: int
    sequence: int
    body: bytes


def attribute(kind: int, data: bytes) -> bytes:
    """One attribute, padded to four bytes."""
    length = 4 + len(data)
    return _ATTRIBUTE.pack(length, kind) + data + bytes(-length % 4)


def nested(kind: int, *parts: bytes) -> bytes:
    """An attribute that holds attributes."""
    return attribute(kind | _NESTED, b"".join(parts))


def text(kind: int, value: str) -> bytes:
    """A text attribute, ended by a zero byte as the kernel wants it."""
    return attribute(kind, value.encode() + b"\0")


def u32(kind: int, value: int) -> bytes:
    """A number in the machine's byte order (rtnetlink)."""
    return attribute(kind, struct.pack("=I", value))


def be32(kind: int, value: int) -> bytes:
    """A number in network byte order (nftables); negative ones as two's complement."""
    return attribute(kind, struct.pack(">I", value & 0xFFFFFFFF))


def attribute_list(data: bytes) -> list[tuple[int, bytes]]:
    """The attributes of one level in their order, flags removed from their kind."""
    found = []
    offset = 0
    while offset + 4 <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < 4:
            break
        found.append((kind & _KIND_MASK, data[offset + 4 : offset + length]))
        offset += (length + 3) & ~3
    return found


def attributes(data: bytes) -> dict[int, bytes]:
    """The attributes of one level by kind."""
    return dict(attribute_list(data))


def text_of(data: bytes) -> str:
    """The text of an attribute made by `text`."""
    return data.rstrip(b"\0").decode(errors="replace")


def message(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    """One message with its header, padded to four bytes."""
    return _HEADER.pack(_HEADER.size + len(body), kind, flags, sequence, 0) + body + bytes(-len(body) % 4)


def messages(data: bytes) -> Iterator[Message]:
    """The messages of one datagram."""
    offset = 0
    while offset + _HEADER.size <= len(data):
        length, kind, flags, sequence, _ = _HEADER.unpack_from(data, offset)
        yield Message(kind, flags, sequence, data[offset + _HEADER.size : offset + length])
        offset += max((length + 3) & ~3, _HEADER.size)


def failure(answer: Message) -> tuple[int, str] | None:
    """Errno (0: acknowledged) and the kernel's words; None: the answer is of another kind."""
    if answer.kind != _ERROR:
        return None
    code = -struct.unpack_from("=i", answer.body)[0]
    if not answer.flags & _F_ACK_ATTRIBUTES:
        return code, ""
    return code, text_of(attributes(answer.body[4 + _HEADER.size :]).get(1, b""))


class NetlinkSocket:
    """A socket of one netlink protocol in the network namespace of the thread that makes it. Not thread-safe."""

    def __init__(self, protocol: int, sock: socket.socket | None = None) -> None:
        if sock is None:
            sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
            sock.bind((0, 0))
            sock.setsockopt(_SOL_NETLINK, _CAP_ACK, 1)
            sock.setsockopt(_SOL_NETLINK, _EXT_ACK, 1)
            sock.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, _SEND_BUFFER_BYTES)
        self.socket = sock
        self._sequence = 0

    @classmethod
    def of(cls, fd: int) -> NetlinkSocket:
        """The one behind a kept descriptor, which it takes over."""
        return cls(0, socket.socket(fileno=fd))

    def fileno(self) -> int:
        return self.socket.fileno()

    def close(self) -> None:
        self.socket.close()

    def request(self, asked: str, kind: int, flags: int, body: bytes) -> None:
        """Ask for a change and wait for the kernel's yes. `asked` names it in errors."""
        self._sequence += 1
        self.socket.send(message(kind, F_REQUEST | F_ACK | flags, self._sequence, body))
        for answer in messages(self.socket.recv(_RECEIVE_BYTES)):
            code, reason = failure(answer) or (0, "")
            if code:
                raise NetlinkFault(asked, code, reason)

    def query(self, asked: str, kind: int, body: bytes) -> Message:
        """The one object that is asked for."""
        self._sequence += 1
        self.socket.send(message(kind, F_REQUEST, self._sequence, body))
        answer = next(messages(self.socket.recv(_RECEIVE_BYTES)))
        code, reason = failure(answer) or (0, "")
        if code:
            raise NetlinkFault(asked, code, reason)
        return answer

    def dump(self, asked: str, kind: int, body: bytes) -> list[Message]:
        """All objects of a kind. Asked again where they changed while the kernel was telling them."""
        for _ in range(_DUMP_ATTEMPTS):
            found, whole = self._dump(asked, kind, body)
            if whole:
                return found
        raise EnvironmentFault(f"{asked}: it changes faster than it can be read")

    def _dump(self, asked: str, kind: int, body: bytes) -> tuple[list[Message], bool]:
        self._sequence += 1
        self.socket.send(message(kind, F_REQUEST | F_DUMP, self._sequence, body))
        found: list[Message] = []
        whole = True
        while True:
            for answer in messages(self.socket.recv(_RECEIVE_BYTES)):
                whole = whole and not answer.flags & _F_DUMP_INTERRUPTED
                if answer.kind == _DONE:
                    return found, whole
                code, reason = failure(answer) or (0, "")
                if code:
                    raise NetlinkFault(asked, code, reason)
                found.append(answer)

    def exchange(self, datagram: bytes) -> list[Message]:
        """Send messages with sequence numbers of their own and read what is answered at once: for nftables' batches."""
        self.socket.send(datagram)
        answers: list[Message] = []
        while True:
            try:
                data = self.socket.recv(_RECEIVE_BYTES, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return answers
            answers.extend(messages(data))
