"""Pods of the store run on this machine, and the store says how they do."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from meshgate.api import Ref
from meshgate.host.runtime import Attached
from meshgate.store.core import Delete, Modify
from meshgate.store.sqlite import Store
from tests.host.capsules import CapsuleUnderTest, capsule_under_test, until
from tests.host.nodes import DEADLINE_S, Node, is_ready, running_node

pytestmark = pytest.mark.e2e
PLAIN = 'labels: {sidecar.istio.io/inject: "false"}'


def _on_node(directory: Path, body: Callable[[Node], Awaitable[None]]) -> None:
    async def run() -> None:
        async with running_node(capsule) as node:
            await body(node)

    with capsule_under_test(directory) as capsule:
        asyncio.run(run())


def _pod(name: str, script: str, more: str = "", container: str = "") -> str:
    return f"""
apiVersion: v1
kind: Pod
metadata: {{name: {name}, {PLAIN}}}
spec:
  terminationGracePeriodSeconds: 5
  containers:
  - name: app
    command: [sh, -c, {script!r}]
    {container}
  {more}
"""


def test_pod_runs_and_is_removed(tmp_path: Path) -> None:
    async def body(node: Node) -> None:
        node.apply(_pod("web", "hostname; id -u; cat /etc/hosts; exec sleep 1000"))
        pod = await node.ready("web")
        status = pod["status"]
        assert status["phase"] == "Running"
        assert status["podIP"].startswith("10.")
        assert pod["spec"]["nodeName"] == "meshgate"
        await until(lambda: f"{status['podIP']}\tweb" in node.log("web"))
        assert node.log("web").splitlines()[0] == "web"
        assert int(node.log("web").splitlines()[1]) >= 0x7000_0000
        node.delete("web")
        await node.gone("web")
        assert (await node.client.table()).children == ()
        assert await node.client.kept() == {"net/router"}
        assert not list((tmp_path / "logs").iterdir())

    _on_node(tmp_path, body)


def test_restarts_with_growing_pauses_and_keeps_the_log_of_the_run_before(tmp_path: Path) -> None:
    async def body(node: Node) -> None:
        node.apply(_pod("bad", "echo one; echo no such thing >&2; exit 3"))
        await node.until(lambda: _waits_for(node, "bad", "CrashLoopBackOff"), "it waits")
        status = node.status("bad")
        assert status["restartCount"] == 1  # the first restart is immediate
        assert status["state"]["waiting"]["message"].startswith("back-off 10s restarting failed container app")
        assert status["lastState"]["terminated"]["exitCode"] == 3
        assert status["lastState"]["terminated"]["message"].splitlines()[-1] == "no such thing"
        assert "one" in node.log("bad", run=0)
        assert "one" in node.log("bad", run=1)
        events = [event for event in node.store.list("Event") if event["involvedObject"]["name"] == "bad"]
        assert {event["reason"] for event in events} == {"BackOff"}

    _on_node(tmp_path, body)


@pytest.mark.parametrize(
    ("policy", "script", "phase"),
    [("Never", "exit 0", "Succeeded"), ("Never", "exit 1", "Failed"), ("OnFailure", "exit 0", "Succeeded")],
)
def test_pod_that_is_done_says_how(tmp_path: Path, policy: str, script: str, phase: str) -> None:
    async def body(node: Node) -> None:
        node.apply(_pod("job", script, f"restartPolicy: {policy}"))
        await node.until(lambda: node.pod("job").get("status", {}).get("phase") == phase)
        uid = node.pod("job")["metadata"]["uid"]
        async with asyncio.timeout(DEADLINE_S):
            while await node.client.kept() != {"net/router", f"log/pod/{uid}"}:  # noqa: ASYNC110  # it tells when asked
                await asyncio.sleep(0.01)
        node.delete("job")
        await node.gone("job")

    _on_node(tmp_path, body)


def test_init_containers_come_first_one_by_one(tmp_path: Path) -> None:
    more = """
  initContainers:
  - {name: first, command: [sh, -c, "echo first >> /shared/order"], volumeMounts: [{name: v, mountPath: /shared}]}
  - {name: second, command: [sh, -c, "echo second >> /shared/order"], volumeMounts: [{name: v, mountPath: /shared}]}
  volumes: [{name: v, emptyDir: {}}]
