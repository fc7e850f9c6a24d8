"""Logs come back as they were written: tails, times, rotations, and what is written while one reads."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from meshgate.client import LogOptions
from meshgate.host import log_reader
from meshgate.host.holder.shim import LineWriter, LogFile
from meshgate.host.log_reader import last_lines, parse_line, read_log

NOW = datetime(2026, 1, 2, 3, 4, 10, tzinfo=UTC)
FIRST_NS = 1_767_323_040_000_000_000  # ten seconds before


class Writer:
    """A shim's hand: one line each second from ten seconds ago on."""

    def __init__(self, path: Path, rotate_bytes: int = 1 << 20, keep: int = 9) -> None:
        self._ns = FIRST_NS
        self._writer = LineWriter("stdout", LogFile(str(path), rotate_bytes, keep), self._tick)

    def write(self, *lines: str) -> None:
        for line in lines:
            self._writer.feed(f"{line}\n".encode())

    def _tick(self) -> int:
        self._ns += 1_000_000_000
        return self._ns - 1_000_000_000


async def _collect(path: Path, options: LogOptions, is_running: Callable[[], bool]) -> str:
    return b"".join([piece async for piece in read_log(path, options, is_running, NOW)]).decode()


def _read(path: Path, options: LogOptions) -> str:
    return asyncio.run(_collect(path, options, lambda: False))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "0.log"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (LogOptions(), "a\nb\nc\n"),
        (LogOptions(tail_lines=2), "b\nc\n"),
        (LogOptions(tail_lines=0), ""),
        (LogOptions(tail_lines=9), "a\nb\nc\n"),
        (LogOptions(since_seconds=9), "b\nc\n"),
        (LogOptions(since_time="2026-01-02T03:04:02Z"), "c\n"),
        (LogOptions(limit_bytes=3), "a\nb"),
        (LogOptions(timestamps=True, tail_lines=1), "2026-01-02T03:04:02.000000000Z c\n"),
    ],
    ids=["all", "tail", "tail-0", "tail-more", "since", "since-time", "limit", "timestamps"],
)
def test_options_choose(path: Path, options: LogOptions, expected: str) -> None:
    Writer(path).write("a", "b", "c")
    assert _read(path, options) == expected


def test_long_lines_are_whole_again(path: Path) -> None:
    line = "x" * 50_000
    Writer(path).write(line, "end")
    assert _read(path, LogOptions()) == f"{line}\nend\n"
    assert _read(path, LogOptions(tail_lines=2, timestamps=True)).count("2026") == 2


def test_rotated_files_are_read_oldest_first(path: Path) -> None:
    writer = Writer(path, rotate_bytes=100)
    lines = [f"line {number}" for number in range(10)]
    writer.write(*lines)
    assert len(list(path.parent.iterdir())) > 3
    assert _read(path, LogOptions()).split("\n")[:-1] == lines
    assert _read(path, LogOptions(tail_lines=4)).split("\n")[:-1] == lines[-4:]


def test_follower_sees_what_comes_even_across_rotations(path: Path) -> None:
    writer = Writer(path, rotate_bytes=100)
    lines = [f"line {number}" for number in range(40)]
    writer.write(lines[0])
    is_running = True

    async def write() -> None:
        nonlocal is_running
        for line in lines[1:]:
            writer.write(line)
            await asyncio.sleep(0.002)
        is_running = False

    async def run() -> str:
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(_collect(path, LogOptions(follow=True), lambda: is_running))
            group.create_task(write())
        return reading.result()

    assert asyncio.run(run()).split("\n")[:-1] == lines


def test_a_rotation_while_the_files_are_looked_up_hides_none(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer(path, rotate_bytes=100, keep=99)
    lines = [f"line {number}" for number in range(40)]
    coming = iter(lines)
    writer.write(next(coming), next(coming))
    look_up = log_reader.run_files

    def rotated_meanwhile(of: Path) -> list[Path]:
        files = look_up(of)
        writer.write(*itertools.islice(coming, 3))
        return files

    monkeypatch.setattr(log_reader, "run_files", rotated_meanwhile)
    assert _read(path, LogOptions()).split("\n")[:-1] == lines


def test_follower_waits_for_a_log_that_is_not_there_yet(path: Path) -> None:
    async def run() -> str:
        async with asyncio.TaskGroup() as group:
            running = [True]
            reading = group.create_task(_collect(path, LogOptions(follow=True), lambda: running[0]))
            await asyncio.sleep(0)
            Writer(path).write("late")
            running[0] = False
        return reading.result()

    assert asyncio.run(run()) == "late\n"


def test_last_lines_are_the_end(path: Path) -> None:
    assert last_lines(path) == ""
    Writer(path).write(*(f"line {number}" for number in range(1000)))
    assert last_lines(path).split("\n") == [f"line {number}" for number in range(920, 1000)]


def test_line_that_is_none_is_left_out() -> None:
    assert parse_line(b"2026 stdout") is None
