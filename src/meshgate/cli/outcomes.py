"""What a transaction did, printed as kubectl prints it."""

from __future__ import annotations

import click

from meshgate.api import KINDS, Ref
from meshgate.cli.printing import json_text, yaml_text
from meshgate.cli.resources import printed_name
from meshgate.client import TransactionResult

_BY_NAME = {kind.kind: kind for kind in KINDS}


def ref_name(ref: Ref) -> str:
    """`gateway.networking.istio.io/web`, from a reference."""
    return printed_name(_BY_NAME[ref.kind], ref.name)


def print_results(result: TransactionResult, output: str | None) -> None:
    """One line an object, or the objects themselves."""
    if output in ("json", "yaml"):
        items = [each.object for each in result.results if each.object is not None]
        whole = items[0] if len(items) == 1 else {"apiVersion": "v1", "kind": "List", "items": items}
        click.echo(json_text(whole) if output == "json" else yaml_text(whole), nl=False)
        return
    mark = " (server dry run)" if result.dry_run else ""
    for each in result.results:
        if output == "name":
            click.echo(ref_name(each.ref))
        else:
            click.echo(f"{ref_name(each.ref)} {each.outcome}{mark}")