"""
    mount = "volumeMounts: [{name: v, mountPath: /data/shared}]"

    async def body(node: Node) -> None:
        node.apply(_pod("web", "cat /data/shared/order; exec sleep 1000", more, mount))
        await node.ready("web")
        await until(lambda: node.log("web") == "first\nsecond")
        assert node.status("web", "first")["state"]["terminated"]["reason"] == "Completed"

    _on_node(tmp_path, body)


def test_what_cannot_start_says_why(tmp_path: Path) -> None:
    cases = {
        "image": ("image: example.com/unknown:1", "ErrImageUnmapped", "has only an image"),
        "secret": (
            "command: [sleep], env: [{name: A, valueFrom: {secretKeyRef: {name: none, key: a}}}]",
            "CreateContainerConfigError",
            'secret "none" not found',
        ),
        "command": ("command: [no-such-command]", "CrashLoopBackOff", ""),
    }

    async def body(node: Node) -> None:
        for name, (container, reason, text) in cases.items():
            node.apply(
                f"{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, {PLAIN}}},"
                f" spec: {{containers: [{{name: app, {container}}}]}}}}"
            )
            waiting = await node.until(
                lambda name=name, reason=reason: _waits_for(node, name, reason),  # type: ignore[misc] # defaults
                f"{name} waits",
            )
            assert text in waiting.get("message", "")
        last = node.status("command")["lastState"]["terminated"]
        assert last["reason"] == "StartError"
        assert 'running "no-such-command": not found' in last["message"]

    _on_node(tmp_path, body)


def _waits_for(node: Node, name: str, reason: str) -> dict[str, str]:
    waiting: dict[str, str] = node.status(name).get("state", {}).get("waiting", {})
    return waiting if waiting.get("reason") == reason else {}


def test_probes_decide_on_readiness_and_restarts(tmp_path: Path) -> None:
    server = "python3 -m http.server 8080 --directory /tmp"
    probes = """
    ports: [{name: http, containerPort: 8080}]
    readinessProbe: {httpGet: {port: http, path: /ok}, periodSeconds: 1}
    livenessProbe: {exec: {command: [test, "!", -e, /tmp/ill]}, periodSeconds: 1, failureThreshold: 1}
"""

    async def body(node: Node) -> None:
        node.apply(_pod("web", f"touch /tmp/ok; exec {server}", "", probes))
        await node.ready("web")
        await _exec(node, "web", "rm /tmp/ok; touch /tmp/ill")
        await node.until(lambda: node.status("web").get("restartCount") == 1, "it is restarted")
        await node.ready("web")
        reasons = {event["reason"] for event in node.store.list("Event")}
        assert reasons == {"Unhealthy"}

    _on_node(tmp_path, body)


async def _exec(node: Node, name: str, script: str) -> str:
    """Run a script in a pod's app; its output."""
    worker = node.kubelet.worker("default", name)
    assert worker is not None
    assert worker.building is not None
    container = worker.pod.spec.containers[0]
    readable, writable = os.pipe()
    building = worker.building
    env, user = building.environment(container), building.user(container)
    container_id = node.status(name)["containerID"].removeprefix("meshgate://")
    guest = await node.runtime.exec(
        container_id, ("sh", "-c", script), env, user, Attached(stdout=writable, stderr=writable)
    )
    os.close(writable)
    with os.fdopen(readable) as pipe:
        text: str = await asyncio.to_thread(pipe.read)
    await node.runtime.wait_exit(guest)
    await node.runtime.forget(guest)
    return text


def test_volumes_show_objects_and_follow_their_changes(tmp_path: Path) -> None:
    objects = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: "1", b: "2"}
---
apiVersion: v1
kind: Secret
metadata: {name: key}
stringData: {tls.key: hidden}
---
"""
    more = """
  volumes:
  - {name: c, configMap: {name: settings}}
  - {name: s, secret: {secretName: key, defaultMode: 0400}}
  - name: d
    downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}
"""
    mounts = """
    volumeMounts:
    - {name: c, mountPath: /etc/settings}
    - {name: c, mountPath: /srv/b.txt, subPath: b}
    - {name: s, mountPath: /etc/certs}
    - {name: d, mountPath: /etc/podinfo}
"""

    async def body(node: Node) -> None:
        node.apply(objects + _pod("web", "exec sleep 1000", more, mounts))
        await node.ready("web")
        script = "cat /etc/settings/a /srv/b.txt /etc/certs/tls.key /etc/podinfo/labels; stat -Lc %a /etc/certs/tls.key"
        assert await _exec(node, "web", script) == '12hiddensidecar.istio.io/inject="false"440\n'
        change = Modify(
            ref=Ref("ConfigMap", "default", "settings"), change=lambda raw: {**raw, "data": {"a": "new", "c": "3"}}
        )
        node.store.transact([change])
        worker = node.kubelet.worker("default", "web")
        assert worker is not None
        assert worker.building is not None
        shown = worker.building.places.volume_in_memory("c") / "a"
        await until(lambda: shown.read_text() == "new")
        assert await _exec(node, "web", "cat /etc/settings/a /srv/b.txt; ls /etc/settings") == "new2a\nc\n"

    _on_node(tmp_path, body)


def test_next_control_plane_adopts_pods_and_restarts_what_died(tmp_path: Path) -> None:
    async def run() -> None:
        async with running_node(capsule, is_last=False) as node:
            node.apply(_pod("stays", "exec sleep 1000") + "---" + _pod("dies", "exec sleep 1000"))
            node.apply(_pod("goes", "exec sleep 1000"))
            for name in ("stays", "dies", "goes"):
                await node.ready(name)
            await node.runtime.open_log("edge")  # others have logs too
            before = {child.id: child.pid for child in (await node.client.table()).children}
            addresses = {name: node.pod(name)["status"]["podIP"] for name in ("stays", "dies")}
            uids = {name: node.pod(name)["metadata"]["uid"] for name in ("stays", "dies", "goes")}
        store = Store(tmp_path)
        store.transact([Delete(ref=Ref("Pod", "default", "goes"), grace_s=0)])
        store.close()
        os.kill(capsule.host_pid(before[f"pod/{uids['dies']}/app/0"]), signal.SIGKILL)

        async with running_node(capsule) as node:
            assert is_ready(node.pod("stays"))  # it never was anything else
            await node.until(lambda: node.status("dies").get("restartCount") == 1, "it is seen and restarted")
            await node.ready("dies")
            assert node.status("dies")["lastState"]["terminated"]["exitCode"] == 128 + signal.SIGKILL
            after = {child.id: child.pid for child in (await node.client.table()).children}
            assert after[f"pod/{uids['stays']}/app/0"] == before[f"pod/{uids['stays']}/app/0"]
            assert not any(uids["goes"] in child for child in after)
            assert after["log/edge"] == before["log/edge"]
            for name, address in addresses.items():
                assert node.pod(name)["status"]["podIP"] == address
            assert await _exec(node, "stays", "echo in") == "in\n"
            node.delete("stays")
            await node.gone("stays")

    with capsule_under_test(tmp_path) as capsule:
        asyncio.run(run())


def test_new_capsule_brings_everything_up_again(tmp_path: Path) -> None:
    more = """
  initContainers:
  - {name: first, command: [sh, -c, "echo made > /m/file"], volumeMounts: [{name: m, mountPath: /m}]}
  volumes: [{name: m, emptyDir: {medium: Memory}}]
