"""`meshgate authn`: which TLS a proxy takes at each port and sends to each destination, and which field says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshgate.cli.connection import data_dir_option, namespace_option, talk
from meshgate.cli.printing import json_text, table_text, yaml_text
from meshgate.cli.targets import pod_of, split_target

if TYPE_CHECKING:
    from meshgate.client import Client

NONE = "-"
OTHERS = "others"
NOTHING = "nothing\n"
ACCEPTS = ("Port", "Service", "Mode", "Takes", "Certificate", "By")
SENDS = ("Host", "Port", "Subset", "Endpoints", "Sends", "SNI", "Certificate", "By")
REQUESTS_HOST = "the request's host"
One = Mapping[str, Any]


def reason_text(reason: Mapping[str, str]) -> str:
    """`VirtualService/shop/web spec.http[0]: why (file:line)`."""
    where = f"{reason['ref']} {reason['path']}".strip()
    place = f" ({reason['position']})" if reason["position"] else ""
    return f"{where}{place}: {reason['text']}" if where else reason["text"]


def by_text(one: One) -> str:
    return "; ".join(map(reason_text, one["why"]))


def certificate_text(tls: One | None) -> str:
    """What this end shows; without its own certificate, by which roots it believes the other."""
    if tls is None:
        return NONE
    if tls["certificates"]:
        return ",".join(tls["certificates"])
    return f"checks by {tls['roots']}" if tls["roots"] else "checks nobody"


def accepted_row(one: One) -> Sequence[str]:
    names = ",".join(one["serverNames"])
    return (
        str(one["port"] or OTHERS),
        names or ",".join(one["services"]) or NONE,
        one["mode"],
        ", ".join(one["takes"]),
        ",".join(one["tls"]["certificates"]) if one["tls"] else NONE,
        by_text(one),
    )


def sent_row(one: One) -> Sequence[str]:
    tls = one["tls"]
    sni = (tls["sni"] or (REQUESTS_HOST if tls["sniOfRequest"] else "")) if tls else ""
    return (
        one["host"],
        str(one["port"]),
        one["subset"] or NONE,
        str(len(one["endpoints"])),
        one["sends"],
        sni or NONE,
        certificate_text(tls),
        by_text(one),
    )


def text_of(told: One) -> str:
    """Two tables under the proxy's identity."""
    accepts = table_text(ACCEPTS, [accepted_row(one) for one in told["accepts"]]) if told["accepts"] else NOTHING
    sends = table_text(SENDS, [sent_row(one) for one in told["sends"]]) if told["sends"] else NOTHING
    return f"{told['name']} is {told['identity']}\n\naccepts:\n{accepts}\nsends:\n{sends}"


@click.command("authn")
@click.argument("target", metavar="[KIND/]NAME[.NAMESPACE]")
@click.option("--fqdn", default="", help="destinations whose host has this in it")
@click.option("--port", type=int, default=0, help="this port of the workload, and destinations of this port")
@click.option("-o", "--output", type=click.Choice(["json", "yaml"]), help="form of the output, with all details")
@namespace_option
@data_dir_option
def command(target: str, fqdn: str, port: int, output: str | None, namespace: str, data_dir: Path) -> None:
    """Which TLS a proxy takes at each port and sends to each destination, and which field says so."""
    name, where = split_target(target, namespace)

    async def conversation(client: Client) -> One:
        return await client.authn(await pod_of(client, where, name), where)

    whole = talk(data_dir, conversation)
    told = {
        **whole,
        "accepts": [one for one in whole["accepts"] if port in (0, one["port"])],
        "sends": [one for one in whole["sends"] if fqdn in one["host"] and port in (0, one["port"])],
    }
    if output == "json":
        click.echo(json_text(told), nl=False)
    else:
        click.echo(yaml_text(told) if output == "yaml" else text_of(told), nl=False)
