"""One pod's log shim: containers' output in, CRI log lines out; forked by the holder, so it outlives the control plane.

Comes in: over a control socket, messages with two pipes each (standard output and error of one container's run) and
the file to write. Goes out: `time stream F text` lines as container runtimes write them, `P` for a part of a line
longer than 16 KiB, rotated by size (`0.log` becomes `0.log.1`, that one `0.log.2`, ...). It ends when nobody holds
the other end of the control socket and every pipe is at its end. A file that cannot be written loses lines but never
blocks a container.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import socket
import time
from collections.abc import Callable
from typing import NoReturn

from meshgate.host import namespaces as ns
from meshgate.host.holder.child import close_all_but
from meshgate.host.holder.wire import Closed, Message, Wire

PART_BYTES = 16 * 1024
"""Longer lines are cut, as containerd does (its `max_container_log_line_size`)."""
_READ_BYTES = 1 << 18


class LogFile:
    """One run's file. `rotate_bytes` is checked after each write; `keep` counts all files, the present one included."""

    def __init__(self, path: str, rotate_bytes: int, keep: int) -> None:
        self._path = path
        self._rotate_bytes = rotate_bytes
        self._keep = max(keep, 1)
        self._fd = self._open()
        self._size = os.fstat(self._fd).st_size

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]
        self._size += len(data)
        if self._size >= self._rotate_bytes:
            self._rotate()

    def close(self) -> None:
        os.close(self._fd)

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        return os.open(self._path, flags, 0o600)

    def _rotate(self) -> None:
        os.close(self._fd)
        names = [self._path, *(f"{self._path}.{number}" for number in range(1, self._keep))]
        for newer, older in reversed(list(itertools.pairwise(names))):
            if os.path.exists(newer):
                os.replace(newer, older)
        if self._keep == 1:
            os.unlink(self._path)
        self._fd = self._open()
        self._size = 0


class LineWriter:
    """Turns one stream's bytes into CRI lines; keeps what has no newline yet."""

    def __init__(self, stream: str, file: LogFile, clock_ns: Callable[[], int]) -> None:
        self._stream = stream.encode()
        self._file = file
        self._clock_ns = clock_ns
        self._rest = b""

    def feed(self, data: bytes) -> None:
        data = self._rest + data
        end = data.rfind(b"\n") + 1
        self._rest = data[end:]
        if end:
            self._write_lines(data[:end])
        while len(self._rest) >= PART_BYTES:
            part, self._rest = self._rest[:PART_BYTES], self._rest[PART_BYTES:]
            self._file.write(self._tag(b"P") + part + b"\n")

    def end(self) -> None:
        """The stream is closed: what is left is a whole line, as containerd has it."""
        if self._rest:
            self._file.write(self._tag(b"F") + self._rest + b"\n")
            self._rest = b""

    def _write_lines(self, data: bytes) -> None:
        full = self._tag(b"F")
        if len(data) <= PART_BYTES or max(map(len, data.split(b"\n"))) <= PART_BYTES:
            self._file.write(full + data[:-1].replace(b"\n", b"\n" + full) + b"\n")  # one pass: access logs are many
            return
        lines = []
        for line in data[:-1].split(b"\n"):
            while len(line) > PART_BYTES:
                lines.append(self._tag(b"P") + line[:PART_BYTES])
                line = line[PART_BYTES:]
            lines.append(full + line)
        self._file.write(b"\n".join(lines) + b"\n")

    def _tag(self, tag: bytes) -> bytes:
        seconds, nanoseconds = divmod(self._clock_ns(), 1_000_000_000)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        return b"%s.%09dZ %s %s " % (stamp.encode(), nanoseconds, self._stream, tag)


class _Shim:
    def __init__(self, control: int) -> None:
        self._poll = select.poll()
        self._wire: Wire | None = Wire(socket.socket(fileno=control))
        self._writers: dict[int, LineWriter] = {}
        self._users: dict[LogFile, int] = {}
        self._files: dict[int, LogFile] = {}
        self._poll.register(control, select.POLLIN)

    def run(self) -> None:
        while self._wire is not None or self._writers:
            for fd, _ in self._poll.poll():  # no deadline: it lives as long as its pod
                if fd in self._writers:
                    self._copy(fd)
                elif self._wire is not None:
                    self._obey(self._wire)

    def _obey(self, wire: Wire) -> None:
        try:
            frames = wire.receive()
        except Closed:
            self._poll.unregister(wire.socket)
            wire.close()
            self._wire = None
            return
        for frame in frames:
            self._open(frame.message, frame.fds)

    def _open(self, message: Message, fds: list[int]) -> None:
        path, rotate_bytes, keep = str(message["path"]), message["rotate_bytes"], message["keep"]
        assert isinstance(rotate_bytes, int)
        assert isinstance(keep, int)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        file = LogFile(path, rotate_bytes, keep)
        self._users[file] = len(fds)
        for stream, fd in zip(("stdout", "stderr"), fds, strict=False):
            os.set_blocking(fd, False)
            self._writers[fd] = LineWriter(stream, file, time.time_ns)
            self._files[fd] = file
            self._poll.register(fd, select.POLLIN)

    def _copy(self, fd: int) -> None:
        try:
            data = os.read(fd, _READ_BYTES)
        except BlockingIOError:
            return
        try:
            self._writers[fd].feed(data) if data else self._writers[fd].end()
        except OSError as fault:
            _complain(f"a log file cannot be written, lines are lost: {fault}")
        if not data:
            self._forget(fd)

    def _forget(self, fd: int) -> None:
        self._poll.unregister(fd)
        del self._writers[fd]
        file = self._files.pop(fd)
        os.close(fd)
        self._users[file] -= 1
        if self._users[file] == 0:
            del self._users[file]
            file.close()


def become_shim(control: int) -> NoReturn:
    """Run as the shim at the other end of `control`; never returns."""
    try:
        close_all_but({0, 1, 2, control})
        ns.set_process_name(b"meshgate-log")
        ns.prctl(ns.PR_SET_DUMPABLE, 0)
        _Shim(control).run()
    except BaseException as fault:  # a forked process must never run on into the holder's loop
        _complain(f"the log shim failed: {type(fault).__name__}: {fault}")
        os._exit(1)
    os._exit(0)


def _complain(text: str) -> None:
    with contextlib.suppress(OSError):  # a terminal that is gone
        os.write(2, f"{text}\n".encode())
