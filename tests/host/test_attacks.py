"""What a workload may not: real processes in real pods try, and fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.host.capsules import capsule_under_test
from tests.host.execs import run_in
from tests.host.nodes import Node, running_node

pytestmark = [pytest.mark.e2e, pytest.mark.envoy, pytest.mark.slow]

PODS = """
apiVersion: v1
kind: Pod
metadata: {name: attacker}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: app, command: [sleep, "1000"], volumeMounts: [{name: host, mountPath: /host}]}]
  volumes: [{name: host, hostPath: {path: /}}]
---
apiVersion: v1
kind: Pod
metadata: {name: victim}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: app, command: [sleep, "1000"], env: [{name: PASSWORD, value: hidden}]}]
"""


CONNECT_TO_ALL = """python3 - <<'X'
import socket
for line in open("/proc/net/unix").read().splitlines()[1:]:
    path = (line.split() + [""])[7]
    try:
        socket.socket(socket.AF_UNIX).connect(path.replace("@", "\\0"))
        print("connected to", path)
    except OSError:
        pass
print("done")
X"""


@pytest.fixture
def attack(tmp_path: Path) -> Callable[[Callable[[Node], Awaitable[None]]], None]:
    """Runs an attack from `attacker` while `victim` runs beside it; then everybody must still be there, untouched."""

    def start(body: Callable[[Node], Awaitable[None]]) -> None:
        async def run() -> None:
            async with running_node(capsule) as node:
                node.apply(PODS)
                for name in ("attacker", "victim"):
                    await node.ready(name)
                before = (await node.client.table()).children
                await body(node)
                after = (await node.client.table()).children
                assert [child for child in after if child.is_running] == list(before)

        with capsule_under_test(tmp_path) as capsule:
            asyncio.run(run())

    return start


Attack = Callable[[Callable[[Node], Awaitable[None]]], None]


def test_sockets_of_sidecars_are_nowhere_to_be_found(attack: Attack) -> None:
    """Neither the own sidecar's socket to the control plane nor another pod's, by any path that is known or found."""

    async def body(node: Node) -> None:
        for pod in ("attacker", "victim"):
            worker = node.kubelet.worker("default", pod)
            assert worker is not None
            assert worker.building is not None
            ads = worker.building.places.ads / "xds"
            assert ads.is_socket()
            for path in (ads, Path("/run/meshgate/ads/xds"), Path("/host") / ads.relative_to("/")):
                assert "can't open" in await run_in(node, "attacker", "app", f"test -e {path} || echo can\\'t open")
        found = await run_in(node, "attacker", "app", "find / -xdev -type s -name xds 2>/dev/null; ls /run")
        assert found == ""
        assert await run_in(node, "attacker", "app", CONNECT_TO_ALL) == "done\n"

    attack(body)


def test_other_processes_cannot_be_seen_entered_or_killed(attack: Attack) -> None:
    async def body(node: Node) -> None:
        names = await run_in(node, "attacker", "app", "cat /proc/[0-9]*/comm")
        assert set(names.split()) <= {"meshgate-init", "sleep", "sh", "cat"}
        for pid in ("1", "$PPID"):
            for entry in ("root/", "environ", "mem", "fd/", "cwd/"):
                text = await run_in(
                    node, "attacker", "app", f"ls /proc/{pid}/{entry} >/dev/null && cat /proc/{pid}/{entry}"
                )
                assert "hidden" not in text
        denied = await run_in(node, "attacker", "app", "ls /proc/1/root /proc/1/fd; cat /proc/1/environ /proc/1/maps")
        assert denied.count("Permission denied") == 4
        await run_in(node, "attacker", "app", "trap '' TERM; kill -TERM 1; kill -KILL 1; kill -STOP 1")

    attack(body)


def test_kill_of_everything_reaches_only_the_own_container(tmp_path: Path) -> None:
    async def run() -> None:
        async with running_node(capsule) as node:
            node.apply(PODS)
            for name in ("attacker", "victim"):
                await node.ready(name)
            before = {child.id: child.pid for child in (await node.client.table()).children}
            await run_in(node, "attacker", "app", "kill -KILL -1")
            await node.until(lambda: node.status("attacker")["restartCount"] == 1)
            await node.ready("attacker")
            assert node.status("attacker", "istio-proxy")["restartCount"] == 0
            after = {child.id: child.pid for child in (await node.client.table()).children}
            changed = set(before.items() ^ after.items())
            assert {name.split("/")[2] for name, _ in changed} == {"app"}
            assert not any(node.pod("victim")["metadata"]["uid"] in name for name, _ in changed)

    with capsule_under_test(tmp_path) as capsule:
        asyncio.run(run())


def test_init_cannot_be_traced(attack: Attack) -> None:
    """Its memory is a copy of the holder's: other pods' variables are in it."""
    script = """python3 - <<'X'
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for pid in (1,):
    print(libc.ptrace(16, pid, 0, 0), os.strerror(ctypes.get_errno()))
    try:
        print(open(f"/proc/{pid}/mem", "rb"))
    except OSError as fault:
        print(fault.strerror)
