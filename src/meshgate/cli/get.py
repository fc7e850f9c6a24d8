"""`meshgate get`: objects as kubectl's tables, or whole."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from meshgate.api import Ref
from meshgate.cli.connection import all_namespaces_option, data_dir_option, namespace_option, talk
from meshgate.cli.printing import json_text, server_table_text, yaml_text
from meshgate.cli.problems import Entry, counts_text, print_problems
from meshgate.cli.resources import Named, parse_named, printed_name
from meshgate.client import Client, Selection

PROBLEMS = "Problems"
NOTHING = "<none>"
"""What the server writes where there is none."""


def rows_named(table: dict[str, Any], named: Named) -> dict[str, Any]:
    """The table with its kind before each name, as where several kinds are shown."""
    rows = [
        {**row, "cells": [printed_name(named.kind, str(row["cells"][0])), *row["cells"][1:]]}
        for row in table.get("rows") or []
    ]
    return {**table, "rows": rows}


def print_tables(tables: Sequence[tuple[Named, dict[str, Any]]], *, wide: bool, where: str, headers: bool) -> None:
    """The tables that have rows, a blank line between them; else that nothing was found."""
    many = len({named.kind.kind for named, _ in tables}) > 1
    shown = [(named, table) for named, table in tables if table.get("rows")]
    for number, (named, table) in enumerate(shown):
        namespaces = named.kind.namespaced and not where
        text = server_table_text(
            rows_named(table, named) if many else table, wide=wide, namespaces=namespaces, headers=headers
        )
        click.echo(("\n" if number else "") + text, nl=False)
    if not shown:
        print(f"No resources found{f' in {where} namespace' if where else ''}.", file=sys.stderr)


def refs_with_problems(tables: Sequence[tuple[Named, dict[str, Any]]]) -> set[str]:
    """The objects shown whose row has something in the column of problems."""
    found = set()
    for named, table in tables:
        names = [column["name"] for column in table["columnDefinitions"]]
        place = names.index(PROBLEMS) if PROBLEMS in names else None
        for row in table.get("rows") or []:
            if place is not None and row["cells"][place] != NOTHING:
                metadata = row["object"]["metadata"]
                found.add(str(Ref(named.kind.kind, metadata.get("namespace", ""), metadata["name"])))
    return found


async def problems_of(client: Client, tables: Sequence[tuple[Named, dict[str, Any]]]) -> list[Entry]:
    """What is wrong with the objects shown."""
    refs = refs_with_problems(tables)
    return [entry for entry in (await client.status())["problems"] if entry["ref"] in refs] if refs else []


async def read(client: Client, named: Named, selection: Selection, *, table: bool) -> dict[str, Any]:
    """One object, or the list (or Table) of what is selected."""
    if named.name:
        namespace = selection.namespace if named.kind.namespaced else ""
        return dict(await client.get(named.kind, named.name, namespace, table=table))
    within = selection if named.kind.namespaced else Selection(labels=selection.labels, fields=selection.fields)
    return dict(await client.list(named.kind, within, table=table))


def joined(tables: Sequence[tuple[Named, dict[str, Any]]]) -> list[tuple[Named, dict[str, Any]]]:
    """Tables of single objects of one kind as one table."""
    found: dict[str, tuple[Named, dict[str, Any]]] = {}
    for named, table in tables:
        if named.name and named.kind.kind in found:
            first = found[named.kind.kind][1]
            found[named.kind.kind] = (named, {**first, "rows": [*first["rows"], *table["rows"]]})
        else:
            found[named.kind.kind] = (named, table)
    return list(found.values())


def print_whole(read_objects: Sequence[tuple[Named, dict[str, Any]]], output: str) -> None:
    """Objects as JSON, YAML or names; several of them as one List."""
    items = [item for named, raw in read_objects for item in ([raw] if named.name else whole_items(named, raw))]
    if output == "name":
        kinds = {named.kind.kind: named.kind for named, _ in read_objects}
        for item in items:
            click.echo(printed_name(kinds[item["kind"]], item["metadata"]["name"]))
        return
    single = len(read_objects) == 1 and read_objects[0][0].name
    whole = items[0] if single else {"apiVersion": "v1", "kind": "List", "metadata": {}, "items": items}
    click.echo(json_text(whole) if output == "json" else yaml_text(whole), nl=False)


def whole_items(named: Named, listed: dict[str, Any]) -> list[dict[str, Any]]:
    """Items of a list, each with the kind that lists leave out."""
    kind = named.kind
    return [{"apiVersion": kind.api_version, "kind": kind.kind, **item} for item in listed.get("items") or []]


@click.command("get")
@click.argument("resources", nargs=-1)
@namespace_option
@all_namespaces_option
@click.option("-l", "--selector", default="", help="labels to select by: app=web,version!=v1, in (…), key")
@click.option("--field-selector", default="", help="fields to select by: metadata.name=web")
@click.option("-o", "--output", type=click.Choice(["yaml", "json", "wide", "name"]), help="form of the output")
@click.option("--no-headers", is_flag=True, help="tables without the line of column names")
@click.option("--ignore-not-found", is_flag=True, help="nothing, and exit code 0, where a named object is not there")
@data_dir_option
def command(
    resources: tuple[str, ...],
    namespace: str,
    all_namespaces: bool,
    selector: str,
    field_selector: str,
    output: str | None,
    no_headers: bool,
    ignore_not_found: bool,
    data_dir: Path,
) -> None:  # size: each option is one parameter
    """Show objects: meshgate get KIND[/NAME]... [NAME...]"""
    from meshgate.errors import ApiError

    asked = parse_named(resources)
    selection = Selection(namespace="" if all_namespaces else namespace, labels=selector, fields=field_selector)
    is_table = output in (None, "wide")

    async def conversation(client: Client) -> tuple[list[tuple[Named, dict[str, Any]]], list[Entry]]:
        found = []
        for named in asked:
            try:
                found.append((named, await read(client, named, selection, table=is_table)))
            except ApiError as error:
                if not (ignore_not_found and named.name and error.reason == "NotFound"):
                    raise
        return found, await problems_of(client, found) if output == "wide" else []

    found, problems = talk(data_dir, conversation)
    if not found:
        return
    if is_table:
        where = "" if all_namespaces else namespace
        print_tables(joined(found), wide=output == "wide", where=where, headers=not no_headers)
        if problems:
            click.echo(f"\nproblems: {counts_text(problems)}")
            print_problems(problems)
    else:
        assert output is not None
        print_whole(found, output)
