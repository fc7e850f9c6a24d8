"""Reads what log shims have written: CRI lines back into text, from rotated files and the present one, following if
wanted.

A run's files, oldest first: `0.log.4` … `0.log.1`, `0.log`. A reader holds the file that it reads open, so a rotation
meanwhile loses nothing: at its end it goes on with the file after it.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from meshgate.client.log_options import LogOptions

_PIECE_BYTES = 1 << 18
_FOLLOW_S = 0.05
"""Between looks for new lines; an idle follower costs one stat each."""
_LAST_LINES = 80
_LAST_BYTES = 2048
"""Kubernetes' limits for a termination message taken from the log."""


class Entry(NamedTuple):
    stamp: bytes
    text: bytes
    is_whole: bool
    """False: the line goes on in the next entry of this stream."""


def last_lines(path: Path) -> str:
    """The end of a run's log, as a message; empty if there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 4 * _LAST_BYTES))
            lines = file.read().splitlines()
    except FileNotFoundError:
        return ""
    texts = [entry.text for line in lines if (entry := parse_line(line)) is not None]
    return b"\n".join(texts[-_LAST_LINES:])[-_LAST_BYTES:].decode(errors="replace")


def parse_line(line: bytes) -> Entry | None:
    """One CRI line; None for what is none (a line cut by a full disk)."""
    parts = line.split(b" ", 3)
    if len(parts) < 4:
        return None
    return Entry(parts[0], parts[3], parts[2] == b"F")


async def read_log(
    path: Path, options: LogOptions, is_running: Callable[[], bool], now: datetime
) -> AsyncGenerator[bytes, None]:
    """The text of one run's log, in pieces of any size. With `follow` it ends when the container has."""
    reader = _Reader(path, _since(options, now))
    render = _Renderer(options.timestamps, options.limit_bytes)
    try:
        entries = await asyncio.to_thread(reader.tail, options.tail_lines)
        while not render.is_full:
            for piece in render.pieces(entries):
                yield piece
            entries = await _more(reader, options.follow, is_running)
            if not entries:
                return
    finally:
        reader.close()


async def _more(reader: _Reader, follow: bool, is_running: Callable[[], bool]) -> list[Entry]:
    """The next entries, waited for if wanted; none at the end."""
    while True:
        entries = await asyncio.to_thread(reader.next_entries)
        if entries or not follow:
            return entries
        was_running = is_running()
        await asyncio.sleep(_FOLLOW_S)  # last words are on their way through the shim when a container has ended
        if not was_running:
            return await asyncio.to_thread(reader.next_entries)


def run_files(path: Path) -> list[Path]:
    """The run's files, oldest first."""
    rotated = [(int(name.suffix[1:]), name) for name in path.parent.glob(f"{path.name}.*") if name.suffix[1:].isdigit()]
    return [name for _, name in sorted(rotated, reverse=True)] + ([path] if path.exists() else [])


Numbered = tuple[int, Path]
"""A file by its number (inode), which a rotation leaves as it is, and its name, which it changes."""


class _Reader:
    """Goes through a run's files. One thread at a time uses it."""

    def __init__(self, path: Path, since: bytes) -> None:
        self._path = path
        self._since = since
        self._fd = -1
        self._rest = b""

    def tail(self, count: int | None) -> list[Entry]:
        """What is there, or its last `count` lines; what follows is for `next_entries`."""
        if count is None:
            return []
        kept: deque[Entry] = deque()
        lines = 0
        while entries := self.next_entries():
            for entry in entries:
                kept.append(entry)
                lines += entry.is_whole
                while lines > count:
                    lines -= kept.popleft().is_whole
        return list(kept) if count else []

    def next_entries(self) -> list[Entry]:
        """Some that were not read yet; none if there is nothing at present."""
        while True:
            if self._fd < 0 and not self._open_first():
                return []
            data = os.read(self._fd, _PIECE_BYTES)
            if not data:
                if not self._open_next():
                    return []
                continue
            lines = (self._rest + data).split(b"\n")
            self._rest = lines.pop()
            if entries := list(self._entries(lines)):
                return entries

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _entries(self, lines: Iterable[bytes]) -> Iterator[Entry]:
        for line in lines:
            entry = parse_line(line)
            if entry is not None and entry.stamp >= self._since:
                yield entry

    def _open_first(self) -> bool:
        return self._open_after(lambda files: files)

    def _open_next(self) -> bool:
        """The file after the one that is at its end: it has been rotated away meanwhile, or is an old one."""
        present = os.fstat(self._fd).st_ino
        return self._open_after(lambda files: _after(files, present))

    def _open_after(self, rest: Callable[[list[Numbered]], list[Numbered]]) -> bool:
        """Open the first that `rest` leaves of the run's files; whether there is one."""
        while True:  # no deadline: another turn only where the log was rotated meanwhile
            left = rest(_files_of_one_moment(self._path))
            if not left:
                return False
            number, name = left[0]
            try:
                fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            if os.fstat(fd).st_ino == number:
                self.close()
                self._fd, self._rest = fd, b""
                return True
            os.close(fd)


def _after(files: list[Numbered], present: int) -> list[Numbered]:
    numbers = [number for number, _ in files]
    return files[numbers.index(present) + 1 :] if present in numbers else files


def _files_of_one_moment(path: Path) -> list[Numbered]:
    """The run's files, oldest first: seen twice alike, for a rotation halfway through would hide one of them."""
    seen: list[Numbered] | None = None
    while True:  # no deadline: as above
        before, seen = seen, _numbered(run_files(path))
        if seen is not None and seen == before:
            return seen


def _numbered(files: list[Path]) -> list[Numbered] | None:
    """None if one of them has been renamed meanwhile."""
    try:
        return [(name.stat().st_ino, name) for name in files]
    except FileNotFoundError:
        return None


class _Renderer:
    def __init__(self, timestamps: bool, limit_bytes: int | None) -> None:
        self._timestamps = timestamps
        self._left = limit_bytes
        self._is_at_start = True

    @property
    def is_full(self) -> bool:
        return self._left == 0

    def pieces(self, entries: Iterable[Entry]) -> Iterator[bytes]:
        text = b"".join(map(self._text, entries))
        if self._left is not None:
            text = text[: self._left]
            self._left -= len(text)
        if text:
            yield text

    def _text(self, entry: Entry) -> bytes:
        stamp = entry.stamp + b" " if self._timestamps and self._is_at_start else b""
        self._is_at_start = entry.is_whole
        return stamp + entry.text + (b"\n" if entry.is_whole else b"")


def _since(options: LogOptions, now: datetime) -> bytes:
    """A stamp: CRI stamps compare as text, for they are all UTC with nine digits."""
    moments = []
    if options.since_seconds is not None:
        moments.append(now - timedelta(seconds=options.since_seconds))
    if options.since_time:
        moments.append(datetime.fromisoformat(options.since_time))
    if not moments:
        return b""
    return max(moments).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z").encode()
