"""Containers' output becomes CRI lines in files that rotate, also while nobody but the shim runs."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from pathlib import Path

import pytest

from meshgate.host.holder.shim import PART_BYTES, LineWriter, LogFile
from meshgate.host.holder.wire import Wire
from meshgate.host.spawn import HolderClient
from tests.host.capsules import CapsuleUnderTest, capsule_under_test, shell, until

STAMP = "2026-01-02T03:04:05.000000678Z"
NANOSECONDS = 1_767_323_045_000_000_678


def _writer(path: Path, stream: str = "stdout") -> LineWriter:
    return LineWriter(stream, LogFile(str(path), 1 << 30, 2), lambda: NANOSECONDS)


def test_lines_are_stamped_and_tagged(tmp_path: Path) -> None:
    writer = _writer(tmp_path / "0.log", "stderr")
    for part in (b"one\ntwo\n\nthr", b"ee\nlast"):
        writer.feed(part)
    writer.end()
    texts = ["one", "two", "", "three", "last"]
    assert (tmp_path / "0.log").read_text() == "".join(f"{STAMP} stderr F {text}\n" for text in texts)


@pytest.mark.parametrize("cut", [1000, PART_BYTES, 3 * PART_BYTES, 10 * PART_BYTES])
def test_long_lines_are_cut_into_parts(tmp_path: Path, cut: int) -> None:
    writer = _writer(tmp_path / "0.log")
    line = b"".join(b"%07d " % number for number in range(PART_BYTES // 3))
    data = b"short\n" + line + b"\nshort\n"
    for start in range(0, len(data), cut):
        writer.feed(data[start : start + cut])
    whole = b""
    lines = []
    for written in (tmp_path / "0.log").read_bytes().splitlines():
        _, _, tag, text = written.split(b" ", 3)
        assert len(text) <= PART_BYTES
        whole += text
        if tag == b"F":
            lines.append(whole)
            whole = b""
    assert lines == [b"short", line, b"short"]


def test_file_rotates_by_size_and_keeps_a_count(tmp_path: Path) -> None:
    file = LogFile(str(tmp_path / "0.log"), 10, 3)
    for number in range(5):
        file.write(b"line %03d\n" % number)
        file.write(b"x\n")
    file.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.log", "0.log.1", "0.log.2"]
    assert (tmp_path / "0.log").read_bytes() == b""
    assert (tmp_path / "0.log.1").read_bytes() == b"line 004\nx\n"
    assert (tmp_path / "0.log.2").read_bytes() == b"line 003\nx\n"


def test_file_that_keeps_nothing_starts_anew(tmp_path: Path) -> None:
    file = LogFile(str(tmp_path / "0.log"), 4, 1)
    file.write(b"long line\n")
    file.write(b"x\n")
    file.close()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"0.log": b"x\n"}


@pytest.mark.e2e
def test_shim_outlives_the_control_plane_and_ends_with_its_pod(tmp_path: Path) -> None:
    async def run(capsule: CapsuleUnderTest) -> None:
        client = capsule.connect()
        await client.tell_ready({})
        log = tmp_path / "logs" / "app" / "0.log"
        await _start_logged(client, log)
        capsule.kill_control_plane(client)
        client = capsule.connect()
        control = await client.fetch("shim/pod")
        assert control
        await until(lambda: log.read_text().count("\n") == 3)
        lines = [re.sub(r"^\S+Z ", "", line) for line in log.read_text().splitlines()]
        assert sorted(lines) == ["stderr F two", "stdout F one", "stdout F three"]
        os.close(control[0])
        await client.drop(["shim/pod"])
        ended: list[str] = []
        client.on_exit(lambda child: ended.append(child.id))
        if any(child.is_running for child in (await client.table()).children):
            await until(lambda: "pod/log" in ended)
        client.close()

    with capsule_under_test(tmp_path) as capsule:
        asyncio.run(run(capsule))


async def _start_logged(client: HolderClient, log: Path) -> None:
    ours, theirs = socket.socketpair()
    await client.start_shim("pod/log", theirs.fileno())
    theirs.close()
    await client.keep("shim/pod", [ours.fileno()])
    out_reader, out = os.pipe()
    error_reader, error = os.pipe()
    wire = Wire(ours)
    wire.send({"path": str(log), "rotate_bytes": 1 << 20, "keep": 2}, [out_reader, error_reader])
    request = shell("pod/app", "echo one; echo two >&2; sleep 0.3; printf three")
    await client.spawn(request._replace(fds=("stdout", "stderr")), [out, error])
    for fd in (out_reader, error_reader, out, error):
        os.close(fd)
    wire.close()
