"""The client by itself: its words for what goes wrong, and its patience. What it does right: tests/kube."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from meshgate.api import KINDS, Kind, documents
from meshgate.client import Client, LogOptions, Positions, Selection, path_of, positions_of
from meshgate.errors import ApiError, MeshgateError, NotRunning, Refused
from meshgate.store.core import Create
from tests.client.flaky_server import FlakyServer
from tests.kube.running_api import RunningApi, pod, run, running_api, virtual_service


def kind(name: str) -> Kind:
    return next(kind for kind in KINDS if kind.kind == name)


def test_nobody_there_is_said_at_once_with_what_to_do(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Client(tmp_path / "api.sock") as client:
            with pytest.raises(NotRunning, match=f'no mesh is running at "{tmp_path}"') as refused:
                await client.status()
            assert "meshgate up" in refused.value.hint

    run(scenario)


def stale_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def test_a_stale_socket_is_given_some_time(tmp_path: Path) -> None:
    stale_socket(tmp_path / "api.sock")

    async def scenario() -> None:
        async with Client(tmp_path / "api.sock", patience_s=0.1) as client:
            with pytest.raises(NotRunning):
                await client.status()

    run(scenario)


def test_a_restart_is_waited_out(tmp_path: Path) -> None:
    stale_socket(tmp_path / "api.sock")

    async def scenario() -> Any:
        async with Client(tmp_path / "api.sock", patience_s=5) as client, asyncio.TaskGroup() as group:
            asked = group.create_task(client.transact([virtual_service()]))
            await asyncio.sleep(0)
            async with running_api(tmp_path):
                return await asked

    assert run(scenario).results[0].outcome == "created"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as somebody else")
def test_another_users_mesh_is_said(tmp_path: Path) -> None:
    stale_socket(tmp_path / "api.sock")
    os.chmod(tmp_path / "api.sock", 0)

    async def scenario() -> MeshgateError:
        async with Client(tmp_path / "api.sock", patience_s=0.1) as client:
            with pytest.raises(MeshgateError) as refused:
                await client.status()
            return refused.value

    os.chmod(tmp_path, 0o755)
    for directory in (tmp_path, *tmp_path.parents[:2]):
        os.chmod(directory, 0o755)
    os.seteuid(65534)
    try:
        error = run(scenario)
    finally:
        os.seteuid(0)
    assert isinstance(error, ApiError)
    assert (error.code, "sudo" in error.hint) == (403, True)


def test_the_words_of_the_server_arrive(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            with pytest.raises(ApiError, match='pods "x" not found') as refused:
                await api.client.get(kind("Pod"), "x", "default")
            assert (refused.value.code, refused.value.reason) == (404, "NotFound")
            with pytest.raises(ApiError, match='no matches for kind "Nothing" in version "v1"'):
                await api.client.create({"apiVersion": "v1", "kind": "Nothing"})

    run(scenario)


def test_objects_by_their_methods(tmp_path: Path) -> None:
    vs = kind("VirtualService")

    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            client = api.client
            made = await client.create(virtual_service(), dry_run=True)
            assert "resourceVersion" not in made["metadata"]
            made = await client.create(virtual_service())
            assert await client.get(vs, "web", "default") == made
            changed = await client.replace({**made, "spec": {"hosts": ["x"]}})
            assert changed["metadata"]["generation"] == 2
            with_status = await client.replace({**changed, "status": {"a": 1}}, subresource="status")
            assert with_status["status"] == {"a": 1}
            patched = await client.patch(vs, "web", "default", {"metadata": {"labels": {"a": "b"}}})
            assert patched["metadata"]["labels"] == {"a": "b"}
            listed = await client.list(vs, Selection(namespace="default", labels="a=b", fields="metadata.name=web"))
            assert [item["metadata"]["name"] for item in listed["items"]] == ["web"]
            assert (await client.list(vs, Selection(labels="a=c")))["items"] == []
            shown = await client.list(vs, table=True)
            assert shown["rows"][0]["cells"][:3] == ["web", "", '["x"]']
            assert (await client.get(vs, "web", "default", table=True))["kind"] == "Table"
            assert (await client.delete(vs, "web", "default", grace_s=0))["status"] == "Success"

    run(scenario)


def test_changes_are_watched(tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        async with running_api(tmp_path) as api:
            api.store.transact([Create(raw=pod("a"))])
            since = (await api.client.list(kind("Pod")))["metadata"]["resourceVersion"]
            api.store.transact([Create(raw={**pod("b"), "spec": {"containers": [], "x": "y" * 200_000}})])
            seen: list[str] = []
            events = api.client.watch(kind("Pod"), Selection(namespace="default"), since=since)
            async for event in events:
                seen.append(f"{event.type} {event.object['metadata']['name']}")
                break
            await events.aclose()
            with pytest.raises(ApiError) as refused:
                async for _ in api.client.watch(kind("Pod"), since="1000000"):
                    pass
            assert refused.value.code == 504
            return seen

    assert run(scenario) == ["ADDED b"]


BEFORE, WITHIN = "cut off before the answer", "cut off in the answer"


@asynccontextmanager
async def behind_a_flaky_door(directory: Path, *fates: str) -> AsyncIterator[tuple[RunningApi, Client, FlakyServer]]:
    door = directory / "door"
    async with running_api(directory) as api, FlakyServer(api.socket_path, door, fates) as flaky:
        api.store.transact([Create(raw=pod())])
        async with Client(door, patience_s=5) as client:
            yield api, client, flaky


@pytest.mark.parametrize("fate", [BEFORE, WITHIN])
def test_a_transaction_that_is_cut_off_is_done_once(tmp_path: Path, fate: str) -> None:
    """The server does it, the connection breaks before the client is told; it asks again with the same id."""
    objects = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}]

    async def scenario() -> None:
        async with behind_a_flaky_door(tmp_path, fate, fate) as (api, client, flaky):
            revision = api.store.revision.value
            done = await client.transact(objects, mode="create")
            assert [result.outcome for result in done.results] == ["created"]
            assert flaky.connections == 3
            assert api.store.revision.value == revision + 1

    run(scenario)


def test_what_only_reads_is_asked_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with behind_a_flaky_door(tmp_path, BEFORE) as (_, client, flaky):
            assert (await client.status())["kind"] == "MeshStatus"
            assert flaky.connections == 2

    run(scenario)


def test_another_write_that_is_cut_off_says_that_it_is_unknown(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with behind_a_flaky_door(tmp_path, BEFORE) as (_, client, flaky):
            with pytest.raises(NotRunning, match="it is not known whether the request was carried out"):
                await client.create(virtual_service())
            assert flaky.connections == 1

    run(scenario)


def test_a_log_that_is_cut_off_says_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with behind_a_flaky_door(tmp_path, WITHIN) as (_, client, flaky):
            log = client.logs("web", "default", options=LogOptions(follow=True))
            with pytest.raises(NotRunning, match="went away while it was answering"):
                await all_of(log)
            assert flaky.connections == 1

    run(scenario)


def test_a_command_that_is_cut_off_says_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            behind_a_flaky_door(tmp_path, WITHIN) as (_, client, _),
            client.exec("web", "default", ["cat"], stdin=True) as session,
        ):
            with pytest.raises(NotRunning, match="while the command was running"):
                await all_of(session.output())

    run(scenario)


async def all_of(items: AsyncIterator[object]) -> list[object]:
    return [item async for item in items]


def test_an_answer_that_is_no_status_is_told_as_it_is(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            with pytest.raises(ApiError, match="404 page not found"):
                await api.client._read("/nothing")

    run(scenario)


YAML = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web}
spec:
  hosts:
  - a
  http:
  - route:
    - destination: {host: a}
"""


