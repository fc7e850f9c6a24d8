"""Containers as the kubelet sees them: started, logged, stopped, found again."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from meshgate.host.runtime import Attached, ContainerSpec, Logged, Runtime
from meshgate.host.spawn import HolderClient, SpawnFault
from meshgate.host.views import User
from tests.host.capsules import DEADLINE_S, PATH, CapsuleUnderTest, capsule_under_test, until

pytestmark = pytest.mark.e2e
USER = User(uid=54321, gid=54322)
Body = Callable[[Runtime, HolderClient, CapsuleUnderTest], Awaitable[None]]


def _run(directory: Path, body: Body) -> None:
    async def run(capsule: CapsuleUnderTest) -> None:
        client = capsule.connect()
        await client.tell_ready({})
        runtime = Runtime(client)
        await body(runtime, client, capsule)
        runtime.close()
        client.close()

    with capsule_under_test(directory) as capsule:
        asyncio.run(run(capsule))


def _spec(name: str, script: str, log: Path | None = None) -> ContainerSpec:
    stdio = Attached() if log is None else Logged(pod_id="pod", path=log)
    return ContainerSpec(id=f"pod/{name}", argv=("sh", "-c", script), env=PATH, user=USER, stdio=stdio)


def test_output_is_logged_and_the_exit_is_told(tmp_path: Path) -> None:
    async def body(runtime: Runtime, client: HolderClient, _: CapsuleUnderTest) -> None:
        log = tmp_path / "pod" / "app" / "0.log"
        await runtime.open_log("pod")
        await runtime.start(_spec("app", "echo one; echo two > /dev/stdout; exit 3", log))
        ended = await runtime.wait_exit("pod/app")
        assert ended.exit_code == 3
        await runtime.close_log("pod")
        assert [line.split(" ", 1)[1] for line in log.read_text().splitlines()] == ["stdout F one", "stdout F two"]
        await runtime.forget("pod/app")
        assert (await client.table()) == ((), frozenset())

    _run(tmp_path, body)


def test_stop_asks_and_then_kills(tmp_path: Path) -> None:
    async def body(runtime: Runtime, _client: HolderClient, _: CapsuleUnderTest) -> None:
        await runtime.start(_spec("kind", "trap 'exit 9' TERM; while :; do sleep 0.01; done"))
        await runtime.start(_spec("deaf", "trap '' TERM; while :; do sleep 0.01; done"))
        assert (await runtime.stop("pod/kind", DEADLINE_S)).exit_code in (9, 128 + signal.SIGTERM)
        assert (await runtime.stop("pod/deaf", 0.1)).exit_code == 128 + signal.SIGKILL
        assert (await runtime.stop("pod/deaf", 0.1)).exit_code == 128 + signal.SIGKILL

    _run(tmp_path, body)


def test_command_that_cannot_run_leaves_nothing_but_its_reason(tmp_path: Path) -> None:
    async def body(runtime: Runtime, client: HolderClient, _: CapsuleUnderTest) -> None:
        for _again in range(2):
            with pytest.raises(SpawnFault, match='running "/no/such"'):
                await runtime.start(ContainerSpec(id="pod/app", argv=("/no/such",), env={}, user=USER))
        assert (await client.table()).children == ()

    _run(tmp_path, body)


def test_exec_runs_inside_and_ends_with_its_container(tmp_path: Path) -> None:
    async def body(runtime: Runtime, _client: HolderClient, _: CapsuleUnderTest) -> None:
        await runtime.start(_spec("app", "exec sleep 1000"))
        readable, writable = os.pipe()
        argv = ("sh", "-c", "cat /proc/1/comm; exit 4")
        guest = await runtime.exec("pod/app", argv, PATH, USER, Attached(stdout=writable))
        os.close(writable)
        with os.fdopen(readable) as pipe:
            assert pipe.read() == "meshgate-init\n"
        assert (await runtime.wait_exit(guest)).exit_code == 4
        await runtime.forget(guest)
        long = await runtime.exec("pod/app", ("sleep", "1000"), PATH, USER, Attached())
        await runtime.stop("pod/app", 0)
        assert (await runtime.wait_exit(long)).exit_code == 128 + signal.SIGKILL
        with pytest.raises(SpawnFault, match="is not running"):
            await runtime.exec("pod/app", ("true",), PATH, USER, Attached())

    _run(tmp_path, body)


def test_next_control_plane_finds_containers_and_their_log(tmp_path: Path) -> None:
    async def body(runtime: Runtime, client: HolderClient, capsule: CapsuleUnderTest) -> None:
        log = tmp_path / "app.log"
        await runtime.open_log("pod")
        await runtime.start(_spec("job", "exit 2"))
        await runtime.start(_spec("app", "echo one; exec sleep 1000", log))
        await runtime.wait_exit("pod/job")
        guest = await runtime.exec("pod/app", ("sleep", "1000"), PATH, USER, Attached())
        before = runtime.state("pod/app")
        capsule.kill_control_plane(client)

        second_client = capsule.connect()
        second = Runtime(second_client)
        found = await second.adopt()
        assert {child.id: child.exit_code for child in found} == {"pod/job": 2, "pod/app": -1}
        assert before is not None
        assert second.state(guest) is None
        await second.open_log("pod")
        await second.start(_spec("app2", "echo two", tmp_path / "app2.log"))
        await until(lambda: (tmp_path / "app2.log").exists() and (tmp_path / "app2.log").read_text())
        assert (tmp_path / "app2.log").read_text().endswith("stdout F two\n")
        second.close()
        second_client.close()

    _run(tmp_path, body)
