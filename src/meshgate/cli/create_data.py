"""`meshgate create secret tls|generic` and `create configmap`: with kubectl's arguments, outcomes and refusals."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from meshgate.cli.connection import data_dir_option, talk
from meshgate.cli.data_sources import collected, read_file
from meshgate.cli.outcomes import print_results
from meshgate.cli.printing import json_text, yaml_text
from meshgate.cli.problems import print_warnings
from meshgate.client import Client, TransactionResult
from meshgate.errors import UsageError

F = TypeVar("F", bound=Callable[..., object])

FROM_FILE = "a file, or a directory of files; its name is the key unless one is given (repeatable)"


def _common(function: F) -> F:
    """Options of all that is made here."""
    options = (
        click.option("-n", "--namespace", help="where to make it  [default: default]"),
        click.option(
            "--dry-run",
            type=click.Choice(["none", "client", "server"]),
            default="none",
            help="client: print, ask nobody; server: check, change nothing",
        ),
        click.option("-o", "--output", type=click.Choice(["json", "yaml", "name"]), help="print the object instead"),
        data_dir_option,
    )
    for option in reversed(options):
        function = option(function)
    return function


def _sources(function: F) -> F:
    options = (
        click.option("--from-file", "files", multiple=True, metavar="[KEY=]PATH", help=FROM_FILE),
        click.option("--from-literal", "literals", multiple=True, metavar="KEY=VALUE", help="a text (repeatable)"),
        click.option(
            "--from-env-file",
            "environment_files",
            multiple=True,
            metavar="PATH",
            help="lines of KEY=VALUE (repeatable)",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.group("secret")
def secret_command() -> None:
    """Make a Secret."""


@secret_command.command("tls")
@click.argument("name")
@click.option("--cert", default="", metavar="PATH", help="PEM: the certificate, then those that lead to its root")
@click.option("--key", default="", metavar="PATH", help="PEM: its private key")
@_common
def create_tls(name: str, cert: str, key: str, **options: Any) -> None:
    """Make a Secret of a certificate and its key, which must belong together."""
    if not cert or not key:
        raise UsageError("key and cert must be specified", hint="--cert=PATH --key=PATH")
    chain, private = read_file(cert), read_file(key)
    _check_pair(chain, private)
    _make(_secret(name, {"tls.crt": chain, "tls.key": private}, "kubernetes.io/tls"), **options)


@secret_command.command("generic")
@click.argument("name")
@_sources
@click.option("--type", "secret_type", default="", metavar="TYPE", help="type of the Secret  [default: Opaque]")
@_common
def create_generic(
    name: str,
    files: tuple[str, ...],
    literals: tuple[str, ...],
    environment_files: tuple[str, ...],
    secret_type: str,
    **options: Any,
) -> None:
    """Make a Secret of files and texts."""
    data = collected("Secret", name, files, literals, environment_files)
    _make(_secret(name, data, secret_type), **options)


@click.command("configmap")
@click.argument("name")
@_sources
@_common
def configmap_command(
    name: str,
    files: tuple[str, ...],
    literals: tuple[str, ...],
    environment_files: tuple[str, ...],
    **options: Any,
) -> None:
    """Make a ConfigMap of files and texts."""
    data = collected("ConfigMap", name, files, literals, environment_files)
    _make(_config_map(name, data), **options)


def _make(made: dict[str, Any], *, namespace: str | None, dry_run: str, output: str | None, data_dir: Path) -> None:
    """Make the object, or show what would be made. The namespace may stand before the command's name, too."""
    parents = (each.params.get("namespace") for each in _ancestors(click.get_current_context()))
    chosen = namespace or next((each for each in parents if each), None)
    if chosen:
        made["metadata"]["namespace"] = chosen
    if dry_run == "client":
        _show(made, output)
        return

    async def conversation(client: Client) -> TransactionResult:
        return await client.transact([made], mode="create", dry_run=dry_run == "server")

    result = talk(data_dir, conversation)
    print_results(result, output)
    print_warnings(result.problems)


def _ancestors(ctx: click.Context) -> list[click.Context]:
    found = []
    while ctx.parent is not None:
        ctx = ctx.parent
        found.append(ctx)
    return found


def _show(made: dict[str, Any], output: str | None) -> None:
    named = f"{made['kind'].lower()}/{made['metadata']['name']}"
    match output:
        case "yaml":
            click.echo(yaml_text(made), nl=False)
        case "json":
            click.echo(json_text(made), nl=False)
        case "name":
            click.echo(named)
        case _:
            click.echo(f"{named} created (dry run)")


def _secret(name: str, data: Mapping[str, bytes], secret_type: str) -> dict[str, Any]:
    made: dict[str, Any] = {"apiVersion": "v1"}
    if data:
        made["data"] = {key: base64.b64encode(data[key]).decode() for key in sorted(data)}
    made |= {"kind": "Secret", "metadata": {"name": name}}
    return {**made, "type": secret_type} if secret_type else made


def _config_map(name: str, data: Mapping[str, bytes]) -> dict[str, Any]:
    """What is no text goes into `binaryData`."""
    texts: dict[str, str] = {}
    binary: dict[str, str] = {}
    for key in sorted(data):
        try:
            texts[key] = data[key].decode()
        except UnicodeDecodeError:
            binary[key] = base64.b64encode(data[key]).decode()
    made: dict[str, Any] = {"apiVersion": "v1"}
    made |= {"binaryData": binary} if binary else {}
    made |= {"data": texts} if texts else {}
    return {**made, "kind": "ConfigMap", "metadata": {"name": name}}


def _check_pair(chain: bytes, key: bytes) -> None:
    """What kubectl refuses, in its words; what Envoy alone would not take, the server warns of."""
    from meshgate.api import SecretBytes
    from meshgate.mesh import check_pair

    words = {
        ("certificate", "absent"): "tls: failed to find any PEM data in certificate input",
        ("key", "absent"): "tls: failed to find any PEM data in key input",
        ("key", "mismatch"): "tls: private key does not match public key",
        ("certificate", "mismatch"): "tls: private key does not match public key",
    }
    for fault in check_pair(chain, SecretBytes(key)).faults:
        if fault.kind != "weak":
            raise UsageError(words.get((fault.part, fault.kind), f"tls: {fault.part}: {fault.text}"), hint=fault.hint)
