"""Logs and commands of containers, over HTTP and WebSocket."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from meshgate.client import LogOptions
from meshgate.errors import ApiError
from meshgate.store.core import Create
from tests.kube.running_api import RunningApi, pod, run, running_api

POD = "/api/v1/namespaces/default/pods/web"


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("", "default/web/app\n"),
        ("?container=istio-proxy", "default/web/istio-proxy\n"),
        ("?container=none", "container none is not valid for pod web"),
        ("?tailLines=x", 'query parameter tailLines: expected a number, got "x"'),
        ("?sinceTime=2026-01-01T00:00:00Z&sinceSeconds=1", "at most one of sinceTime and sinceSeconds may be given"),
    ],
)
def test_the_log_of_a_container(tmp_path: Path, query: str, answer: str) -> None:
    async def scenario() -> Any:
        async with running_api(tmp_path) as api:
            api.store.transact([Create(raw=pod())])
            return await api.call("GET", f"{POD}/log{query}")

    code, content = run(scenario)
    assert (content if code == 200 else content["message"]) == answer


def two_containers(**annotations: str) -> Any:
    raw = pod(annotations=annotations)
    spec = {"containers": [{"name": name, "command": ["true"]} for name in ("a", "b", "istio-proxy")]}
    return {**raw, "spec": {**spec, "initContainers": [{"name": "i", "command": ["true"]}]}}


def test_which_container_is_meant_must_be_clear(tmp_path: Path) -> None:
    async def scenario(raw: Any) -> Any:
        async with running_api(tmp_path) as api:
            api.store.transact([Create(raw=raw)])
            return await api.call("GET", f"{POD}/log")

    code, status = run(lambda: scenario(two_containers()))
    assert (code, status["message"]) == (
        400,
        "a container name must be specified for pod web, choose one of: [a b istio-proxy] "
        "or one of the init containers: [i]",
    )


def test_an_annotation_names_the_default_container(tmp_path: Path) -> None:
    async def scenario() -> Any:
        async with running_api(tmp_path) as api:
            api.store.transact([Create(raw=two_containers(**{"kubectl.kubernetes.io/default-container": "b"}))])
            return await api.call("GET", f"{POD}/log")

    assert run(scenario) == (200, "default/web/b\n")


def test_options_of_a_log_arrive(tmp_path: Path) -> None:
    async def scenario() -> LogOptions:
        async with running_api(tmp_path) as api:
            api.store.transact([Create(raw=pod())])
            options = LogOptions(
                timestamps=True, previous=True, tail_lines=3, since_time="2026-01-01T00:00:00Z", limit_bytes=9
            )
            async for _ in api.client.logs("web", "default", "app", options):
                pass
            assert api.streams.options == [options]
            return api.streams.options[0]

    assert run(scenario).tail_lines == 3


def test_a_followed_log_goes_on_until_the_reader_goes(tmp_path: Path) -> None:
    async def scenario() -> list[bytes]:
        pieces: list[bytes] = []
        async with running_api(tmp_path) as api:
            api.store.transact([Create(raw=pod())])
            log = api.client.logs("web", "default", options=LogOptions(follow=True))
            async for piece in log:
                pieces.append(piece)
                if len(pieces) == 3:
                    break
                await api.streams.lines.put(f"{len(pieces)}\n".encode())
            await log.aclose()
        return pieces

    assert run(scenario) == [b"default/web/app\n", b"1\n", b"2\n"]


@pytest.mark.parametrize(("argv", "code"), [(["ls", "-l"], 0), (["exit", "3"], 3)])
def test_a_command_is_run(tmp_path: Path, argv: list[str], code: int) -> None:
    async def scenario() -> None:
        async with running_api(tmp_path) as api:
            api.store.transact([Create(raw=pod())])
            async with api.client.exec("web", "default", argv) as session:
                output = [piece async for piece in session.output()]
            assert output == [("stdout", " ".join(argv).encode()), ("stderr", b"ready")]
            assert session.exit_code == code

    run(scenario)


def test_a_command_reads_what_is_sent(tmp_path: Path) -> None:
    async def scenario() -> list[bytes]:
        async with running_api(tmp_path) as api:
            api.store.transact([Create(raw=pod())])
            async with api.client.exec("web", "default", ["cat"], stdin=True) as session:
                await session.resize(80, 25)
                await session.write_stdin(b"one")
                await session.write_stdin(b"two")
                await session.close_stdin()
                said = [data async for _, data in session.output()]
            assert api.streams.processes[0].sizes == [(80, 25)]
            return said

    assert run(scenario) == [b"cat", b"ready", b"one", b"two"]


def test_a_command_ends_when_its_client_goes(tmp_path: Path) -> None:
    async def scenario() -> bool:
        async with running_api(tmp_path) as api:
            api.store.transact([Create(raw=pod())])
            async with api.client.exec("web", "default", ["cat"], stdin=True) as session:
                async for _ in session.output():
                    break
            process = api.streams.processes[0]
            async with asyncio.timeout(5):
                await process.killed.wait()
            return process.killed.is_set()

    assert run(scenario)


@pytest.mark.parametrize(
    ("name", "argv", "code", "text"),
    [
        ("none", ["ls"], 404, 'pods "none" not found'),
        ("web", ["absent"], 400, 'container "app" is not running'),
        ("web", [], 400, "you must specify at least one command for the container"),
    ],
)
def test_a_command_that_cannot_be_run_is_said(tmp_path: Path, name: str, argv: list[str], code: int, text: str) -> None:
    async def scenario() -> ApiError:
        async with running_api(tmp_path) as api:
            api.store.transact([Create(raw=pod())])
            with pytest.raises(ApiError) as refused:
                async with api.client.exec(name, "default", argv):
                    pass
            return refused.value

    error = run(scenario)
    assert (error.code, error.text) == (code, text)


async def raw_exec(api: RunningApi, query: str, *protocols: str) -> tuple[str | None, list[bytes]]:
    async with api.session.ws_connect(f"http://x{POD}/exec?{query}", protocols=protocols) as socket:
        messages = [message.data async for message in socket if message.type is aiohttp.WSMsgType.BINARY]
        return socket.protocol, messages


def test_both_protocols_of_kubectl_are_spoken(tmp_path: Path) -> None:
    async def scenario() -> list[tuple[str | None, list[bytes]]]:
        async with running_api(tmp_path) as api:
            api.store.transact([Create(raw=pod())])
            v5 = await raw_exec(api, "command=exit&command=7&stdout=true", "v5.channel.k8s.io", "v4.channel.k8s.io")
            v4 = await raw_exec(api, "command=ls&stdout=true", "v4.channel.k8s.io")
            return [v5, v4]

    (v5, failed), (v4, went_well) = run(scenario)
    assert (v5, v4) == ("v5.channel.k8s.io", "v4.channel.k8s.io")
    assert failed[:2] == [b"\x01exit 7", b"\x02ready"]
    status = msgspec.json.decode(failed[2][1:])
    assert (failed[2][0], status["reason"]) == (3, "NonZeroExitCode")
    assert status["details"]["causes"] == [{"reason": "ExitCode", "message": "7"}]
    assert msgspec.json.decode(went_well[2][1:])["status"] == "Success"


@pytest.mark.parametrize("query", ["command=ls&tty=true&stderr=true", "command=ls"])
def test_what_is_no_exec_is_refused(tmp_path: Path, query: str) -> None:
    async def scenario() -> Any:
        async with running_api(tmp_path) as api:
            api.store.transact([Create(raw=pod())])
            return await api.call("GET", f"{POD}/exec?{query}")

    code, status = run(scenario)
    assert (code, status["reason"]) == (400, "BadRequest")
