"""`meshgate proxy-config log`: the levels of an Envoy's loggers, and how to change them while it runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshgate.cli.connection import data_dir_option, namespace_option, talk
from meshgate.cli.targets import pod_of, selected_pods, split_target
from meshgate.errors import MeshgateError, UsageError

if TYPE_CHECKING:
    from meshgate.client import Client

LEVELS = ("trace", "debug", "info", "warning", "error", "critical", "off")
ALL = "level"
"""istioctl's name for all loggers."""
STARTED_WITH = ((ALL, "warning"), ("misc", "error"))
"""`envoy.bootstrap.envoy_arguments`."""
Change = tuple[str, str]
"""Logger (`level` is all of them) and level."""


def parse_changes(text: str) -> list[Change]:
    """`LEVEL` for all loggers, `LOGGER:LEVEL` (or `=`) for one, several by commas; those for all come first.

    >>> parse_changes("http:debug,warn")
    [('level', 'warning'), ('http', 'debug')]
    """
    found = [_change(each) for each in text.split(",")]
    whole = [change for change in found if change[0] == ALL]
    return [*whole[-1:], *(change for change in found if change[0] != ALL)]


def _change(text: str) -> Change:
    logger, level = "", text
    if found := re.fullmatch(r"(?:.*::)?(.*?)[:=](.*)", text):
        logger, level = found.groups()
    level = {"warn": "warning"}.get(level, level)
    if level not in LEVELS:
        raise UsageError(f"unrecognized logging level: {level}", hint=f"one of {', '.join(LEVELS)}")
    return logger or ALL, level


def check_loggers(changes: Sequence[Change], told: str) -> None:
    """Each logger is one that Envoy has told."""
    known = {line.strip().partition(":")[0] for line in told.splitlines()[1:]}
    for logger, _ in changes:
        if logger not in known | {ALL}:
            raise UsageError(f"unrecognized logger name: {logger}", hint=f"one of {', '.join(sorted(known))}")


async def changed(client: Client, pod: str, namespace: str, changes: Sequence[Change]) -> str:
    """The levels after the changes."""
    told = await client.proxy_logging(pod, namespace)
    check_loggers(changes, told)
    for logger, level in changes:
        told = await client.proxy_logging(pod, namespace, "" if logger == ALL else logger, level)
    return told


async def pods_of(client: Client, target: str, selector: str, namespace: str) -> tuple[list[str], str]:
    """Names of the pods that are meant, and their namespace."""
    if not selector:
        name, where = split_target(target, namespace)
        return [await pod_of(client, where, name)], where
    found = await selected_pods(client, namespace, selector)
    if not found:
        raise MeshgateError("no pods found", hint=f"meshgate get pods -n {namespace} -l {selector}")
    return [str(pod["metadata"]["name"]) for pod in found], namespace


@click.command("log")
@click.argument("target", required=False, metavar="[[KIND/]NAME[.NAMESPACE]]")
@click.option("--level", default="", metavar="[LOGGER:]LEVEL,...", help=f"set levels: {', '.join(LEVELS)}")
@click.option("-r", "--reset", is_flag=True, help="set all levels as they were at the start")
@click.option("-l", "--selector", default="", help="the pods with these labels")
@namespace_option
@data_dir_option
def log(target: str | None, level: str, reset: bool, selector: str, namespace: str, data_dir: Path) -> None:
    """Its loggers and their levels; --level changes them (alias: o)."""
    if bool(target) == bool(selector):
        raise UsageError("log requires pod name or --selector", hint="meshgate proxy-config log deploy/web")
    if reset and level:
        raise UsageError("--level cannot be combined with --reset")
    changes = list(STARTED_WITH) if reset else parse_changes(level) if level else []

    async def conversation(client: Client) -> list[tuple[str, str]]:
        pods, where = await pods_of(client, target or "", selector, namespace)
        return [(f"{pod}.{where}", await changed(client, pod, where, changes)) for pod in pods]

    for name, told in talk(data_dir, conversation):
        click.echo(f"{name}:\n{told}", nl=False)
