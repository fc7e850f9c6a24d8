"""`meshgate create`: make what is not there yet; an object that is there is an error, as with kubectl."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from meshgate.cli import create_data, create_token
from meshgate.cli.connection import data_dir_option, talk
from meshgate.cli.manifests import objects_of, read_documents
from meshgate.cli.outcomes import print_results
from meshgate.cli.problems import print_warnings
from meshgate.client import Client, Positions, TransactionResult


def create(
    data_dir: Path, objects: list[dict[str, Any]], positions: list[Positions | None], output: str | None = None
) -> None:
    async def conversation(client: Client) -> TransactionResult:
        return await client.transact(objects, mode="create", positions=positions)

    result = talk(data_dir, conversation)
    print_results(result, output)
    print_warnings(result.problems)


@click.group("create", invoke_without_command=True)
@click.option("-f", "--filename", "paths", multiple=True, metavar="FILE|DIR|-", help="what to make (repeatable)")
@click.option("-n", "--namespace", help="namespace of objects that name none  [default]")
@click.option("-o", "--output", type=click.Choice(["json", "yaml", "name"]), help="print the objects instead")
@data_dir_option
@click.pass_context
def command(
    ctx: click.Context, paths: tuple[str, ...], namespace: str | None, output: str | None, data_dir: Path
) -> None:
    """Make objects that are not there yet."""
    if ctx.invoked_subcommand is None:
        create(data_dir, *objects_of(read_documents(paths), namespace), output)


def namespace_object(name: str, labels: Mapping[str, str]) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name}
    if labels:
        metadata["labels"] = dict(labels)
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


@command.command("namespace")
@click.argument("name")
@data_dir_option
def create_namespace(name: str, data_dir: Path) -> None:
    """Make a namespace."""
    create(data_dir, [namespace_object(name, {})], [None])


command.add_command(create_namespace, "ns")
command.add_command(create_token.command)
command.add_command(create_data.secret_command)
command.add_command(create_data.configmap_command)
command.add_command(create_data.configmap_command, "cm")
