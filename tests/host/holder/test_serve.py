"""The holder's promises: it keeps what runs while control planes come and go, and everything ends with it."""

from __future__ import annotations

import asyncio
import os
import select
import signal
from pathlib import Path

import pytest

from meshgate.errors import EnvironmentFault
from meshgate.host import namespaces
from meshgate.host.capsule import CapsuleOptions, end_capsule, find_holder, start_capsule
from meshgate.host.holder.requests import ChildState, SpawnRequest
from meshgate.host.spawn import HolderClient, SpawnFault
from tests.host.capsules import PATH, CapsuleUnderTest, capsule_under_test, output_of, shell, until

pytestmark = pytest.mark.e2e


def _running_in(pid_namespace: str) -> list[int]:
    """Processes of the PID namespaces at and below a capsule's, by walking up from each process."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with_levels = _status_line(int(name), "NSpid:")
            if len(with_levels) > 1 and _top_namespace(int(name)) == pid_namespace:
                found.append(int(name))
    return found


def _status_line(pid: int, field: str) -> list[str]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return next((line.split()[1:] for line in lines if line.startswith(field)), [])


def _top_namespace(pid: int) -> str:
    """The capsule a process is in: the PID namespace of its ancestor one level below ours."""
    while len(_status_line(pid, "NSpid:")) > 2:
        pid = int(_status_line(pid, "PPid:")[0])
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def test_child_has_namespaces_and_credentials_of_its_own(tmp_path: Path) -> None:
    script = (
        "readlink /proc/self/ns/net /proc/self/ns/pid /proc/self/ns/mnt;"
        " id -u; id -g; id -G; hostname; echo $$; pwd; umask"
    )

    async def run(capsule: CapsuleUnderTest) -> None:
        client = capsule.connect()
        net = namespaces.new_netns()
        request = shell("pod/app", script)._replace(fds=("net",), groups=(7,), hostname="pod-1", cwd="/tmp")
        lines = (await output_of(client, request, (net,))).split()
        assert lines[0] == f"net:[{os.fstat(net).st_ino}]"
        assert lines[1] != os.readlink("/proc/self/ns/pid")
        assert lines[2] != os.readlink(f"/proc/{capsule.capsule.pid}/ns/mnt")
        assert lines[3:] == ["54321", "54322", "54322", "7", "pod-1", "2", "/tmp", "0022"]
        os.close(net)
        client.close()

    with capsule_under_test(tmp_path) as capsule:
        asyncio.run(run(capsule))


@pytest.mark.parametrize("uid", [0, 54321])
def test_child_has_no_capability_and_gains_none(tmp_path: Path, uid: int) -> None:
    async def run(capsule: CapsuleUnderTest) -> None:
        client = capsule.connect()
        request = shell("pod/app", "grep -E '^(Cap|NoNewPrivs)' /proc/self/status")._replace(uid=uid)
        values = dict(line.split(":\t") for line in (await output_of(client, request)).splitlines())
        assert values.pop("NoNewPrivs") == "1"
        assert set(values.values()) == {"0000000000000000"}
        client.close()

    with capsule_under_test(tmp_path) as capsule:
        asyncio.run(run(capsule))


def test_kept_capability_reaches_the_command(tmp_path: Path) -> None:
    async def run(capsule: CapsuleUnderTest) -> None:
        client = capsule.connect()
        request = shell("edge", "grep CapEff /proc/self/status")
        text = await output_of(client, request._replace(capabilities=("CAP_NET_BIND_SERVICE",)))
        assert text.split()[1] == f"{1 << 10:016x}"
        client.close()

    with capsule_under_test(tmp_path) as capsule:
        asyncio.run(run(capsule))


def test_child_sees_only_its_descriptors(tmp_path: Path) -> None:
    async def run(capsule: CapsuleUnderTest) -> None:
        client = capsule.connect()
        readable, writable = os.pipe()
        await client.keep("something", [readable])
        request = shell("pod/app", "ls /proc/self/fd; echo passed >&7")._replace(fds=("7",))
        text = await output_of(client, request, (writable,))
        assert text.split() == ["0", "1", "2", "3", "7"]  # 3 is ls's own, of the directory
        assert os.read(readable, 100) == b"passed\n"
        os.close(readable)
        os.close(writable)
        client.close()

    with capsule_under_test(tmp_path) as capsule:
        asyncio.run(run(capsule))


def test_restarted_control_plane_finds_what_runs_and_what_ended(tmp_path: Path) -> None:
    async def run(capsule: CapsuleUnderTest) -> None:
        client = capsule.connect()
        await client.tell_ready({})
        readable, writable = os.pipe()
        running = await client.spawn(shell("pod/app", "sleep 1000")._replace(note="what it is"))
        ending = await client.spawn(shell("pod/job", "read line; exit 7")._replace(fds=("stdin",)), [readable])
        os.close(readable)
        await client.keep("net/pod", [writable])
        os.close(writable)
        capsule.kill_control_plane(client)

        client = capsule.connect()
        table = await client.table()
        assert table.kept == {"net/pod"}
        assert [child for child in table.children if child.is_running] == [running, ending]
        assert running.note == "what it is"
        exits: list[ChildState] = []
        client.on_exit(exits.append)
        pipes = await client.fetch("net/pod")
        os.write(pipes[0], b"now\n")
        await until(lambda: exits)
        assert (exits[0].id, exits[0].exit_code) == ("pod/job", 7)
        capsule.kill_control_plane(client)

        client = capsule.connect()
        assert {child.id: child.exit_code for child in (await client.table()).children} == {"pod/app": -1, "pod/job": 7}
        await client.forget("pod/job")
        assert [child.id for child in (await client.table()).children] == ["pod/app"]
        os.close(pipes[0])
        client.close()

    with capsule_under_test(tmp_path) as capsule:
        asyncio.run(run(capsule))


def test_kill_of_the_holder_leaves_nothing(tmp_path: Path) -> None:
    async def run(capsule: CapsuleUnderTest) -> None:
        client = capsule.connect()
        net = namespaces.new_netns()
        await client.spawn(shell("pod/app", "sleep 1000 & setsid sleep 1001 & wait")._replace(fds=("net",)), [net])
        await client.keep("net/pod", [net])
        inode = os.fstat(net).st_ino
        os.close(net)
        name = os.readlink(f"/proc/{capsule.capsule.pid}/ns/pid")
        await until(lambda: len(_running_in(name)) >= 6)  # holder, relay, the pod's init, a shell, two sleeps
        os.kill(capsule.capsule.pid, signal.SIGKILL)
        assert capsule.capsule.wait_ended(5)
        await until(lambda: not _running_in(name))
        assert not any(_net_inode(int(pid)) == inode for pid in os.listdir("/proc") if pid.isdigit())
        assert list((tmp_path / "run").iterdir()) == []
        client.close()

    with capsule_under_test(tmp_path) as capsule:
        asyncio.run(run(capsule))


def _net_inode(pid: int) -> int:
    try:
        return os.stat(f"/proc/{pid}/ns/net").st_ino
    except OSError:
        return 0


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (
            SpawnRequest("a", ("no-such-command",), PATH),
            'running "no-such-command": not found in any folder of its PATH',
        ),
        (SpawnRequest("a", ("/no/such/file",), PATH), 'running "/no/such/file": No such file or directory'),
        (SpawnRequest("a", ("/etc/passwd",), PATH), 'running "/etc/passwd": Permission denied'),
        (
            SpawnRequest("a", ("true",), PATH, cwd="/no/where"),
            'working directory "/no/where": No such file or directory',
        ),
        (SpawnRequest("a", ("true",), PATH, join="other"), '"other" is not running'),
        (SpawnRequest("a", ("true",), PATH, fds=("7",)), "ValueError"),
    ],
    ids=["not-on-path", "missing", "not-executable", "working-directory", "join", "descriptors"],
)
def test_what_fails_before_the_command_runs_is_told(tmp_path: Path, request_: SpawnRequest, text: str) -> None:
    async def run(capsule: CapsuleUnderTest) -> None:
        client = capsule.connect()
        with pytest.raises(SpawnFault) as fault:
            await client.spawn(request_)
        assert text in fault.value.text
        client.close()

    with capsule_under_test(tmp_path) as capsule:
        asyncio.run(run(capsule))


def test_an_id_is_used_once_until_forgotten(tmp_path: Path) -> None:
    async def run(capsule: CapsuleUnderTest) -> None:
        client = capsule.connect()
        exits: list[ChildState] = []
        client.on_exit(exits.append)
        await client.spawn(shell("pod/app", "sleep 1000"))
        with pytest.raises(SpawnFault, match='there is a child "pod/app" already'):
            await client.spawn(shell("pod/app", "true"))
        with pytest.raises(SpawnFault, match="is still running"):
            await client.forget("pod/app")
        await client.kill("pod/app", signal.SIGKILL)
        await until(lambda: exits)
        assert exits[0].exit_code == 128 + signal.SIGKILL
        await client.forget("pod/app")
        await client.spawn(shell("pod/app", "true"))
        client.close()

    with capsule_under_test(tmp_path) as capsule:
        asyncio.run(run(capsule))


def test_init_forwards_signals_reaps_orphans_and_ends_with_its_command(tmp_path: Path) -> None:
    script = "(sleep 0.01 &) ; echo $$; sleep 1000 & trap 'ls -d /proc/[0-9]* | wc -l; exit 5' USR1; echo ready; wait"

    async def run(capsule: CapsuleUnderTest) -> None:
        client = capsule.connect()
        exits: list[ChildState] = []
        client.on_exit(exits.append)
        readable, writable = os.pipe()
        await client.spawn(shell("pod/app", script)._replace(fds=("stdout",)), [writable])
        await client.spawn(shell("pod/plain", "exec sleep 1000"))
        os.close(writable)
        with os.fdopen(readable, "rb", buffering=0) as pipe:
            text = b""
            while b"ready" not in text:
                text += await asyncio.to_thread(pipe.read, 100)
            await client.kill("pod/app", signal.SIGUSR1)
            count = await asyncio.to_thread(pipe.read, 100)
        assert int(count) <= 6  # init, shell, sleep, subshell, ls, wc: the orphan has been reaped
        await client.kill("pod/plain", signal.SIGTERM)  # without an init this would be ignored: no handler
        await until(lambda: len(exits) == 2)
        assert {ended.id: ended.exit_code for ended in exits} == {"pod/app": 5, "pod/plain": 128 + signal.SIGTERM}
        client.close()

    with capsule_under_test(tmp_path) as capsule:
        asyncio.run(run(capsule))


def test_guest_joins_a_running_container(tmp_path: Path) -> None:
    places = "readlink /proc/self/ns/net /proc/self/ns/pid /proc/self/ns/mnt /proc/self/ns/uts"

    async def run(capsule: CapsuleUnderTest) -> None:
        client = capsule.connect()
        net = namespaces.new_netns()
        readable, writable = os.pipe()
        host = shell("pod/app", f"{places}; exec sleep 1000")._replace(fds=("net", "stdout"), hostname="pod-1")
        await client.spawn(host, [net, writable])
        os.close(writable)
        guest = shell("pod/app/exec-1", f"{places}; ps -e -o comm=")._replace(join="pod/app")
        lines = (await output_of(client, guest)).split()
        with os.fdopen(readable) as pipe:
            assert [pipe.readline().strip() for _ in range(4)] == lines[:4]
        assert {"meshgate-init", "sleep", "sh"} <= set(lines[4:])
        os.close(net)
        client.close()

    with capsule_under_test(tmp_path) as capsule:
        asyncio.run(run(capsule))


def test_dead_control_plane_is_started_again_only_once_it_was_ready(tmp_path: Path) -> None:
    async def run(capsule: CapsuleUnderTest) -> None:
        client = capsule.connect()
        first = capsule.control_pid
        await client.tell_ready({"api": "here"})
        assert capsule.capsule.wait_ready(5) == {"api": "here"}
        capsule.leave(3)
        client.close()
        client = capsule.connect()
        assert capsule.control_pid != first
        capsule.leave(0)
        client.close()
        assert capsule.capsule.wait_ended(5)

    with capsule_under_test(tmp_path) as capsule:
        asyncio.run(run(capsule))


def test_control_plane_that_fails_at_first_ends_the_capsule(tmp_path: Path) -> None:
    async def run(capsule: CapsuleUnderTest) -> None:
        client = capsule.connect()
        capsule.leave(4)
        with pytest.raises(EnvironmentFault, match="ended with status 4 before the mesh was up"):
            await asyncio.to_thread(capsule.capsule.wait_ready, 5)
        assert capsule.capsule.wait_ended(5)
        client.close()

    with capsule_under_test(tmp_path) as capsule:
        asyncio.run(run(capsule))


def test_foreground_capsule_ends_with_its_starter(tmp_path: Path) -> None:
    with capsule_under_test(tmp_path) as capsule:
        asyncio.run(_connect(capsule))
        pidfd = os.pidfd_open(capsule.capsule.pid)
        capsule.capsule.close()
        assert select.select([pidfd], [], [], 5)[0]
        os.close(pidfd)


def test_detached_capsule_is_found_and_ended_by_its_data_directory(tmp_path: Path) -> None:
    with capsule_under_test(tmp_path, is_foreground=False) as capsule:
        asyncio.run(_connect(capsule))
        assert find_holder(tmp_path) == capsule.capsule.pid
        assert end_capsule(tmp_path, 5)
        assert capsule.capsule.wait_ended(5)
        assert find_holder(tmp_path) is None
        assert not end_capsule(tmp_path)


def test_second_mesh_on_a_data_directory_is_refused(tmp_path: Path) -> None:
    with capsule_under_test(tmp_path) as capsule:
        asyncio.run(_connect(capsule))
        with pytest.raises(EnvironmentFault, match="a mesh runs already"):
            start_capsule(CapsuleOptions(data_directory=tmp_path, environment={}), ["/bin/true"])


async def _connect(capsule: CapsuleUnderTest) -> None:
    client: HolderClient = capsule.connect()
    await client.tell_ready({})
    client.close()


def test_runtime_directory_that_cannot_be_made_is_named_and_locks_nothing(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    options = CapsuleOptions(data_directory=tmp_path, environment={})
    for _ in range(2):
        with pytest.raises(EnvironmentFault, match=f'cannot make the directory "{tmp_path}/run": File exists'):
            start_capsule(options, ["/bin/true"])
