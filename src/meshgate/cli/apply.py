"""`meshgate apply`: all objects of the given files in one transaction: every one of them, or none."""

from __future__ import annotations

from pathlib import Path

import click

from meshgate.cli.connection import data_dir_option, talk
from meshgate.cli.manifests import objects_of, read_documents
from meshgate.cli.outcomes import print_results
from meshgate.cli.problems import print_warnings
from meshgate.client import Client, TransactionResult


@click.command("apply")
@click.option("-f", "--filename", "paths", multiple=True, metavar="FILE|DIR|-", help="what to apply (repeatable)")
@click.option("-R", "--recursive", is_flag=True, help="look into directories of directories")
@click.option("-n", "--namespace", help="namespace of objects that name none  [default]")
@click.option("--dry-run", type=click.Choice(["none", "server"]), default="none", help="server: check, change nothing")
@click.option("-o", "--output", type=click.Choice(["json", "yaml", "name"]), help="print the objects instead")
@data_dir_option
def command(
    paths: tuple[str, ...], recursive: bool, namespace: str | None, dry_run: str, output: str | None, data_dir: Path
) -> None:
    """Make or change objects, all of them or none."""
    objects, positions = objects_of(read_documents(paths, recursive=recursive), namespace)

    async def conversation(client: Client) -> TransactionResult:
        return await client.transact(objects, positions=positions, dry_run=dry_run == "server")

    result = talk(data_dir, conversation)
    print_results(result, output)
    print_warnings(result.problems)
