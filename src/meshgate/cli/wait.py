"""`meshgate wait`: until every proxy has acknowledged the newest configuration, or until objects are as they should be.

--for applied                          every connected proxy has what the store says
--for condition=Ready pod -l app=web   as kubectl: a condition of all objects that are named or selected
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from meshgate.cli.connection import all_namespaces_option, data_dir_option, namespace_option, talk
from meshgate.cli.durations import DURATION
from meshgate.cli.resources import Named, parse_named, printed_name
from meshgate.client import Client, Selection
from meshgate.errors import MeshgateError, UsageError

POLL_S = 0.05
APPLIED = "applied"
_HINT = "--for applied, or --for condition=Ready pod -l app=web"


class Condition(NamedTuple):
    """A condition in the status of objects."""

    type: str
    status: str = "true"
    """In lower case."""

    def holds(self, raw: Mapping[str, Any]) -> bool:
        """Of the object as it is now: a status that was made for an older version of it counts for nothing."""
        status = raw.get("status") or {}
        seen = status.get("observedGeneration")
        if seen is not None and seen < raw["metadata"].get("generation", 0):
            return False
        found = (each for each in status.get("conditions") or () if str(each.get("type")).lower() == self.type.lower())
        return any(str(each.get("status")).lower() == self.status for each in found)


def parse_condition(text: str) -> Condition:
    """`condition=TYPE` or `condition=TYPE=STATUS`.

    >>> parse_condition("condition=Ready"), parse_condition("condition=Ready=False")
    (Condition(type='Ready', status='true'), Condition(type='Ready', status='false'))
    """
    match = re.fullmatch(r"condition=([^=]+)(?:=([^=]+))?", text)
    if match is None:
        raise UsageError(f"--for {text!r} is nothing that can be waited for", hint=_HINT)
    return Condition(match[1], (match[2] or "true").lower())


async def objects_named(
    client: Client, named: Sequence[Named], selection: Selection
) -> list[tuple[str, Mapping[str, Any]]]:
    """What is there of the objects that are meant, each with its name as it is printed."""
    found = []
    for each in named:
        if each.name:
            objects = [await client.get(each.kind, each.name, selection.namespace if each.kind.namespaced else "")]
        else:
            objects = (await client.list(each.kind, selection)).get("items") or []
        found += [(printed_name(each.kind, raw["metadata"]["name"]), raw) for raw in objects]
    return found


async def wait_condition(
    client: Client, named: Sequence[Named], selection: Selection, condition: Condition, timeout_s: float
) -> list[str]:
    """The objects' names, once the condition holds for all. MeshgateError at the deadline, and where there are none."""
    end = asyncio.get_running_loop().time() + timeout_s
    while True:
        objects = await objects_named(client, named, selection)
        _check_any(objects)
        waiting = [name for name, raw in objects if not condition.holds(raw)]
        if not waiting:
            return [name for name, _ in objects]
        if asyncio.get_running_loop().time() > end:
            raise MeshgateError(f"timed out waiting for the condition on {', '.join(waiting)}")
        await asyncio.sleep(POLL_S)


def _check_any(objects: Sequence[object]) -> None:
    """As kubectl: what is not there is not waited for."""
    if not objects:
        raise MeshgateError("no matching resources found", hint="meshgate get shows what is there")


@click.command("wait")
@click.argument("resources", nargs=-1)
@click.option("--for", "wanted", required=True, metavar="applied|condition=TYPE[=STATUS]", help="what to wait for")
@click.option("-l", "--selector", default="", help="of all objects with these labels")
@click.option("--all", "everything", is_flag=True, help="of all objects of the kind in the namespace")
@click.option("--timeout", default="30s", type=DURATION, show_default=True, help="give up after this long")
@namespace_option
@all_namespaces_option
@data_dir_option
def command(
    resources: tuple[str, ...],
    wanted: str,
    selector: str,
    everything: bool,
    timeout: float,
    namespace: str,
    all_namespaces: bool,
    data_dir: Path,
) -> None:  # size: each option is one parameter
    """Wait until every proxy has the newest configuration, or objects a condition; exit code 1 when time is over."""
    if wanted == APPLIED:
        if resources:
            raise UsageError(f"--for {APPLIED} is for the whole mesh", hint=_HINT)
        wait_applied(data_dir, timeout)
        return
    condition = parse_condition(wanted)
    named = parse_named(resources)
    if not all(each.name for each in named) and not (selector or everything):
        raise UsageError("resource(s) were provided, but no name was specified", hint="a name, -l, or --all")
    selection = Selection(namespace="" if all_namespaces else namespace, labels=selector)

    async def conversation(client: Client) -> list[str]:
        return await wait_condition(client, named, selection, condition, timeout)

    for name in talk(data_dir, conversation):
        click.echo(f"{name} condition met")


def wait_applied(data_dir: Path, timeout: float) -> None:
    async def conversation(client: Client) -> Mapping[str, Any]:
        return await client.wait_applied(math.ceil(timeout))

    told = talk(data_dir, conversation)
    proxies = told.get("proxies")
    count = len(proxies) if isinstance(proxies, list) else 0
    click.echo(f"condition met: {APPLIED} by {count} prox{'y' if count == 1 else 'ies'}")
