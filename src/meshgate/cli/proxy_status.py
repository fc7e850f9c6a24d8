"""`meshgate proxy-status`: whether every proxy has what it should have, in istioctl's words; for one, what differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshgate.cli.connection import data_dir_option, talk
from meshgate.cli.printing import json_text, table_text
from meshgate.cli.proxy_dumps import DumpSource, file_bytes
from meshgate.errors import UsageError

if TYPE_CHECKING:
    from meshgate.client import Client

GAP = "     "
CONTROL_PLANE = "meshgate"
"""In the column ISTIOD."""
TYPES = {
    "clusters": ("CDS", "type.googleapis.com/envoy.config.cluster.v3.Cluster"),
    "listeners": ("LDS", "type.googleapis.com/envoy.config.listener.v3.Listener"),
    "endpoints": ("EDS", "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"),
    "routes": ("RDS", "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"),
    "extensions": ("ECDS", "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"),
    "secrets": ("SDS", "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"),
}
"""Istio's order, the first five always shown; others as they come."""
LOADED = "%a, %d %b %Y %H:%M:%S %Z"
ALWAYS = ("CDS", "ECDS", "EDS", "LDS", "RDS")
WORDS = {"synced": "SYNCED", "stale": "STALE", "refused": "ERROR"}
Proxy = Mapping[str, Any]


def short_name(name: str) -> str:
    return TYPES[name][0] if name in TYPES else name.rsplit(".", 1)[-1]


def subscribed(proxy: Proxy) -> list[str]:
    """The types that it has asked for, in Istio's order."""
    known = [name for name in TYPES if name in proxy["types"]]
    return [short_name(name) for name in (*known, *sorted(set(proxy["types"]) - set(known)))]


def word_of(told: Mapping[str, Any]) -> str:
    """What was sent and accepted; nothing sent and nothing held is NOT SENT."""
    if told["state"] == "synced" and not told.get("sent") and not told["resources"]:
        return "NOT SENT"
    return WORDS[str(told["state"])]


def age_text(seconds: float) -> str:
    """As Kubernetes shortens ages.

    >>> age_text(47.9), age_text(135), age_text(7300), age_text(3 * 86400)
    ('47s', '2m15s', '121m', '3d')
    """
    whole = max(0, int(seconds))
    if whole < 120:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 10:
        return f"{minutes}m{rest}s" if rest else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    hours = minutes // 60
    return f"{hours}h" if hours < 48 else f"{hours // 24}d"


def cell(told: Mapping[str, Any] | None, now: datetime) -> str:
    if told is None:
        return "IGNORED"
    sent = told.get("sent")
    age = f" ({age_text((now - datetime.fromisoformat(sent)).total_seconds())})" if sent else ""
    return f"{word_of(told)}{age}"


def status_table(proxies: Sequence[Proxy], now: datetime, *, verbosity: int) -> str:
    """One line a proxy; from verbosity 1 on with the state of each type."""
    if not verbosity:
        rows = [
            [each["name"], each["clusterId"], CONTROL_PLANE, each["version"], f"{len(types)} ({','.join(types)})"]
            for each in proxies
            for types in [subscribed(each)]
        ]
        return table_text(["Name", "Cluster", "Istiod", "Version", "Subscribed Types"], rows, gap=GAP)
    names = {short_name(name): name for each in proxies for name in (*TYPES, *each["types"])}
    seen = {short_name(name) for each in proxies for name in each["types"]}
    columns = sorted({*ALWAYS, *seen})
    rows = [
        [
            each["name"],
            each["clusterId"],
            *(cell(each["types"].get(names[column]), now) for column in columns),
            CONTROL_PLANE,
            each["version"],
        ]
        for each in proxies
    ]
    return table_text(["Name", "Cluster", *columns, "Istiod", "Version"], rows, gap=GAP)


def status_json(proxies: Sequence[Proxy], version: str) -> dict[str, Any]:
    """As istioctl prints it: a response with a `ClientConfig` of each proxy."""
    kind = "type.googleapis.com/envoy.service.status.v3.ClientConfig"
    resources = [
        {
            "@type": kind,
            "node": {
                "id": each["name"],
                "metadata": {"CLUSTER_ID": each["clusterId"], "ISTIO_VERSION": each["version"]},
            },
            "genericXdsConfigs": [_config_json(name, told) for name, told in sorted(each["types"].items())],
        }
        for each in proxies
    ]
    return {"versionInfo": version, "resources": resources, "typeUrl": kind}


def _config_json(name: str, told: Mapping[str, Any]) -> dict[str, Any]:
    url = TYPES[name][1] if name in TYPES else name
    status = word_of(told).replace(" ", "_")
    return {"typeUrl": url, **({"lastUpdated": told["sent"]} if told.get("sent") else {}), "configStatus": status}


@click.command("proxy-status")
@click.argument("target", required=False, metavar="[[KIND/]NAME[.NAMESPACE]]")
@click.option("-n", "--namespace", default="", help="proxies of this namespace  [all; of a NAME: default]")
@click.option("--file", "file", metavar="FILE|-", help="with a NAME: a dump in a file instead of the pod's own")
@click.option("-v", "--verbosity", type=int, default=0, help="1: with the state of every type")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="form of the output",
)
@data_dir_option
def command(target: str | None, namespace: str, file: str | None, verbosity: int, output: str, data_dir: Path) -> None:
    """Whether every proxy has what it should have; for one proxy, what differs (alias: ps)."""
    if target:
        print_differences(target, file, namespace or "default", data_dir)
        return
    if file:
        raise UsageError("--file goes with the name of a pod", hint="meshgate proxy-status web-1 --file dump.json")

    async def conversation(client: Client) -> Mapping[str, Any]:
        return await client.status()

    told = talk(data_dir, conversation)
    suffix = f".{namespace}" if namespace else ""
    proxies = [each for each in told["proxies"] if each["connected"] and each["name"].endswith(suffix)]
    if output == "json":
        click.echo(json_text(status_json(proxies, told["resourceVersion"])), nl=False)
    else:
        click.echo(status_table(proxies, datetime.now(UTC), verbosity=verbosity), nl=False)


def print_differences(target: str, file: str | None, namespace: str, data_dir: Path) -> None:
    """For each type that it matches, or a diff from what it should hold to what it holds."""
    from meshgate.explain.dump import Dump, differences
    from meshgate.host.envoy_binary import load_schema

    source = DumpSource(target=target, file="", namespace=namespace, data_dir=data_dir)

    async def conversation(client: Client) -> tuple[bytes, Mapping[str, Any]]:
        pod, where = await source.pod(client)
        held = file_bytes(file) if file else await client.config_dump(pod, where)
        return held, await client.proxy_resources(pod, where)

    held, wanted = talk(data_dir, conversation)
    load_schema()
    for found in differences(wanted, Dump(held)):
        loaded = f" (RDS last loaded at {found.loaded:{LOADED}})" if found.loaded else ""
        click.echo("\n".join([*found.lines, ""]) if found.lines else f"{found.title} Match{loaded}")
