"""The store as a whole: what is written is there, all or nothing, and watchers see it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from meshgate.api import Ref
from meshgate.store.core import Apply, Create, Delete, Positions, Raw, StatusFault, meta
from meshgate.store.history import History
from meshgate.store.sqlite import Event, Stale, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "data")
    yield opened
    opened.close()


def virtual_service(name: str, host: str = "x", namespace: str = "default") -> Raw:
    return {
        "apiVersion": "networking.istio.io/v1beta1",
        "kind": "VirtualService",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"hosts": [host]},
    }


def namespace(name: str) -> Raw:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def names(store: Store, kind: str) -> list[str]:
    return [meta(raw)["name"] for raw in store.list(kind)]


def test_the_first_namespaces_are_there(store: Store) -> None:
    assert names(store, "Namespace") == ["default", "istio-system"]
    assert store.get("Namespace", "", "default") is not None


def test_what_is_written_survives_closing(tmp_path: Path) -> None:
    first = Store(tmp_path)
    first.transact([Create(raw=virtual_service("a"), positions=Positions("f.yaml", {"": 1, "spec": 4}))])
    before, revision = first.get("VirtualService", "default", "a"), first.revision.value
    first.close()
    second = Store(tmp_path)
    assert second.get("VirtualService", "default", "a") == before
    assert second.revision.value == revision
    placed = second.positions(Ref("VirtualService", "default", "a"))
    assert placed is not None
    assert placed.at("spec.hosts[0]") == "f.yaml:4"
    second.close()


def test_files_and_directory_are_the_owners_alone(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "data").iterdir()} == {0o600}
    store.close()


def test_one_bad_write_of_ten_changes_nothing(store: Store) -> None:
    revision = store.revision.value
    writes = [Create(raw=virtual_service(f"v{n}")) for n in range(10)]
    writes[8] = Create(raw=virtual_service("v8", namespace="nowhere"))
    with pytest.raises(StatusFault, match=r'^namespaces "nowhere" not found$') as refused:
        store.transact(writes)
    assert (refused.value.code, refused.value.reason) == (404, "NotFound")
    assert names(store, "VirtualService") == []
    assert store.revision.value == revision


def test_an_equal_write_changes_nothing(store: Store) -> None:
    store.transact([Apply(raw=virtual_service("a"))])
    before, revision = store.get("VirtualService", "default", "a"), store.revision.value
    (result,) = store.transact([Apply(raw=virtual_service("a"))])
    assert result.outcome == "unchanged"
    assert store.get("VirtualService", "default", "a") is before
    assert store.revision.value == revision


def test_a_dry_run_tells_and_changes_nothing(store: Store) -> None:
    revision = store.revision.value
    (result,) = store.transact([Apply(raw=virtual_service("a"))], dry_run=True)
    assert result.outcome == "created"
    assert names(store, "VirtualService") == []
    assert store.revision.value == revision


def test_a_namespace_and_what_is_in_it_come_together(store: Store) -> None:
    store.transact([Create(raw=namespace("shop")), Create(raw=virtual_service("a", namespace="shop"))])
    assert names(store, "VirtualService") == ["a"]


def test_commit_is_refused_when_the_object_changed_meanwhile(store: Store) -> None:
    store.transact([Apply(raw=virtual_service("a"))])
    prepared = store.prepare([Apply(raw=virtual_service("a", "y"))])
    store.transact([Apply(raw=virtual_service("a", "z"))])
    with pytest.raises(Stale):
        store.commit(prepared)
    raw = store.get("VirtualService", "default", "a")
    assert raw is not None
    assert raw["spec"]["hosts"] == ["z"]


def test_commit_goes_through_when_others_changed_meanwhile(store: Store) -> None:
    prepared = store.prepare([Apply(raw=virtual_service("a"))])
    store.transact([Apply(raw=virtual_service("b"))])
    (result,) = store.commit(prepared)
    assert meta(result.raw)["resourceVersion"] == str(store.revision.value)
    assert names(store, "VirtualService") == ["a", "b"]


async def collect(events: AsyncIterator[Event], count: int) -> list[tuple[str, str]]:
    seen: list[tuple[str, str]] = []
    async with asyncio.timeout(5):
        async for event in events:
            seen.append((event.type, meta(event.raw).get("name", "")))
            if len(seen) == count:
                break
    return seen


def test_watch_replays_and_follows(store: Store) -> None:
    async def scenario() -> list[tuple[str, str]]:
        since = store.revision.value
        store.transact([Apply(raw=virtual_service("a"))])
        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(collect(store.watch({"VirtualService"}, since), 3))
            await asyncio.sleep(0)
            store.transact([Apply(raw=virtual_service("a", "y")), Create(raw=namespace("other"))])
            store.transact([Delete(ref=Ref("VirtualService", "default", "a"))])
        return watcher.result()

    assert asyncio.run(scenario()) == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]


def test_a_watcher_that_falls_behind_is_told_so(store: Store) -> None:
    async def scenario() -> None:
        since = store.revision.value
        store._history = History(since, max_changes=3)
        for number in range(5):
            store.transact([Apply(raw=virtual_service("a", f"h{number}"))])
        with pytest.raises(StatusFault, match="too old resource version") as refused:
            await collect(store.watch({"VirtualService"}, since), 1)
        assert (refused.value.code, refused.value.reason) == (410, "Expired")

    asyncio.run(scenario())


def test_a_bookmark_tells_how_far_an_idle_watcher_is(store: Store) -> None:
    async def scenario() -> Any:
        return await collect(store.watch({"Pod"}, store.revision.value, bookmark_every_s=0.01), 2)

    assert asyncio.run(scenario()) == [("BOOKMARK", ""), ("BOOKMARK", "")]


def test_events_are_forgotten_after_an_hour(tmp_path: Path) -> None:
    now = datetime(2026, 1, 2, 3, 0, tzinfo=UTC)
    store = Store(tmp_path / "data", now=lambda: now)
    event: Raw = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "old"}}
    repeated = {**event, "metadata": {"name": "repeated"}, "lastTimestamp": "2026-01-02T03:30:00Z"}
    store.transact([Create(raw=event), Create(raw=repeated)])
    now += timedelta(hours=1, seconds=1)
    store.forget_events()
    assert names(store, "Event") == ["repeated"]
    store.close()
