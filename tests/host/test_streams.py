"""What kubectl's logs and exec do, on real containers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from meshgate.client import LogOptions
from meshgate.host.streams import Execution, HostStreams
from meshgate.store.core import StatusFault
from tests.host.capsules import capsule_under_test, until
from tests.host.nodes import DEADLINE_S, Node, running_node

pytestmark = pytest.mark.e2e
Body = Callable[[Node, HostStreams], Awaitable[None]]


def _with_pod(directory: Path, script: str, body: Body) -> None:
    async def run() -> None:
        async with running_node(capsule) as node:
            node.apply(
                "{apiVersion: v1, kind: Pod, metadata: {name: web, labels: {sidecar.istio.io/inject: 'false'}},"
                f" spec: {{containers: [{{name: app, command: [sh, -c, {script!r}], workingDir: /usr,"
                " env: [{name: COLOUR, value: blue}]}]}}"
            )
            await node.until(lambda: node.status("web").get("containerID"))
            async with asyncio.timeout(DEADLINE_S):
                await body(node, HostStreams(node.kubelet, node.runtime, lambda: datetime.now(UTC)))

    with capsule_under_test(directory) as capsule:
        asyncio.run(run())


async def _output(process: Execution) -> dict[str, bytes]:
    found = {"stdout": b"", "stderr": b""}
    async for channel, data in process.output():
        found[channel] += data
    return found


def test_command_has_the_containers_place_and_variables(tmp_path: Path) -> None:
    async def body(node: Node, streams: HostStreams) -> None:
        script = 'echo "$COLOUR $(pwd) $(hostname)"; echo oops >&2; exit 3'
        process = await streams.exec("default", "web", "app", ["sh", "-c", script], tty=False, stdin=False)
        assert await _output(process) == {"stdout": b"blue /usr web\n", "stderr": b"oops\n"}
        assert await process.wait() == 3
        assert [child.id for child in (await node.client.table()).children if child.id.startswith("exec")] == []

    _with_pod(tmp_path, "exec sleep 1000", body)


def test_input_reaches_the_command_to_its_end(tmp_path: Path) -> None:
    async def body(_: Node, streams: HostStreams) -> None:
        process = await streams.exec("default", "web", "app", ["wc", "-c"], tty=False, stdin=True)
        for _number in range(10):
            await process.write_stdin(b"x" * 100_000)
        await process.close_stdin()
        assert (await _output(process))["stdout"].strip() == b"1000000"
        assert await process.wait() == 0
        await process.write_stdin(b"too late")

    _with_pod(tmp_path, "exec sleep 1000", body)


def test_terminal_is_one_with_a_size(tmp_path: Path) -> None:
    async def body(_: Node, streams: HostStreams) -> None:
        script = "test -t 0 && tty && read line && stty size && echo $line $TERM >&2"
        process = await streams.exec("default", "web", "app", ["sh", "-c", script], tty=True, stdin=True)
        await process.resize(132, 43)
        await process.write_stdin(b"typed\n")
        text = (await _output(process))["stdout"].decode()
        assert "/dev/pts/" in text
        assert text.split("\r\n")[-3:] == ["43 132", "typed xterm", ""]
        assert await process.wait() == 0

    _with_pod(tmp_path, "exec sleep 1000", body)


def test_killed_command_is_gone_with_what_it_started(tmp_path: Path) -> None:
    async def body(node: Node, streams: HostStreams) -> None:
        process = await streams.exec("default", "web", "app", ["sh", "-c", "sleep 777 & wait"], tty=False, stdin=False)
        await process.kill()
        await process.kill()
        check = await streams.exec("default", "web", "app", ["pgrep", "-c", "-f", "sleep 777"], tty=False, stdin=False)
        assert (await _output(check))["stdout"].strip() == b"0"
        await check.wait()
        assert not [child for child in (await node.client.table()).children if child.id.startswith("exec")]

    _with_pod(tmp_path, "exec sleep 1000", body)


def test_what_cannot_be_done_is_a_status(tmp_path: Path) -> None:
    async def body(node: Node, streams: HostStreams) -> None:
        with pytest.raises(StatusFault, match='exit code 127: container "app": running "no-such"'):
            await streams.exec("default", "web", "app", ["no-such"], tty=False, stdin=False)
        with pytest.raises(StatusFault, match='previous terminated container "app" in pod "web" not found'):
            await streams.open_log("default", "web", "app", LogOptions(previous=True))
        with pytest.raises(StatusFault, match="is waiting to start: ContainerCreating"):
            await streams.open_log("default", "other", "app", LogOptions())
        assert [child.id for child in (await node.client.table()).children if child.id.startswith("exec")] == []

    _with_pod(tmp_path, "exec sleep 1000", body)


def test_log_follows_its_container_to_the_end(tmp_path: Path) -> None:
    async def body(node: Node, streams: HostStreams) -> None:
        lines = await streams.open_log("default", "web", "app", LogOptions(follow=True))
        text = b"".join([piece async for piece in lines])
        assert text == b"one\ntwo\n"
        await until(lambda: node.status("web")["restartCount"] >= 1)
        previous = await streams.open_log("default", "web", "app", LogOptions(previous=True))
        assert b"".join([piece async for piece in previous]) == b"one\ntwo\n"

    _with_pod(tmp_path, "echo one; sleep 0.3; echo two", body)
