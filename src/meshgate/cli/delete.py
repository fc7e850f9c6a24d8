"""`meshgate delete`: delete objects and, unless told otherwise, wait until they are gone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from meshgate.api import KINDS, Kind, Ref
from meshgate.cli.connection import all_namespaces_option, data_dir_option, namespace_option, talk
from meshgate.cli.durations import DURATION
from meshgate.cli.manifests import objects_of, read_documents
from meshgate.cli.problems import print_warnings
from meshgate.cli.resources import parse_named
from meshgate.client import Client, ObjectResult, Selection, TransactionResult
from meshgate.errors import ApiError, MeshgateError, UsageError

POLL_S = 0.05
_BY_NAME = {kind.kind: kind for kind in KINDS}


def named_object(kind: Kind, namespace: str, name: str) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if kind.namespaced else {})}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata}


async def selected_objects(
    client: Client, resources: Sequence[str], selection: Selection, *, everything: bool
) -> list[dict[str, Any]]:
    """The objects that the arguments mean, by name or by selection."""
    found = []
    for named in parse_named(resources):
        if named.name:
            found.append(named_object(named.kind, selection.namespace, named.name))
            continue
        if not (selection.labels or everything):
            raise UsageError("resource(s) were provided, but no name was specified", hint="a name, -l, or --all")
        within = selection if named.kind.namespaced else Selection(labels=selection.labels)
        for item in (await client.list(named.kind, within)).get("items") or []:
            metadata = item["metadata"]
            found.append(named_object(named.kind, metadata.get("namespace", ""), metadata["name"]))
    return found


async def wait_gone(client: Client, result: TransactionResult, timeout_s: float) -> None:
    """Wait until none of the deleted objects is there. MeshgateError at the deadline."""
    try:
        async with asyncio.timeout(timeout_s or None):
            for each in result.results:
                await wait_one_gone(client, each)
    except TimeoutError:
        raise MeshgateError("timed out: not all that was deleted is gone", hint="meshgate get shows what is") from None


async def wait_one_gone(client: Client, deleted: ObjectResult) -> None:
    """Wait until the object is gone, or another one has its name. The caller sets the deadline."""
    uid = ((deleted.object or {}).get("metadata") or {}).get("uid")

    while await is_there(client, deleted.ref, uid):  # noqa: ASYNC110
        await asyncio.sleep(POLL_S)


async def is_there(client: Client, ref: Ref, uid: str | None) -> bool:
    try:
        found = await client.get(_BY_NAME[ref.kind], ref.name, ref.namespace)
    except ApiError as error:
        if error.reason == "NotFound":
            return False
        raise
    return uid is None or found["metadata"]["uid"] == uid


def deletion_lines(results: Iterable[ObjectResult]) -> Iterator[str]:
    """As kubectl says it; nothing of what was not there."""
    for each in results:
        if each.outcome != "deleted":
            continue
        kind = _BY_NAME[each.ref.kind]
        named = f"{kind.singular}.{kind.group}" if kind.group else kind.singular
        yield f'{named} "{each.ref.name}" deleted'


def missing_lines(results: Iterable[ObjectResult]) -> Iterator[str]:
    """As kubectl says it of what was not there."""
    for each in results:
        if each.outcome == "unchanged" and each.object is None:
            kind = _BY_NAME[each.ref.kind]
            named = f"{kind.plural}.{kind.group}" if kind.group else kind.plural
            yield f'Error from server (NotFound): {named} "{each.ref.name}" not found'


@click.command("delete")
@click.argument("resources", nargs=-1)
@click.option("-f", "--filename", "paths", multiple=True, metavar="FILE|DIR|-", help="delete what these files name")
@click.option("-l", "--selector", default="", help="delete what has these labels")
@click.option("--all", "everything", is_flag=True, help="delete all of the kind in the namespace")
@click.option("--ignore-not-found", is_flag=True, help="what is not there is no error")
@click.option("--wait/--no-wait", default=True, show_default=True, help="wait until they are gone")
@click.option("--timeout", type=DURATION, default="60s", show_default=True, help="how long to wait; 0: for ever")
@namespace_option
@all_namespaces_option
@data_dir_option
def command(
    resources: tuple[str, ...],
    paths: tuple[str, ...],
    selector: str,
    everything: bool,
    ignore_not_found: bool,
    wait: bool,
    timeout: float,
    namespace: str,
    all_namespaces: bool,
    data_dir: Path,
) -> int:  # size: each option is one parameter
    """Delete objects: meshgate delete KIND NAME..., KIND/NAME..., -f FILE."""
    if bool(resources) == bool(paths):
        raise UsageError("name objects, or give files by -f", hint="meshgate delete pod web, or -f web.yaml")
    given = objects_of(read_documents(paths), None)[0] if paths else []
    selection = Selection(namespace="" if all_namespaces else namespace, labels=selector)

    async def conversation(client: Client) -> TransactionResult:
        objects = given or await selected_objects(client, resources, selection, everything=everything)
        result = await client.transact(objects, mode="delete", ignore_missing=True)
        for line in deletion_lines(result.results):
            click.echo(line)
        if wait:
            await wait_gone(client, result, timeout)
        return result

    result = talk(data_dir, conversation)
    print_warnings(result.problems)
    if not result.results:
        click.echo("No resources found", err=True)
    missing = [] if ignore_not_found else list(missing_lines(result.results))
    for line in missing:
        click.echo(line, err=True)
    return 1 if missing else 0
