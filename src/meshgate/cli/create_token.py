"""`meshgate create token`: a token by which a process outside of the mesh proves which ServiceAccount it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from meshgate.cli.connection import data_dir_option, namespace_option, talk
from meshgate.cli.durations import DURATION
from meshgate.client import Client
from meshgate.errors import UsageError


@click.command("token")
@click.argument("name")
@click.option("--audience", "audiences", multiple=True, help="for whom it is (repeatable)  [default: the mesh's API]")
@click.option("--duration", type=DURATION, default=0.0, help="how long it is good  [default: 1h]")
@click.option("--bound-object-kind", type=click.Choice(["Pod"]), help="with the name: what ends it when it goes")
@click.option("--bound-object-name", default="", help="the pod that it is bound to")
@click.option("--bound-object-uid", default="", help="the pod's uid  [default: that of the pod of this name]")
@namespace_option
@data_dir_option
def command(
    name: str,
    audiences: tuple[str, ...],
    duration: float,
    bound_object_kind: str | None,
    bound_object_name: str,
    bound_object_uid: str,
    namespace: str,
    data_dir: Path,
) -> None:  # size: each option is one parameter
    """Print a new token of a ServiceAccount."""
    bound = {"kind": bound_object_kind or "", "name": bound_object_name, "uid": bound_object_uid}
    if any(bound.values()) and not (bound_object_kind and bound_object_name):
        raise UsageError("--bound-object-kind and --bound-object-name are given together or not at all")
    spec: dict[str, Any] = {"audiences": list(audiences)}
    if duration:
        spec["expirationSeconds"] = int(duration)
    if bound_object_kind:
        spec["boundObjectRef"] = {"apiVersion": "v1", **bound}

    async def conversation(client: Client) -> str:
        return await client.create_token(name, namespace, spec)

    print(talk(data_dir, conversation))
