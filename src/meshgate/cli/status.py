"""`meshgate status`: what runs, whether every proxy has what was applied, and what is wrong with the objects."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from meshgate.cli.connection import data_dir_option, talk
from meshgate.cli.lab import lab_lines
from meshgate.cli.printing import json_text, table_text, yaml_text
from meshgate.cli.problems import COLOURS, counts_text, print_problems
from meshgate.client import Client
from meshgate.host.capsule import find_holder

TYPES = ("clusters", "endpoints", "listeners", "routes")


def state_word(proxy: Mapping[str, Any], name: str, *, wide: bool) -> str:
    """One type of one proxy: SYNCED, STALE, REFUSED; in the wide form with the number of resources."""
    found = proxy["types"].get(name)
    if found is None:
        return "-"
    word = str(found["state"]).upper()
    return f"{word} ({found['resources']})" if wide else word


def proxies_text(proxies: Sequence[Mapping[str, Any]], *, wide: bool) -> str:
    rows = []
    for proxy in proxies:
        connected = "yes" if proxy["connected"] else "no"
        row = [proxy["name"], proxy["role"] or "-", connected]
        row += [state_word(proxy, name, wide=wide) for name in TYPES]
        rows.append([*row, proxy.get("pid") or "-"] if wide else row)
    columns = ["Name", "Type", "Connected", *TYPES, *(["PID"] if wide else [])]
    return table_text(columns, rows) if rows else "no proxies\n"


def host_view(told: Mapping[str, Any], data_dir: Path) -> dict[str, Any]:
    """What the mesh tells, with the holder's process as this side of its PID namespace sees it."""
    pid = find_holder(data_dir)
    return {**told, "dataDir": str(data_dir), "holder": {"pid": pid}} if pid else {**told, "dataDir": str(data_dir)}


def blocked_lines(blocked: Sequence[Mapping[str, Any]]) -> list[str]:
    """Calls that sidecars refused, by pod."""
    if not blocked:
        return []
    rows = [[one["proxy"], one["call"], one["count"], one["last"]] for one in blocked]
    return ["", *table_text(["Refused calls of", "To", "Count", "Last"], rows).splitlines()]


@click.command("status")
@click.option("-o", "--output", type=click.Choice(["json", "yaml", "wide"]), help="form of the output")
@data_dir_option
def command(output: str | None, data_dir: Path) -> None:
    """What runs, what is applied, what is wrong."""

    async def conversation(client: Client) -> Mapping[str, Any]:
        return await client.status()

    told = host_view(talk(data_dir, conversation), Path(os.path.realpath(data_dir)))
    if output == "json":
        click.echo(json_text(told), nl=False)
    elif output == "yaml":
        click.echo(yaml_text(told), nl=False)
    else:
        print_status(told, wide=output == "wide")


def print_status(told: Mapping[str, Any], *, wide: bool) -> None:
    click.echo(f"mesh: up, data in {told['dataDir']}")
    for line in told.get("gateways") or []:
        click.echo(f"  {line}")
    if told.get("lab"):
        click.echo("\n".join(lab_lines(told["lab"])))
    click.echo()
    click.echo(proxies_text(told["proxies"], wide=wide), nl=False)
    for proxy in told["proxies"]:
        for refused in proxy["refused"]:
            click.secho(f"{proxy['name']} refused {refused['name']}: {refused['text']}", fg=COLOURS["error"])
    for line in blocked_lines(told.get("blocked") or []):
        click.echo(line)
    click.echo(f"\nproblems: {counts_text(told['problems'])}")
    print_problems(told["problems"], wide=wide)
