"""Frames between the control plane and the holder: a length, a count of descriptors, JSON.

Each frame is `!IH` (bytes of JSON, number of file descriptors), then the JSON. Its descriptors travel by SCM_RIGHTS
with the frame's first byte. The kernel never merges two messages that carry descriptors, so a first-in-first-out list
of what arrived, cut by each header's count, gives every frame its own. Non-blocking on both ends; standard library
only.
"""

from __future__ import annotations

import array
import json
import os
import socket
import struct
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

_HEADER = struct.Struct("!IH")
_CHUNK_BYTES = 1 << 16
_MAX_FRAME_BYTES = 16 << 20
"""Far above a spawn request with a large environment; a longer frame is a fault of the other end."""
_MAX_DESCRIPTORS = 253
"""SCM_MAX_FD of Linux."""

Message = dict[str, object]


class Frame(NamedTuple):
    message: Message
    fds: list[int]
    """Now the receiver's to close."""


class Closed(Exception):
    """The other end is gone."""


class Wire:
    """One end of the connection.

    The owner calls `receive` when the socket is readable and `flush` when it is writable.
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.socket = connection
        self._input = bytearray()
        self._input_fds: deque[int] = deque()
        self._output: deque[tuple[bytes, list[int]]] = deque()

    @property
    def has_output(self) -> bool:
        """True while something waits for the socket to become writable."""
        return bool(self._output)

    def send(self, message: Message, fds: Sequence[int] = ()) -> None:
        """Send, or queue what the socket does not take now.

        The descriptors are duplicated: the caller may close its own.
        """
        assert len(fds) <= _MAX_DESCRIPTORS
        body = json.dumps(message, separators=(",", ":")).encode()
        self._output.append((_HEADER.pack(len(body), len(fds)) + body, [os.dup(fd) for fd in fds]))
        self.flush()

    def flush(self) -> None:
        """Write what is queued as far as it goes; raises Closed."""
        while self._output:
            data, fds = self._output[0]
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
            try:
                sent = self.socket.sendmsg([data], rights, socket.MSG_NOSIGNAL)
            except BlockingIOError:
                return
            except OSError as fault:
                raise Closed from fault
            _close(fds)
            self._output.popleft()
            if sent < len(data):
                self._output.appendleft((data[sent:], []))

    def receive(self) -> list[Frame]:
        """Every frame that is complete by now; raises Closed at the end of the stream."""
        while self._read():
            pass
        frames = []
        while (frame := self._take()) is not None:
            frames.append(frame)
        return frames

    def close(self) -> None:
        """Close the socket and every descriptor that nobody took."""
        _close(self._input_fds)
        for _, fds in self._output:
            _close(fds)
        self._input_fds.clear()
        self._output.clear()
        self.socket.close()

    def _read(self) -> bool:
        room = socket.CMSG_SPACE(_MAX_DESCRIPTORS * 4)
        try:
            data, ancillary, _, _ = self.socket.recvmsg(_CHUNK_BYTES, room, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return False
        except OSError as fault:
            raise Closed from fault
        for level, kind, content in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                self._input_fds.extend(array.array("i", content[: len(content) - len(content) % 4]))
        if not data:
            raise Closed
        self._input += data
        return True

    def _take(self) -> Frame | None:
        if len(self._input) < _HEADER.size:
            return None
        length, count = _HEADER.unpack_from(self._input)
        end = _HEADER.size + length
        if length > _MAX_FRAME_BYTES:
            raise Closed
        if len(self._input) < end:
            return None
        message = json.loads(self._input[_HEADER.size : end])
        del self._input[:end]
        return Frame(message, [self._input_fds.popleft() for _ in range(count)])


def _close(fds: Sequence[int] | deque[int]) -> None:
    for fd in fds:
        os.close(fd)
