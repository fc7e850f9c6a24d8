"""What `meshgate wait` waits for, and what it says when it has waited in vain."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from meshgate.cli.group import main
from meshgate.cli.wait import Condition, parse_condition
from tests.kube.running_api import run, running_api

AVAILABLE = Condition("Available")


def deployment(status: str = "True", observed: int = 2) -> dict[str, object]:
    conditions = [{"type": "Progressing", "status": "True"}, {"type": "Available", "status": status}]
    return {"metadata": {"generation": 2}, "status": {"observedGeneration": observed, "conditions": conditions}}


@pytest.mark.parametrize(
    ("raw", "holds"),
    [
        pytest.param(deployment(), True, id="it holds"),
        pytest.param(deployment("False"), False, id="it does not"),
        pytest.param(deployment(observed=1), False, id="of the version before"),
        pytest.param({"metadata": {"generation": 1}}, False, id="no status"),
    ],
)
def test_a_condition_is_that_of_the_newest_version(raw: dict[str, object], holds: bool) -> None:
    assert AVAILABLE.holds(raw) is holds
    assert Condition("available").holds(raw) is holds


def test_a_condition_can_be_wanted_false() -> None:
    assert parse_condition("condition=Available=False") == Condition("Available", "false")
    assert Condition("Available", "false").holds(deployment("False"))


def pod(name: str, ready: str) -> dict[str, object]:
    spec = {"containers": [{"name": "app", "command": ["true"]}]}
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]}
    metadata = {"name": name, "namespace": "default", "labels": {"app": "web"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}


def waited(directory: Path, *arguments: str) -> int:
    with pytest.raises(SystemExit) as ending:
        main(["wait", *arguments, "--data-dir", str(directory)])
    assert isinstance(ending.value.code, int)
    return ending.value.code


@pytest.mark.parametrize(
    ("arguments", "code", "out", "err"),
    [
        pytest.param(["pod", "-l", "app=web"], 0, "pod/one condition met\npod/two condition met\n", "", id="selected"),
        pytest.param(["pod/one"], 0, "pod/one condition met\n", "", id="named"),
        pytest.param(["pod", "-l", "app=x"], 1, "", "error: no matching resources found\n", id="none"),
        pytest.param(["pod", "late"], 1, "", "error: timed out waiting for the condition on pod/late\n", id="late"),
        pytest.param(["pod"], 64, "", "error: resource(s) were provided, but no name was specified\n", id="no name"),
    ],
)
def test_objects_are_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, out: str, err: str
) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            late = pod("late", "False")
            late["metadata"] = {"name": "late", "namespace": "default"}
            for raw in (pod("one", "True"), pod("two", "True"), late):
                await api.client.create(raw)
                await api.client.replace(raw, subresource="status")
            words = ["--for", "condition=Ready", "--timeout", "200ms", *arguments]
            assert await asyncio.to_thread(waited, tmp_path, *words) == code

    run(scenario)
    told = capsys.readouterr()
    assert told.out == out
    assert told.err.startswith(err)


def test_what_cannot_be_waited_for_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert waited(tmp_path, "--for", "ready", "pod/one") == 64
    assert "--for 'ready' is nothing that can be waited for" in capsys.readouterr().err
    assert waited(tmp_path, "--for", "applied", "pod/one") == 64