X"""

    async def body(node: Node) -> None:
        text = await run_in(node, "attacker", "app", script)
        assert text.splitlines() == ["-1 Operation not permitted", "Permission denied"]

    attack(body)


def test_data_directory_and_api_socket_are_hidden(attack: Attack, tmp_path: Path) -> None:
    async def body(node: Node) -> None:
        for directory in (tmp_path.parent.parent, tmp_path.parent, tmp_path):
            directory.chmod(0o755)  # it is the view that hides them, not their mode
        assert (tmp_path / "store.db").exists()
        for path in (tmp_path, Path(f"/host{tmp_path}")):
            assert await run_in(node, "attacker", "app", f"ls -A {path}") == ""
            assert "Permission denied" in await run_in(node, "attacker", "app", f"touch {path}/x")

    attack(body)


def test_nothing_on_the_machine_can_be_changed(attack: Attack) -> None:
    script = """
for path in /etc/x /usr/x /run/x /proc/sys/kernel/hostname /sys/x /host/x /host/etc/x; do
  (echo x > $path) 2>/dev/null && echo "wrote $path"
done
mount -t tmpfs tmpfs /mnt 2>/dev/null && echo mounted
unshare -n true 2>/dev/null && echo unshared
nsenter -t 1 -n true 2>/dev/null && echo entered
su -c true 2>/dev/null && echo root
chroot /host true 2>/dev/null && echo chrooted
echo done
"""

    async def body(node: Node) -> None:
        assert await run_in(node, "attacker", "app", script) == "done\n"

    attack(body)


def test_own_sidecar_cannot_be_replaced_or_imitated(attack: Attack) -> None:
    """Its ports are taken, and its group, by which its traffic is left alone, is not to be had."""
    script = """python3 - <<'X'
import os, socket
for port in (15000, 15001, 15006, 15021, 15090):
    try:
        socket.create_server(("127.0.0.1" if port == 15000 else "0.0.0.0", port))
        print("bound", port) if port in (15000, 15021, 15090) else None
    except OSError:
        pass
for change in (lambda: os.setgid(1337), lambda: os.setgroups([1337]), lambda: os.setuid(0)):
    try:
        change()
        print("changed")
    except PermissionError:
        pass
X"""

    async def body(node: Node) -> None:
        assert await run_in(node, "attacker", "app", script) == ""

    attack(body)


@pytest.mark.parametrize("identity", ["runAsUser: 1337", "runAsGroup: 1337"])
def test_identity_of_sidecars_is_refused(tmp_path: Path, identity: str) -> None:
    async def run() -> None:
        async with running_node(capsule) as node:
            node.apply(
                "{apiVersion: v1, kind: Pod, metadata: {name: web, labels: {sidecar.istio.io/inject: 'false'}},"
                f" spec: {{securityContext: {{{identity}}}, containers: [{{name: app, command: [sleep, '9']}}]}}}}"
            )
            assert "1337" in await node.until(lambda: node.pod("web").get("status", {}).get("message", ""))
            assert (await node.client.table()).children == ()

    with capsule_under_test(tmp_path) as capsule:
        asyncio.run(run())
