"""`meshgate logs`: what containers wrote, as `kubectl logs` shows it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from meshgate.cli.connection import data_dir_option, namespace_option, talk
from meshgate.cli.durations import DURATION
from meshgate.cli.targets import pod_of, selected_pods
from meshgate.client import Client, LogOptions
from meshgate.errors import UsageError

TAIL_OF_MANY = 10
"""Lines shown of each pod where a selector may find many, as kubectl does."""


class Source:
    """One container's log, and what is printed before each of its lines."""

    def __init__(self, pod: str, container: str, prefix: str) -> None:
        self.pod = pod
        self.container = container
        self.prefix = prefix.encode()

    async def print(self, client: Client, namespace: str, options: LogOptions) -> None:
        rest = b""
        async for piece in client.logs(self.pod, namespace, self.container, options):
            *lines, rest = (rest + piece).split(b"\n")
            self._write(b"".join(self.prefix + line + b"\n" for line in lines))
        self._write(self.prefix + rest if rest else b"")

    @staticmethod
    def _write(data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def containers_of(pod: Mapping[str, Any]) -> Sequence[str]:
    spec = pod.get("spec") or {}
    return [str(each["name"]) for each in [*(spec.get("initContainers") or []), *spec.get("containers", [])]]


def sources_of(pods: Sequence[Mapping[str, Any]], container: str, *, every: bool, prefix: bool) -> list[Source]:
    """The logs of these pods that are asked for."""
    named = [(str(pod["metadata"]["name"]), containers_of(pod) if every else [container]) for pod in pods]
    return [
        Source(name, each, f"[pod/{name}/{each}] " if prefix else "")
        for name, containers in named
        for each in containers
    ]


@click.command("logs")
@click.argument("target", required=False, metavar="[POD | KIND/NAME]")
@click.option("-c", "--container", default="", help="which container  [the pod's own, not the sidecar]")
@click.option("-f", "--follow", is_flag=True, help="go on with what is written later")
@click.option("-l", "--selector", default="", help="logs of all pods with these labels")
@click.option("-p", "--previous", is_flag=True, help="of the container's run before this one")
@click.option("--tail", type=int, default=None, help="so many last lines  [all; 10 with -l]")
@click.option("--since", type=DURATION, default=None, help="not older than this, such as 5m")
@click.option("--timestamps", is_flag=True, help="the time of writing before each line")
@click.option("--all-containers", is_flag=True, help="of every container of the pods")
@click.option("--prefix", is_flag=True, help="pod and container before each line")
@namespace_option
@data_dir_option
def command(
    target: str | None,
    container: str,
    follow: bool,
    selector: str,
    previous: bool,
    tail: int | None,
    since: float | None,
    timestamps: bool,
    all_containers: bool,
    prefix: bool,
    namespace: str,
    data_dir: Path,
) -> None:  # size: each option is one parameter
    # size: each option is one parameter
    """Show what a container wrote."""
    if bool(target) == bool(selector):
        raise UsageError("name a pod, or select by -l", hint="meshgate logs POD, meshgate logs -l app=web")
    options = LogOptions(
        follow=follow,
        previous=previous,
        timestamps=timestamps,
        tail_lines=(TAIL_OF_MANY if selector else None) if tail is None else (None if tail < 0 else tail),
        since_seconds=None if since is None else max(1, round(since)),
    )

    async def conversation(client: Client) -> int:
        if selector:
            pods = await selected_pods(client, namespace, selector)
        else:
            from meshgate.cli.targets import POD

            pods = [await client.get(POD, await pod_of(client, namespace, target or ""), namespace)]
        sources = sources_of(pods, container, every=all_containers, prefix=prefix)
        if follow:
            async with asyncio.TaskGroup() as group:
                for source in sources:
                    group.create_task(source.print(client, namespace, options))
        else:
            for source in sources:
                await source.print(client, namespace, options)
        return len(sources)

    if talk(data_dir, conversation) == 0:
        print(f"No resources found in {namespace} namespace.", file=sys.stderr)
