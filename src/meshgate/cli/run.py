"""`meshgate run`: a command of the caller's becomes a pod (and a Service), in the foreground, until it ends or Ctrl-C.

The command runs in the caller's directory with the caller's user and groups, without the caller's environment, behind
a sidecar. It is an ordinary Pod but for an annotation that says whose it is; so everything else works on it, too: get,
logs, exec, rules. What it writes goes to standard output; its exit code is ours. A guard of its own session removes
the objects if this process is killed before it could.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from meshgate.cli.connection import data_dir_option, namespace_option, talk
from meshgate.cli.targets import POD
from meshgate.client import Client, LogOptions, Selection
from meshgate.errors import MeshgateError, UsageError

CALLER = "meshgate.io/run"
"""Annotation by which a pod runs as whoever made it, in their directory (`host.pods.building`)."""
CLEAN_UP_DEADLINE_S = 40.0
GRACE_S = 5
"""Between TERM and KILL: whoever presses Ctrl-C waits for it where the command, as first process, ignores TERM."""
CODE_OF_INTERRUPT = 130
HOPELESS = frozenset({"CreateContainerConfigError", "CreateContainerError", "ErrImageUnmapped", "RunContainerError"})
"""Reasons of waiting that no waiting mends."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller asked for."""

    name: str
    namespace: str
    labels: Mapping[str, str]
    ports: tuple[tuple[int, str], ...]
    """Number and protocol ("" where none is said)."""
    sidecar: bool
    words: tuple[str, ...]
    directory: str
    uid: int
    gid: int
    groups: tuple[int, ...] = ()


def parse_port(text: str) -> tuple[int, str]:
    """`8000` or `8000:http`. UsageError for anything else."""
    number, _, protocol = text.partition(":")
    if not number.isdecimal() or not 0 < int(number) < 65536:
        raise UsageError(f"--port {text!r} is no port", hint="expected NUMBER or NUMBER:PROTOCOL, such as 8000:http")
    return int(number), protocol


def parse_labels(texts: tuple[str, ...]) -> dict[str, str]:
    """`k=v,k=v`, several times. UsageError where a pair has no `=`."""
    pairs = [pair for text in texts for pair in text.split(",") if pair]
    for pair in pairs:
        if "=" not in pair:
            raise UsageError(f"-l {pair!r} is no label", hint="expected KEY=VALUE")
    return dict(pair.split("=", 1) for pair in pairs)


def pod_object(wish: Wish) -> dict[str, Any]:
    labels = {"app": wish.name, **wish.labels}
    if not wish.sidecar:
        labels["sidecar.istio.io/inject"] = "false"
    caller = {"uid": wish.uid, "gid": wish.gid, "groups": list(wish.groups), "cwd": wish.directory}
    container: dict[str, Any] = {
        "name": wish.name,
        "command": list(wish.words),
        "ports": [{"containerPort": number} for number, _ in wish.ports],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": wish.name,
            "namespace": wish.namespace,
            "labels": labels,
            "annotations": {CALLER: json.dumps(caller)},
        },
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": GRACE_S,
            "containers": [container],
        },
    }


def service_object(wish: Wish) -> dict[str, Any]:
    """A Service whose ports are named so that the protocol is known."""
    ports = [
        {"name": f"{protocol}-{number}" if protocol else f"port-{number}", "port": number}
        for number, protocol in wish.ports
    ]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": wish.name, "namespace": wish.namespace, "labels": {"app": wish.name}},
        "spec": {"selector": {"app": wish.name}, "ports": ports},
    }


def objects_of(wish: Wish) -> list[dict[str, Any]]:
    return [pod_object(wish), *([service_object(wish)] if wish.ports else [])]


