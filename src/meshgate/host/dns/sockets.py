"""The four sockets on which a pod is answered, opened inside its network namespace.

    127.0.0.1:53      UDP and TCP   for the pod's applications (its resolv.conf names it)
    127.0.0.1:15054   UDP and TCP   for Envoy itself: the same without virtual addresses

They belong to the control plane and, as duplicates, to the holder: while a control plane is restarted, queries wait
in the sockets' buffers.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Final, NamedTuple

LOOPBACK: Final = "127.0.0.1"
DNS_PORT: Final = 53
ENVOY_DNS_PORT: Final = 15054
"""Among Istio's ports, and none of them (15053 is its agent's, which does give virtual addresses)."""

_WAITING_BYTES = 4 << 20
"""Some thousand queries (the kernel counts about 800 bytes for each): a burst, or as long as a restart may take."""
_SO_RCVBUFFORCE = 33
"""Python has no name for it. Without it `net.core.rmem_max` holds the buffer at some 270 queries, and one that is lost
costs its asker five seconds."""
_WAITING_CONNECTIONS = 128


class DnsSockets(NamedTuple):
    """Non-blocking. The order is the one in which the holder keeps them."""

    udp: socket.socket
    tcp: socket.socket
    envoy_udp: socket.socket
    envoy_tcp: socket.socket

    @classmethod
    def open(cls) -> DnsSockets:
        """New ones in the namespace of the calling thread, where lo must be up."""
        return cls(_udp(DNS_PORT), _tcp(DNS_PORT), _udp(ENVOY_DNS_PORT), _tcp(ENVOY_DNS_PORT))

    @classmethod
    def of(cls, fds: Sequence[int]) -> DnsSockets:
        """Those behind four kept descriptors, which it takes over."""
        udp, tcp, envoy_udp, envoy_tcp = (socket.socket(fileno=fd) for fd in fds)
        for each in (udp, tcp, envoy_udp, envoy_tcp):
            each.setblocking(False)
        return cls(udp, tcp, envoy_udp, envoy_tcp)

    def filenos(self) -> tuple[int, ...]:
        return tuple(each.fileno() for each in self)

    def close(self) -> None:
        for each in self:
            each.close()


def _udp(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _WAITING_BYTES)
    except PermissionError:  # without CAP_NET_ADMIN on the host: as much as is allowed
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _WAITING_BYTES)
    sock.bind((LOOPBACK, port))
    return sock


def _tcp(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((LOOPBACK, port))
    sock.listen(_WAITING_CONNECTIONS)
    return sock
