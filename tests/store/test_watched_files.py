"""Files own their objects: save, and it applies; what can't be taken over leaves the last good state and is told."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from meshgate.api import Problem, Ref
from meshgate.store.admission import Admission
from meshgate.store.core import Apply, Change, Write, meta
from meshgate.store.files import WatchedFiles
from meshgate.store.sqlite import Prepared, Store

DEADLINE_S = 10.0


def config_map(name: str, value: str = "1", namespace: str = "default") -> str:
    return (
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: {namespace}}}\ndata: {{v: '{value}'}}\n"
    )


async def no_thirteen(changes: Sequence[Change]) -> tuple[Problem, ...]:
    """Refuses objects that hold 13."""
    return tuple(
        Problem("IST0106", "error", change.ref, "data.v", "13 is unlucky", position=change.positions.at("data.v"))
        for change in changes
        if change.after and change.positions and change.after.get("data") == {"v": "13"}
    )


class Watched:
    def __init__(self, store: Store, *paths: Path) -> None:
        self.store = store
        self.files = WatchedFiles(store, Admission(store, no_thirteen), paths)

    @property
    def values(self) -> dict[str, str]:
        maps = self.store.list("ConfigMap")
        return {f"{meta(raw)['namespace']}/{meta(raw)['name']}": raw["data"]["v"] for raw in maps}

    def load(self) -> tuple[Problem, ...]:
        return asyncio.run(self.files.load())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "yaml").mkdir()
    return tmp_path / "yaml"


@pytest.fixture
def watched(tmp_path: Path, folder: Path) -> Watched:
    return Watched(Store(tmp_path / "data"), folder)


def test_a_folder_is_applied_with_its_namespaces(watched: Watched, folder: Path) -> None:
    (folder / "a.yaml").write_text(config_map("a", namespace="shop") + "---\n" + config_map("b"))
    (folder / "deep").mkdir()
    (folder / "deep" / "c.yml").write_text(config_map("c"))
    (folder / ".hidden.yaml").write_text("not: [an object")
    (folder / "notes.txt").write_text("not: [an object")
    assert watched.load() == ()
    assert watched.values == {"default/b": "1", "default/c": "1", "shop/a": "1"}
    placed = watched.store.positions(Ref("ConfigMap", "default", "b"))
    assert placed is not None
    assert placed.at("data.v") == f"{folder}/a.yaml:9"


def test_loading_again_changes_nothing(watched: Watched, folder: Path) -> None:
    (folder / "a.yaml").write_text(config_map("a"))
    watched.load()
    revision = watched.store.revision.value
    watched.load()
    assert watched.store.revision.value == revision


def test_a_change_looks_only_at_what_changed(watched: Watched, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    prepare = watched.store.prepare

    def counted(writes: Iterable[Write]) -> Prepared:
        listed = tuple(writes)
        asked.append([meta(write.raw)["name"] for write in listed if isinstance(write, Apply)])
        return prepare(listed)

    monkeypatch.setattr(watched.store, "prepare", counted)
    (folder / "a.yaml").write_text(config_map("a") + "---\n" + config_map("b"))
    (folder / "c.yaml").write_text(config_map("c"))
    watched.load()
    (folder / "a.yaml").write_text(config_map("a") + "---\n" + config_map("b", "2"))
    watched.load()
    somebody_else = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"v": "3"}}
    watched.store.transact([Apply(raw=somebody_else)])
    asked.pop()
    (folder / "a.yaml").write_text(config_map("a", "4") + "---\n" + config_map("b", "2"))
    watched.load()
    assert asked == [["a", "b", "c"], ["b"], ["a", "c"]]
    assert watched.values == {"default/a": "4", "default/b": "2", "default/c": "1"}


def test_what_leaves_the_files_is_deleted_and_nothing_else(watched: Watched, folder: Path) -> None:
    (folder / "a.yaml").write_text(config_map("a") + "---\n" + config_map("b"))
    (folder / "b.yaml").write_text(config_map("c"))
    watched.load()
    (folder / "a.yaml").write_text(config_map("b", "2"))
    (folder / "b.yaml").unlink()
    assert watched.load() == ()
    assert watched.values == {"default/b": "2"}


def test_files_own_their_objects_across_restarts(tmp_path: Path, folder: Path) -> None:
    (folder / "a.yaml").write_text(config_map("a") + "---\n" + config_map("b"))
    store = Store(tmp_path / "data")
    Watched(store, folder).load()
    store.close()
    (folder / "a.yaml").write_text(config_map("b"))
    reopened = Watched(Store(tmp_path / "data"), folder)
    reopened.load()
    assert reopened.values == {"default/b": "1"}


def test_an_object_may_move_to_another_file(watched: Watched, folder: Path) -> None:
    (folder / "a.yaml").write_text(config_map("a"))
    watched.load()
    uid = meta(watched.store.list("ConfigMap")[0])["uid"]
    (folder / "a.yaml").unlink()
    (folder / "b.yaml").write_text(config_map("a"))
    watched.load()
    assert meta(watched.store.list("ConfigMap")[0])["uid"] == uid
    assert watched.store.owners() == {Ref("ConfigMap", "default", "a"): str(folder / "b.yaml")}


def test_a_broken_file_keeps_its_last_good_state(watched: Watched, folder: Path) -> None:
    (folder / "a.yaml").write_text(config_map("a"))
    (folder / "b.yaml").write_text(config_map("b"))
    watched.load()
    (folder / "a.yaml").write_text("kind: [ConfigMap\n")
    (folder / "b.yaml").write_text(config_map("b", "2"))
    (problem,) = watched.load()
    assert problem.position.startswith(f"{folder}/a.yaml:")
    assert watched.values == {"default/a": "1", "default/b": "2"}
    assert watched.files.problems.value == (problem,)
    (folder / "a.yaml").write_text(config_map("a", "3"))
    assert watched.load() == ()
    assert watched.values == {"default/a": "3", "default/b": "2"}


def test_a_file_whose_object_is_refused_is_broken_and_the_others_apply(watched: Watched, folder: Path) -> None:
    (folder / "a.yaml").write_text(config_map("a", "13") + "---\n" + config_map("a2"))
    (folder / "b.yaml").write_text(config_map("b"))
    (problem,) = watched.load()
    assert (problem.text, problem.position) == ("13 is unlucky", f"{folder}/a.yaml:4")
    assert watched.values == {"default/b": "1"}


def test_the_same_object_in_two_files_is_told_with_both_places(watched: Watched, folder: Path) -> None:
    (folder / "z.yaml").write_text(config_map("a"))
    watched.load()
    (folder / "b.yaml").write_text(config_map("b") + "---\n" + config_map("a", "2"))
    (problem,) = watched.load()
    assert problem.position == f"{folder}/b.yaml:6"
    assert f"{folder}/z.yaml:1" in problem.hint
    assert watched.values == {"default/a": "1"}


def test_a_namespace_that_leaves_goes_when_nothing_needs_it(watched: Watched, folder: Path) -> None:
    namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
    (folder / "ns.yaml").write_text(namespace)
    (folder / "a.yaml").write_text(config_map("a", namespace="shop"))
    watched.load()
    (folder / "ns.yaml").unlink()
    watched.load()
    assert watched.values == {"shop/a": "1"}
    (folder / "a.yaml").unlink()
    watched.load()
    assert watched.store.get("Namespace", "", "shop") is None


def test_a_folder_that_vanishes_keeps_its_objects(watched: Watched, folder: Path) -> None:
    (folder / "a.yaml").write_text(config_map("a"))
    watched.load()
    shutil.move(folder, folder.with_name("away"))
    problems = watched.load()
    assert {problem.position for problem in problems} == {str(folder), f"{folder}/a.yaml"}
    assert watched.values == {"default/a": "1"}
    shutil.move(folder.with_name("away"), folder)
    assert watched.load() == ()


def test_a_file_that_is_missing_or_unreadable_is_told(tmp_path: Path, folder: Path) -> None:
    (folder / "a.yaml").write_bytes(b"\xff\xfe")
    watched = Watched(Store(tmp_path / "data"), folder / "a.yaml", folder / "none.yaml")
    assert [problem.text for problem in watched.load()] == [
        "the file cannot be read: it is not UTF-8",
        "the file cannot be read: no such file or directory",
    ]


def save_in_place(path: Path, text: str) -> None:
    path.write_text(text)


def save_by_rename(path: Path, text: str) -> None:
    """Most editors: a new file takes the old one's name."""
    path.with_name(".tmp-1234").write_text(text)
    path.with_name(".tmp-1234").rename(path)


