"""Transactions: many objects in one request, all or nothing, done once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshgate.client import Positions
from meshgate.errors import ApiError, Refused
from meshgate.store.core import meta
from tests.kube.running_api import RunningApi, pod, run, running_api, virtual_service
from tests.kube.test_server import grumpy

PATH = "/apis/meshgate.io/v1/transactions"


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def ten(bad: dict[str, Any]) -> list[dict[str, Any]]:
    return [*(config_map(f"c{number}") for number in range(8)), bad, config_map("c9")]


def test_objects_are_applied_together(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            done = await api.client.transact([config_map("a"), virtual_service("b")])
            assert [(result.ref.name, result.outcome) for result in done.results] == [
                ("a", "created"),
                ("b", "created"),
            ]
            assert done.resource_version == str(api.store.revision.value)
            done = await api.client.transact([config_map("a"), virtual_service("b", "new")])
            assert [result.outcome for result in done.results] == ["unchanged", "configured"]
            assert done.results[1].object is not None
            assert done.results[1].object["spec"]["hosts"] == ["new"]

    run(scenario)


def test_objects_are_created_and_deleted_together(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            objects = [config_map("a"), config_map("b")]
            await api.client.transact(objects, mode="create")
            with pytest.raises(ApiError, match='configmaps "b" already exists'):
                await api.client.transact([config_map("c"), config_map("b")], mode="create")
            assert api.store.get("ConfigMap", "default", "c") is None
            done = await api.client.transact(objects, mode="delete")
            assert [result.outcome for result in done.results] == ["deleted", "deleted"]
            with pytest.raises(ApiError, match='configmaps "a" not found'):
                await api.client.transact(objects, mode="delete")
            await api.client.transact(objects, mode="delete", ignore_missing=True)

    run(scenario)


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        ({**virtual_service(), "spec": {"htp": []}}, Refused),
        ({**virtual_service(), "kind": "VirtualServise"}, Refused),
        ({**virtual_service(), "spec": "x"}, Refused),
        ({**config_map("c9"), "metadata": None}, Refused),
        ({}, Refused),
        (config_map("c3"), Refused),
        ({**config_map("x"), "metadata": {"name": "x", "namespace": "nowhere"}}, ApiError),
        ({**config_map("x"), "metadata": {"name": "x", "resourceVersion": 3}}, (ApiError, Refused)),
    ],
    ids=["field", "kind", "type", "metadata", "nothing", "twice", "namespace", "metadata's type"],
)
def test_object_nine_of_ten_is_bad_and_nothing_has_changed(tmp_path: Path, bad: Any, error: Any) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            revision = api.store.revision.value
            with pytest.raises(error):
                await api.client.transact(ten(bad))
            assert api.store.list("ConfigMap") == ()
            assert api.store.revision.value == revision

    run(scenario)


def test_every_fault_of_every_object_is_told_with_its_place(tmp_path: Path) -> None:
    first = {**virtual_service("a"), "spec": {"hosts": ["a"], "htp": [], "tpc": []}}
    second = {**virtual_service("b"), "spec": {"hosts": 3}}

    async def scenario() -> Refused:
        async with running_api(tmp_path) as api:
            positions = [Positions("a.yaml", {"": 1, "spec": 4, "spec.htp": 6}), Positions("b.yaml", {"": 1})]
            with pytest.raises(Refused) as refused:
                await api.client.transact([first, second], positions=positions)
            return refused.value

    problems: Any = run(scenario).problems
    assert [(str(problem.ref), problem.path, problem.position) for problem in problems] == [
        ("VirtualService/default/a", "spec.htp", "a.yaml:6"),
        ("VirtualService/default/a", "spec.tpc", "a.yaml:4"),
        ("VirtualService/default/b", "spec.hosts", "b.yaml:1"),
    ]


def test_the_place_of_what_the_store_refuses_is_told(tmp_path: Path) -> None:
    raw = {**config_map("x"), "metadata": {"name": "x", "namespace": "nowhere"}}

    async def scenario() -> ApiError:
        async with running_api(tmp_path) as api:
            with pytest.raises(ApiError) as refused:
                await api.client.transact([config_map("a"), raw], positions=[None, Positions("b.yaml", {"": 7})])
            return refused.value

    error = run(scenario)
    assert (error.text, error.hint) == ('namespaces "nowhere" not found', "it is written at b.yaml:7")


def test_what_admission_says_is_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path, grumpy) as api:
            with pytest.raises(Refused, match="no such host") as refused:
                await api.client.transact([virtual_service("web"), config_map("a")])
            problems: Any = refused.value.problems
            assert [problem.code for problem in problems] == ["MG9999"]
            assert api.store.list("ConfigMap") == ()
            done = await api.client.transact([config_map("a")])
            assert [(problem.severity, problem.text) for problem in done.problems] == [("warning", "no such host")]

    run(scenario)


def test_a_dry_run_tells_and_does_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            done = await api.client.transact([config_map("a")], dry_run=True)
            assert (done.dry_run, done.results[0].outcome) == (True, "created")
            assert api.store.list("ConfigMap") == ()

    run(scenario)


async def sent_twice(api: RunningApi, body: dict[str, Any]) -> list[Any]:
    return [await api.call("POST", PATH, body) for _ in range(2)]


def test_a_transaction_that_is_sent_again_is_done_once(tmp_path: Path) -> None:
    body = {"id": "t-1", "mode": "create", "objects": [config_map("a"), config_map("b")]}

    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            (first_code, first), (second_code, second) = await sent_twice(api, body)
            assert (first_code, second_code) == (200, 200)
            assert first == second
            assert await api.call("GET", f"{PATH}/t-1") == (200, first)
            code, status = await api.call("GET", f"{PATH}/t-2")
            assert (code, status["message"]) == (404, 'transactions.meshgate.io "t-2" not found')
        async with running_api(tmp_path) as api:
            assert (await api.call("POST", PATH, body))[1]["results"] == first["results"]

    run(scenario)


def test_a_generated_name(tmp_path: Path) -> None:
    raw = {**pod(), "metadata": {"generateName": "web-"}}

    async def scenario() -> str:
        async with running_api(tmp_path) as api:
            done = await api.client.transact([raw], mode="create")
            return done.results[0].ref.name

    assert run(scenario).startswith("web-")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"objects": 3}', b'{"objects": [], "mode": "destroy"}'])
def test_what_is_no_transaction_is_refused(tmp_path: Path, body: bytes) -> None:
    async def scenario() -> Any:
        async with running_api(tmp_path) as api:
            return await api.call("POST", PATH, body)

    code, status = run(scenario)
    assert (code, status["message"].startswith("this is no transaction")) == (400, True)


def test_nothing_of_nothing_is_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            assert (await api.client.transact([])).results == ()
            assert [meta(raw)["name"] for raw in api.store.list("Namespace")] == ["default", "istio-system"]

    run(scenario)
