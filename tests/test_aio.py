"""`Latest` skips what is outdated; `supervise` starts again what fails."""

from __future__ import annotations

import asyncio
import logging

import pytest

from meshgate.aio import Latest, supervise

DEADLINE_S = 5


def test_an_equal_value_is_no_event() -> None:
    async def test() -> None:
        latest = Latest(1)
        assert not latest.set(1)
        assert latest.set(2)
        assert latest.value == 2

    asyncio.run(test())


def test_a_reader_gets_the_present_value_first_and_skips_what_is_outdated() -> None:
    async def test() -> None:
        latest = Latest(0)
        seen = []
        async with asyncio.timeout(DEADLINE_S):
            async for value in latest:
                seen.append(value)
                if value == 3:
                    break
                for newer in range(value + 1, 4):
                    latest.set(newer)
        assert seen == [0, 3]

    asyncio.run(test())


def test_wait_for_takes_the_first_value_that_holds() -> None:
    async def test() -> None:
        latest = Latest("a")

        async def later() -> None:
            latest.set("b")
            await asyncio.sleep(0)
            latest.set("c")

        async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
            group.create_task(later())
            assert await latest.wait_for(lambda value: value == "c") == "c"
            assert await latest.wait_for(lambda value: value != "") == "c"

    asyncio.run(test())


def test_a_part_that_fails_is_started_again_and_the_failure_logged(caplog: pytest.LogCaptureFixture) -> None:
    runs: list[int] = []

    async def part() -> None:
        runs.append(len(runs))
        if len(runs) < 3:
            raise RuntimeError("broken")

    async def test() -> None:
        async with asyncio.timeout(DEADLINE_S):
            await supervise("the part", part, pause_s=0)

    with caplog.at_level(logging.ERROR):
        asyncio.run(test())
    assert runs == [0, 1, 2]
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