"""
    mount = "volumeMounts: [{name: m, mountPath: /m}]"

    async def run(capsule: CapsuleUnderTest, restarts: int) -> str:
        async with running_node(capsule) as node:
            if restarts == 0:
                node.apply(_pod("web", "cat /m/file; exec sleep 1000", more, mount))
            await node.until(lambda: node.status("web").get("restartCount") == restarts)
            pod = await node.ready("web")
            await until(lambda: node.log("web", run=restarts) == "made")
            return str(pod["status"]["podIP"])

    addresses = set()
    for restarts in (0, 1):
        with capsule_under_test(tmp_path) as capsule:
            addresses.add(asyncio.run(run(capsule, restarts)))
        shutil.rmtree(tmp_path / "r")  # what is in memory goes with a capsule
        (tmp_path / "test.sock").unlink()
    assert len(addresses) == 1


def test_pod_of_meshgate_run_is_its_caller(tmp_path: Path) -> None:
    for directory in (tmp_path.parent.parent, tmp_path.parent, tmp_path):
        directory.chmod(0o755)
    here = tmp_path / "here"
    here.mkdir()
    os.chown(here, 4242, 4243)
    caller = json.dumps({"uid": 4242, "gid": 4243, "groups": [4244], "cwd": str(here)})
    plain = _pod("mine", "touch made; id -u; id -g; id -G; pwd; exec sleep 1000")

    async def body(node: Node) -> None:
        node.apply(plain.replace(PLAIN, f"annotations: {{meshgate.io/run: {caller!r}}}, {PLAIN}"))
        await node.ready("mine")
        await until(lambda: str(here) in node.log("mine"))
        assert node.log("mine").split() == ["4242", "4243", "4243", "4244", str(here)]

    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    _on_node(data, body)
    assert (here / "made").stat().st_uid == 4242


@pytest.mark.parametrize("after", ["nodeName", "podIP", "containerStatuses"])
def test_pod_that_is_deleted_while_it_comes_up_leaves_nothing(tmp_path: Path, after: str) -> None:
    async def body(node: Node) -> None:
        node.apply(_pod("web", "exec sleep 1000"))
        await node.until(lambda: after in {**node.pod("web")["spec"], **node.pod("web").get("status", {})})
        node.delete("web")
        await node.gone("web")
        assert (await node.client.table()).children == ()
        assert await node.client.kept() == {"net/router"}

    _on_node(tmp_path, body)


def test_forced_deletion_hurries_one_that_is_under_way(tmp_path: Path) -> None:
    async def body(node: Node) -> None:
        node.apply(_pod("web", "trap '' TERM; while :; do sleep 0.1; done").replace("Seconds: 5", "Seconds: 600"))
        await node.ready("web")
        node.delete("web")
        await node.until(lambda: not is_ready(node.pod("web")))
        node.delete("web", grace_s=0)
        async with asyncio.timeout(DEADLINE_S):
            while (await node.client.table()).children:  # noqa: ASYNC110  # it tells when asked
                await asyncio.sleep(0.01)

    _on_node(tmp_path, body)


def test_next_control_plane_ends_what_was_ending(tmp_path: Path) -> None:
    async def run() -> None:
        async with running_node(capsule, is_last=False) as node:
            node.apply(_pod("web", "trap '' TERM; while :; do sleep 0.1; done"))
            await node.ready("web")
            node.delete("web")
            await node.until(lambda: not is_ready(node.pod("web")))
        async with running_node(capsule) as node:
            await node.gone("web")
            assert (await node.client.table()).children == ()

    with capsule_under_test(tmp_path) as capsule:
        asyncio.run(run())
