"""The mesh's status, and waiting until it has followed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from meshgate.errors import ApiError
from tests.kube.running_api import run, running_api


def test_the_status(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            assert await api.client.status() == {
                "kind": "MeshStatus",
                "apiVersion": "meshgate.io/v1",
                "proxies": [],
            }

    run(scenario)


def test_waiting_ends_when_all_proxies_have_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api, asyncio.TaskGroup() as group:
            waiting = group.create_task(api.client.wait_applied(10))
            api.mesh.applied.set()
            assert (await waiting)["kind"] == "MeshStatus"

    run(scenario)


def test_waiting_ends_when_its_time_is_over(tmp_path: Path) -> None:
    async def scenario() -> ApiError:
        async with running_api(tmp_path) as api:
            with pytest.raises(ApiError, match="not every proxy has acknowledged") as refused:
                await api.client.wait_applied(0)
            return refused.value

    error = run(scenario)
    assert (error.code, error.reason) == (504, "Timeout")


def test_only_what_is_known_can_be_waited_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            code, status = await api.call("GET", "/apis/meshgate.io/v1/wait?for=rain")
            assert (code, status["message"]) == (400, 'cannot wait for "rain": expected "applied"')
            assert (await api.call("GET", "/apis/meshgate.io/v1/rain"))[0] == 404

    run(scenario)