def state_of(pod: Mapping[str, Any], container: str) -> Mapping[str, Any]:
    """State of the command's container: one of `waiting`, `running`, `terminated`, or empty."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    state = next((each.get("state") or {} for each in statuses if each["name"] == container), {})
    assert isinstance(state, dict)
    return state


_GUARD = 'read -r word || exec "$@" >/dev/null 2>&1'
"""A shell that reads one line, or, when there is none because its writer has been killed, does what it was given."""


@contextlib.contextmanager
def guarded(wish: Wish, data_dir: Path) -> Iterator[None]:
    """The pod and its Service go even if this process is killed: the kernel closes its end of the guard's pipe."""
    names = [f"pod/{wish.name}", *([f"service/{wish.name}"] if wish.ports else [])]
    delete = ["delete", *names, "-n", wish.namespace, "--ignore-not-found", "--no-wait", "--data-dir", str(data_dir)]
    # -P: what lies in the caller's directory is not imported
    words = ["/bin/sh", "-c", _GUARD, "guard", sys.executable, "-P", "-m", "meshgate", *delete]
    with subprocess.Popen(words, stdin=subprocess.PIPE, start_new_session=True) as guard:
        assert guard.stdin is not None
        try:
            yield
        finally:
            guard.stdin.write(b"done\n")


class Run:
    """One run: objects made, output carried, exit code found, objects removed."""

    def __init__(self, client: Client, wish: Wish, data_dir: Path) -> None:
        self._client = client
        self._wish = wish
        self._data_dir = data_dir

    async def whole(self) -> int:
        objects = objects_of(self._wish)
        await self._client.transact(objects, mode="create")
        with guarded(self._wish, self._data_dir):  # not before: what has the name already is somebody else's
            try:
                return await self._until_end()
            finally:
                async with asyncio.timeout(CLEAN_UP_DEADLINE_S):
                    await self._client.transact(objects, mode="delete", ignore_missing=True)

    async def _until_end(self) -> int:
        name, namespace = self._wish.name, self._wish.namespace
        selection = Selection(namespace=namespace, fields=f"metadata.name={name}")
        output: asyncio.Task[None] | None = None
        async with asyncio.TaskGroup() as group:
            async for event in self._client.watch(POD, selection):
                if event.type == "DELETED":
                    raise MeshgateError(f"the pod {name!r} was deleted while it ran")
                state = state_of(event.object, name)
                if output is None and ("running" in state or "terminated" in state):
                    output = group.create_task(self._carry_output())
                if "terminated" in state:
                    break
                self._complain(state)
        return int(state["terminated"]["exitCode"])

    def _complain(self, state: Mapping[str, Any]) -> None:
        waiting = state.get("waiting") or {}
        if waiting.get("reason") in HOPELESS:
            raise MeshgateError(f"the command can't be started: {waiting.get('message') or waiting['reason']}")

    async def _carry_output(self) -> None:
        async for piece in self._client.logs(
            self._wish.name, self._wish.namespace, self._wish.name, LogOptions(follow=True)
        ):
            sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()


async def until_told_to_end(run: Run) -> int:
    """Run; INT, TERM and HUP end it in order."""
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(run.whole())
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            return CODE_OF_INTERRUPT


@click.command("run", context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- CMD [ARG]...")
@click.option("-l", "--labels", multiple=True, metavar="K=V,...", help="labels of the pod besides app=NAME")
@click.option("--port", "ports", multiple=True, metavar="NUMBER[:PROTOCOL]", help="a port of its Service (repeatable)")
@click.option("--no-sidecar", is_flag=True, help="without a sidecar")
@namespace_option
@data_dir_option
def command(
    name: str,
    words: tuple[str, ...],
    labels: tuple[str, ...],
    ports: tuple[str, ...],
    no_sidecar: bool,
    namespace: str,
    data_dir: Path,
) -> None:  # size: each option is one parameter
    """Make a local process a pod (and a Service, if it has ports), in the foreground."""
    wish = Wish(
        name=name,
        namespace=namespace,
        labels=parse_labels(labels),
        ports=tuple(parse_port(port) for port in ports),
        sidecar=not no_sidecar,
        words=words,
        directory=str(Path.cwd()),
        uid=os.getuid(),
        gid=os.getgid(),
        groups=tuple(os.getgroups()),
    )

    async def conversation(client: Client) -> int:
        return await until_told_to_end(Run(client, wish, data_dir))

    sys.exit(talk(data_dir, conversation))