def test_positions_of_a_document() -> None:
    (document,), _ = documents(YAML, "web.yaml")
    positions = positions_of(document)
    lines = {path: line for path, line in positions.lines.items() if path.startswith("spec")}
    assert positions.file == "web.yaml"
    assert lines == {
        "spec": 4,
        "spec.hosts": 5,
        "spec.hosts[0]": 6,
        "spec.http": 7,
        "spec.http[0]": 8,
        "spec.http[0].route": 8,
        "spec.http[0].route[0]": 9,
        "spec.http[0].route[0].destination": 9,
        "spec.http[0].route[0].destination.host": 9,
    }
    assert msgspec.json.decode(msgspec.json.encode(positions), type=Positions) == positions


@pytest.mark.parametrize(
    ("name", "place", "path"),
    [
        ("Pod", ("shop", "a", "log"), "/api/v1/namespaces/shop/pods/a/log"),
        ("Namespace", ("ignored", "a"), "/api/v1/namespaces/a"),
        ("Gateway", ("", ""), "/apis/networking.istio.io/v1/gateways"),
        ("Deployment", ("a/b", "c d"), "/apis/apps/v1/namespaces/a%2Fb/deployments/c%20d"),
    ],
)
def test_paths(name: str, place: tuple[str, ...], path: str) -> None:
    assert path_of(kind(name), *place) == path


def test_refused_objects_carry_their_problems(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            with pytest.raises(Refused) as refused:
                await api.client.transact([{**virtual_service(), "spec": {"hosts": 3}}])
            assert [getattr(problem, "path", "") for problem in refused.value.problems] == ["spec.hosts"]

    run(scenario)
