"""Watches: a line for each change, from where the client is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from meshgate.api import Ref
from meshgate.store.core import Apply, Create, Delete, Modify, meta
from meshgate.store.history import History
from tests.kube.running_api import RunningApi, pod, run, running_api, virtual_service

VS = "/apis/networking.istio.io/v1beta1/virtualservices"
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}


class Lines:
    def __init__(self, content: aiohttp.StreamReader) -> None:
        self._content = content

    async def next(self) -> dict[str, Any]:
        line = await self._content.readline()
        found: dict[str, Any] = msgspec.json.decode(line)
        return found

    async def types(self, count: int) -> list[str]:
        events = [await self.next() for _ in range(count)]
        return [f"{event['type']} {event['object']['metadata'].get('name', '')}".strip() for event in events]

    async def is_over(self) -> bool:
        return await self._content.read() == b""


@asynccontextmanager
async def watching(api: RunningApi, query: str = "", **headers: str) -> AsyncIterator[Lines]:
    async with api.session.get(f"http://x{VS}?watch=true{query}", headers=headers) as answer:
        assert answer.status == 200
        yield Lines(answer.content)


def test_without_a_version_all_that_is_there_comes_first(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            api.store.transact([Create(raw=virtual_service("a")), Create(raw=virtual_service("b"))])
            async with watching(api) as lines:
                first = await lines.next()
                assert first["object"]["apiVersion"] == "networking.istio.io/v1beta1"
                assert await lines.types(1) == ["ADDED b"]
                api.store.transact([Apply(raw=virtual_service("a", "new"))])
                api.store.transact([Delete(ref=Ref("VirtualService", "default", "b"))])
                assert await lines.types(2) == ["MODIFIED a", "DELETED b"]

    run(scenario)


def test_from_a_version_only_what_came_after(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            api.store.transact([Create(raw=virtual_service("a"))])
            since = api.store.revision.value
            api.store.transact([Create(raw=virtual_service("b"))])
            async with watching(api, f"&resourceVersion={since}") as lines:
                assert await lines.types(1) == ["ADDED b"]

    run(scenario)


def test_an_object_comes_and_goes_with_its_label(tmp_path: Path) -> None:
    def labelled(value: str) -> Modify:
        return Modify(
            ref=Ref("VirtualService", "default", "a"),
            change=lambda raw: {**raw, "metadata": {**meta(raw), "labels": {"tier": value}}},
        )

    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            api.store.transact([Create(raw=virtual_service("a"))])
            async with watching(api, "&labelSelector=tier%3Dfront") as lines:
                for value in ("front", "front", "back"):
                    api.store.transact([labelled(value)])
                assert await lines.types(2) == ["ADDED a", "DELETED a"]

    run(scenario)


def test_bookmarks_tell_that_all_that_was_there_has_come(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            api.store.transact([Create(raw=virtual_service("a"))])
            async with watching(api, "&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersion=1") as lines:
                assert await lines.types(1) == ["ADDED a"]
                bookmark = await lines.next()
                assert bookmark["type"] == "BOOKMARK"
                assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}

    run(scenario)


@pytest.mark.slow
def test_a_watch_ends_when_its_time_is_over(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api, watching(api, "&timeoutSeconds=1") as lines:
            assert await lines.is_over()

    run(scenario)


def test_whoever_asks_too_late_is_told_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            api.store._history = History(api.store.revision.value, max_changes=2)
            for number in range(5):
                api.store.transact([Apply(raw=virtual_service("a", f"h{number}"))])
            async with watching(api, "&resourceVersion=1") as lines:
                event = await lines.next()
                assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
                assert await lines.is_over()

    run(scenario)


@pytest.mark.slow
def test_a_reader_who_does_not_read_costs_no_memory_and_is_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            api.store._history = History(api.store.revision.value, max_changes=10)
            big = "h" * 100_000
            async with watching(api) as lines:
                for number in range(300):
                    api.store.transact([Apply(raw=virtual_service("a", f"{number}{big}"))])
                    await asyncio.sleep(0)
                seen = []
                while (event := await lines.next())["type"] != "ERROR":
                    seen.append(event["type"])
                assert event["object"]["code"] == 410
                assert len(seen) < 200

    run(scenario)


def test_a_watch_as_a_table_names_its_columns_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            api.store.transact([Create(raw=virtual_service("a")), Create(raw=virtual_service("b"))])
            async with watching(api, **TABLE) as lines:
                first, second = await lines.next(), await lines.next()
            assert first["object"]["kind"] == "Table"
            assert [column["name"] for column in first["object"]["columnDefinitions"]] == [
                "Name",
                "Gateways",
                "Hosts",
                "Age",
                "Problems",
            ]
            assert second["object"]["columnDefinitions"] == []
            assert second["object"]["rows"][0]["cells"][0] == "b"

    run(scenario)


def test_a_watch_that_cannot_be_is_refused_at_once(tmp_path: Path) -> None:
    async def scenario() -> tuple[int, Any]:
        async with running_api(tmp_path) as api:
            api.store.transact([Create(raw=pod())])
            return await api.call("GET", "/api/v1/pods?watch=true&fieldSelector=spec.colour%3Dred")

    code, status = run(scenario)
    assert (code, status["reason"]) == (400, "BadRequest")
