"""Ends of pipes and terminals on the event loop: read until the end, write as fast as the other side reads.

asyncio's own transports close what they are given in their own time and take a terminal's hang-up for a fault; a few
lines over add_reader and add_writer do neither. Works under uvloop.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Collection

_READ_BYTES = 1 << 16


class ReadEnd:
    """The reading end of a pipe, or the master of a terminal. Owns the descriptor."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd

    def fileno(self) -> int:
        return self._fd

    def read(self) -> bytes | None:
        """What is there; empty at the end, None if there is nothing at present."""
        try:
            return os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return None
        except OSError as fault:
            if fault.errno == errno.EIO:  # a terminal that nobody has open any more
                return b""
            raise

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class WriteEnd:
    """The writing end of a pipe, or the master of a terminal. Owns the descriptor."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd

    async def write(self, data: bytes) -> bool:
        """Write all of it; False if nobody reads any more. The caller sets the deadline."""
        view = memoryview(data)
        while view and self._fd >= 0:
            try:
                view = view[os.write(self._fd, view) :]
            except BlockingIOError:
                await _writable(self._fd)
            except OSError as fault:
                if fault.errno in (errno.EPIPE, errno.EIO):
                    return False
                raise
        return self._fd >= 0

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


async def wait_readable(ends: Collection[ReadEnd]) -> None:
    """Wait until one of them has something, or has ended. The caller sets the deadline."""
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()
    fds = [end.fileno() for end in ends]
    for fd in fds:
        loop.add_reader(fd, _wake, waiter)
    try:
        await waiter
    finally:
        for fd in fds:
            loop.remove_reader(fd)


async def _writable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()
    loop.add_writer(fd, _wake, waiter)
    try:
        await waiter
    finally:
        loop.remove_writer(fd)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
