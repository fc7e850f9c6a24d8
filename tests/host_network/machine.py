"""A throw-away machine for tests of the network: namespaces, a keeper of descriptors, small servers.

Nothing here touches the real host's network: what a test would change on it is changed in a namespace that plays it.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from meshgate.host.network.namespace import NetworkNamespace

T = TypeVar("T")

DEADLINE_S = 5.0


class InProcessKeeper:
    """Keeps duplicates as the holder does, in this process."""

    def __init__(self) -> None:
        self.names: dict[str, tuple[int, ...]] = {}

    async def keep(self, name: str, fds: Sequence[int]) -> None:
        await self.drop([name])
        self.names[name] = tuple(os.dup(fd) for fd in fds)

    async def fetch(self, name: str) -> list[int]:
        return [os.dup(fd) for fd in self.names.get(name, ())]

    async def drop(self, names: Sequence[str]) -> None:
        for name in names:
            for fd in self.names.pop(name, ()):
                os.close(fd)

    async def kept(self) -> list[str]:
        return list(self.names)


def wait_until(condition: Callable[[], bool], what: str, *, deadline_s: float = DEADLINE_S) -> None:
    """Return as soon as the condition holds; fail, saying what was awaited, if it doesn't in time."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"waited {deadline_s} s for: {what}"
        time.sleep(0.005)


def open_descriptors() -> int:
    """How many descriptors this process has open."""
    return len(os.listdir("/proc/self/fd"))


def listen(namespace: NetworkNamespace, port: int, *, address: str = "0.0.0.0") -> socket.socket:
    """A TCP server socket inside the namespace; nobody accepts unless the test does."""

    def inside() -> socket.socket:
        server = socket.create_server((address, port))
        server.settimeout(DEADLINE_S)
        return server

    return namespace.run(inside)


def connect(namespace: NetworkNamespace, address: str, port: int, *, gid: int | None = None) -> socket.socket:
    """A TCP connection from inside the namespace, made by a thread of group `gid`."""

    def inside() -> socket.socket:
        if gid is not None:
            set_thread_gid(gid)
        return socket.create_connection((address, port), timeout=DEADLINE_S)

    return namespace.run(inside)


def set_thread_gid(gid: int) -> None:
    """Give only the calling thread another group: the system call itself, as glibc's would change all threads."""
    import ctypes

    numbers = {"x86_64": 119, "aarch64": 149}
    result = ctypes.CDLL(None, use_errno=True).syscall(numbers[os.uname().machine], gid, gid, gid)
    assert result == 0, "setresgid"


def original_destination(connection: socket.socket) -> tuple[str, int]:
    """Where the client wanted to go before any redirect, as Envoy's `original_dst` listener filter reads it."""
    try:
        raw = connection.getsockopt(socket.SOL_IP, 80, 16)  # SO_ORIGINAL_DST
    except FileNotFoundError:  # a namespace without NAT rules tracks no connections
        address, port = connection.getsockname()
        return address, port
    return socket.inet_ntoa(raw[4:8]), int.from_bytes(raw[2:4], "big")
