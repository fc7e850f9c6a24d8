"""A network namespace that is held by a descriptor, and how code gets to run inside.

Namespaces of ours have no name and no file: a descriptor (ours, and its duplicate in the holder) and the processes
and sockets inside keep one alive; when all are gone the kernel removes it with its links, routes and rules.

Code runs inside in a throw-away thread (`host.namespaces`): the event loop's thread and the pool's threads never
enter one.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from meshgate.errors import EnvironmentFault
from meshgate.host.namespaces import new_netns, run_in_netns

T = TypeVar("T")


class NetworkNamespace:
    """Holds a network namespace by its descriptor until `close`, or until nobody refers to it any more."""

    def __init__(self, fd: int) -> None:
        """Takes the descriptor over."""
        self._fd = fd
        self._close = weakref.finalize(self, os.close, fd)

    @classmethod
    def create(cls) -> NetworkNamespace:
        """A new, empty namespace. `EnvironmentFault` where the machine gives none."""
        try:
            return cls(new_netns())
        except OSError as fault:
            raise EnvironmentFault(
                f"no network namespace for a pod: {fault.strerror}",
                hint="run as root, or in a container that has CAP_SYS_ADMIN and CAP_NET_ADMIN",
            ) from fault

    @classmethod
    def current(cls) -> NetworkNamespace:
        """The one of the calling thread."""
        return cls(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))

    def run(self, inside: Callable[[], T]) -> T:
        """What `inside` gives when it runs in this namespace, in a thread of its own. Blocks until then."""
        return run_in_netns(self.fileno(), inside)

    def fileno(self) -> int:
        if not self._close.alive:
            raise ValueError("the network namespace is closed")
        return self._fd

    def identity(self) -> int:
        """The inode: equal for two descriptors of the same namespace."""
        return os.fstat(self.fileno()).st_ino

    def close(self) -> None:
        """Let it go; no error if that has happened before."""
        self._close()


def write_sysctl(name: str, value: str) -> None:
    """Set such as `net/ipv4/ip_forward` in the calling thread's network namespace."""
    try:
        Path("/proc/sys", name).write_text(value)
    except OSError as fault:
        raise EnvironmentFault(
            f"/proc/sys/{name} can't be set to {value}: {fault.strerror}",
            hint="pods need a writable /proc/sys/net; in a container: run it with --privileged",
        ) from fault


def read_sysctl(name: str) -> str:
    """The value of such as `net/ipv4/ip_forward` in the calling thread's network namespace."""
    return Path("/proc/sys", name).read_text().strip()


def has_sysctl(name: str) -> bool:
    """Whether this kernel has the setting (a kernel without IPv6 has no `net/ipv6`)."""
    return Path("/proc/sys", name).exists()
