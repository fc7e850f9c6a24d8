"""Whether a TCP port of this host can be listened on, and if not, who does already.

The kernel itself is asked by binding a socket as Envoy would; the name of the owner is looked up in /proc, as far as
it is visible (other users' processes only as root, and from inside a capsule only the capsule's own).
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final, NamedTuple

from meshgate.errors import EnvironmentFault

_PROC: Final = Path("/proc")
_LISTENING: Final = "0A"


class Owner(NamedTuple):
    """A process that listens."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f'"{self.name}" (pid {self.pid})'


class Obstacle(NamedTuple):
    """Why a port can't be listened on."""

    text: str
    uids: frozenset[int] = frozenset()
    """Users whose sockets are in the way."""


class _Listener(NamedTuple):
    inode: str
    uid: int


def check_ports(address: str, ports: Iterable[tuple[str, int]]) -> None:
    """`EnvironmentFault` for the first of the flags' ports that can't be had; port 0 is none."""
    for flag, port in ports:
        obstacle = find_obstacle(address, port) if port else None
        if obstacle is not None:
            raise EnvironmentFault(obstacle.text, hint=f"choose another port with {flag}, or none with {flag} 0")


def find_obstacle(address: str, port: int) -> Obstacle | None:
    """What keeps a new server from `address:port` in the calling thread's network namespace; None: nothing."""
    family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((address, port))
            sock.listen(1)
        except OSError as fault:
            return _obstacle(address, port, fault)
    return None


def find_owner(address: str, port: int) -> Owner | None:
    """The process that listens on the port, at this address or at all; None if it isn't visible."""
    return _find_process(_listeners(address, port))


def _find_process(listeners: list[_Listener]) -> Owner | None:
    targets = {f"socket:[{listener.inode}]" for listener in listeners}
    if not targets:
        return None
    for process in sorted(_PROC.glob("[0-9]*"), key=lambda path: int(path.name)):
        if _has_open(process, targets):
            return Owner(int(process.name), _name(process))
    return None


def _obstacle(address: str, port: int, fault: OSError) -> Obstacle:
    if fault.errno == errno.EADDRINUSE:
        listeners = _listeners(address, port)
        owner = _find_process(listeners) or "a process that is not visible from here"
        uids = frozenset(listener.uid for listener in listeners)
        return Obstacle(f"port {port} on {address} is taken by {owner}", uids)
    if fault.errno == errno.EACCES:
        return Obstacle(f"port {port} on {address} needs root (net.ipv4.ip_unprivileged_port_start)")
    if fault.errno == errno.EADDRNOTAVAIL:
        return Obstacle(f"{address} is not an address of this host")
    return Obstacle(f"port {port} on {address}: {os.strerror(fault.errno or 0).lower()}")


def _listeners(address: str, port: int) -> list[_Listener]:
    found = []
    for table in ("tcp", "tcp6"):
        # thread-self: /proc/net is the main thread's namespace
        path = _PROC / "thread-self" / "net" / table
        lines = path.read_text().splitlines()[1:] if path.exists() else []
        for line in lines:
            fields = line.split()
            local, _, local_port = fields[1].partition(":")
            if fields[3] == _LISTENING and int(local_port, 16) == port and _covers(local, address):
                found.append(_Listener(inode=fields[9], uid=int(fields[7])))
    return found


def _covers(local: str, address: str) -> bool:
    """Whether a listener at this address, as /proc writes it, stands in the way of one at the other."""
    listener = _parse(local)
    wanted = ip_address(address)
    mapped = getattr(listener, "ipv4_mapped", None)
    return listener.is_unspecified or wanted.is_unspecified or wanted in (listener, mapped)


def _parse(local: str) -> IPv4Address | IPv6Address:
    """Words of four bytes in the machine's byte order, in hexadecimal.

    >>> str(_parse("0100007F"))
    '127.0.0.1'
    """
    words = [int(local[start : start + 8], 16).to_bytes(4, sys.byteorder) for start in range(0, len(local), 8)]
    return ip_address(b"".join(words))


def _has_open(process: Path, targets: set[str]) -> bool:
    try:
        with os.scandir(process / "fd") as entries:
            return any(os.readlink(entry.path) in targets for entry in entries)
    except OSError:  # gone meanwhile, or another user's
        return False


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "a process that has ended"