def save_with_backup(path: Path, text: str) -> None:
    """vim: the old file steps aside first."""
    path.rename(f"{path}~")
    path.write_text(text)
    Path(f"{path}~").unlink()


@asynccontextmanager
async def serving(watched: Watched) -> AsyncIterator[None]:
    ready = asyncio.Event()
    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
        part = group.create_task(watched.files.serve(ready))
        await ready.wait()
        yield
        part.cancel()


@pytest.mark.slow
@pytest.mark.parametrize("by_file", [False, True], ids=["folder", "file"])
@pytest.mark.parametrize("save", [save_in_place, save_by_rename, save_with_backup])
def test_save_and_it_applies(tmp_path: Path, folder: Path, save: Callable[[Path, str], None], by_file: bool) -> None:
    path = folder / "a.yaml"
    path.write_text(config_map("a"))
    watched = Watched(Store(tmp_path / "data"), path if by_file else folder)

    async def scenario() -> list[str]:
        since = watched.store.revision.value
        seen: list[str] = []
        async with serving(watched):
            save(path, config_map("a", "2"))
            async for event in watched.store.watch({"ConfigMap"}, since):
                seen.append(f"{event.type} {event.raw['data']['v']}")
                if event.raw["data"]["v"] == "2":
                    return seen
        raise AssertionError("unreachable")

    seen = asyncio.run(scenario())
    assert seen in (["ADDED 1", "MODIFIED 2"], ["ADDED 2"])


@pytest.mark.slow
def test_a_folder_is_watched_again_after_it_was_away(tmp_path: Path, folder: Path) -> None:
    (folder / "a.yaml").write_text(config_map("a"))
    watched = Watched(Store(tmp_path / "data"), folder)

    away = folder.with_name("away")

    async def scenario() -> None:
        async with serving(watched):
            os.rename(folder, away)
            await watched.files.problems.wait_for(lambda problems: len(problems) == 2)
            os.mkdir(folder)
            os.rename(away / "a.yaml", folder / "a.yaml")
            await watched.files.problems.wait_for(lambda problems: not problems)
            (folder / "b.yaml").write_text(config_map("b"))
            await watched.store.revision.wait_for(lambda _: "default/b" in watched.values)

    asyncio.run(scenario())
