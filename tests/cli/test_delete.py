"""What `meshgate delete` does, and what it says it has done."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from meshgate.api import Ref
from meshgate.cli.delete import deletion_lines
from meshgate.cli.group import main
from meshgate.client import ObjectResult
from tests.kube.running_api import run, running_api, virtual_service

NOT_FOUND = 'Error from server (NotFound): virtualservices.networking.istio.io "{}" not found\n'


def test_only_what_was_there_is_said_to_be_deleted() -> None:
    there = ObjectResult(ref=Ref("VirtualService", "shop", "web"), outcome="deleted", object={})
    missing = ObjectResult(ref=Ref("Service", "shop", "web"), outcome="unchanged", object=None)
    assert list(deletion_lines([missing, there])) == ['virtualservice.networking.istio.io "web" deleted']


def exit_code(directory: Path, *arguments: str) -> int:
    with pytest.raises(SystemExit) as ending:
        main(["delete", *arguments, "--data-dir", str(directory)])
    assert isinstance(ending.value.code, int)
    return ending.value.code


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["vs", "gone", "web", "old"], 1, NOT_FOUND.format("gone") + NOT_FOUND.format("old"), id="names"),
        pytest.param(["-f", "{}/vs.json"], 1, NOT_FOUND.format("gone"), id="file"),
        pytest.param(["vs", "gone", "web", "--ignore-not-found"], 0, "", id="ignored"),
        pytest.param(["vs", "web"], 0, "", id="all there"),
    ],
)
def test_what_is_missing_is_told_and_the_others_are_deleted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    given = [argument.format(tmp_path) for argument in arguments]
    objects = [virtual_service("gone"), virtual_service("web")]
    (tmp_path / "vs.json").write_text("\n---\n".join(str(each) for each in objects))

    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            await api.client.transact([virtual_service("web")])
            assert await asyncio.to_thread(exit_code, tmp_path, *given) == code
            assert api.store.get("VirtualService", "default", "web") is None

    run(scenario)
    told = capsys.readouterr()
    assert (told.out, told.err) == ('virtualservice.networking.istio.io "web" deleted\n', said)
