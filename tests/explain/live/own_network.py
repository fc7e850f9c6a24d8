"""A thread in a network namespace of its own, in which an Envoy, its upstreams and its clients live.

Other tests, and the machine itself, may track connections (any NAT rule switches that on): then `SO_ORIGINAL_DST` has
an answer for connections that nobody redirected, and Envoy takes it. A fresh namespace tracks nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

import pytest

T = TypeVar("T")
_DEADLINE_S = 120.0
_CLONE_NEWNET = 0x40000000
_SIOCSIFFLAGS = 0x8914
_UP = 1


class Run(Protocol):
    """Runs a job in the thread and gives its result; threads and processes that it starts are in the namespace, too."""

    def __call__(self, job: Callable[[], T]) -> T: ...


@contextlib.contextmanager
def own_network() -> Iterator[Run]:
    """The thread, for as long as the context lasts; skips the test where a namespace can't be had."""
    with ThreadPoolExecutor(max_workers=1) as pool:

        def run(job: Callable[[], T]) -> T:
            return pool.submit(job).result(_DEADLINE_S)

        try:
            run(_enter)
        except OSError as error:
            pytest.skip(f"no network namespace for an Envoy and its clients: {error}")
        yield run


def _enter() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    with socket.socket() as probe:
        fcntl.ioctl(probe, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", _UP))
