"""Ends of pipes and terminals on the loop."""

from __future__ import annotations

import asyncio
import os

from meshgate.host.pipes import ReadEnd, WriteEnd, wait_readable


async def _read_all(end: ReadEnd) -> bytes:
    whole = b""
    while True:
        data = end.read()
        if data is None:
            await wait_readable([end])
        elif data:
            whole += data
        else:
            return whole


def test_more_than_a_pipe_holds_goes_through() -> None:
    async def run() -> bytes:
        reading, writing = os.pipe()
        reader, writer = ReadEnd(reading), WriteEnd(writing)

        async def write() -> None:
            assert await writer.write(b"x" * 1_000_000)
            writer.close()

        async with asyncio.TaskGroup() as group:
            found = group.create_task(_read_all(reader))
            group.create_task(write())
        reader.close()
        reader.close()
        return found.result()

    assert asyncio.run(run()) == b"x" * 1_000_000


def test_writer_learns_that_nobody_reads() -> None:
    async def run() -> tuple[bool, bool]:
        reading, writing = os.pipe()
        writer = WriteEnd(writing)
        os.close(reading)
        first = await writer.write(b"x")
        writer.close()
        return first, await writer.write(b"x")

    assert asyncio.run(run()) == (False, False)


def test_terminal_that_was_hung_up_is_at_its_end() -> None:
    async def run() -> bytes:
        master, slave = os.openpty()
        reader = ReadEnd(master)
        os.write(slave, b"last")
        os.close(slave)
        found = await _read_all(reader)
        reader.close()
        return found

    assert asyncio.run(run()) == b"last"


def test_one_of_several_wakes() -> None:
    async def run() -> list[bytes | None]:
        pipes = [os.pipe() for _ in range(2)]
        ends = [ReadEnd(reading) for reading, _ in pipes]
        os.write(pipes[1][1], b"here")
        async with asyncio.timeout(5):
            await wait_readable(ends)
        found = [end.read() for end in ends]
        for end, (_, writing) in zip(ends, pipes, strict=True):
            end.close()
            os.close(writing)
        return found

    assert asyncio.run(run()) == [None, b"here"]
