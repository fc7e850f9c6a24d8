"""`meshgate translate`: what one proxy would be told, from files alone. Nothing is started."""

from __future__ import annotations

import sys
from typing import Any

import click

from meshgate.cli.manifests import read_documents
from meshgate.cli.printing import json_text, yaml_text


@click.command("translate")
@click.option("-f", "--filename", "paths", multiple=True, metavar="FILE|DIR|-", help="the objects (repeatable)")
@click.option("-R", "--recursive", is_flag=True, help="look into directories of directories")
@click.option(
    "--for",
    "proxy",
    required=True,
    metavar="NAME.NS",
    help="whose resources: a Pod, a Deployment, or a standard gateway such as istio-ingressgateway.istio-system",
)
@click.option(
    "--set", "settings", multiple=True, metavar="PATH=VALUE", help="a setting by istioctl's path (repeatable)"
)
@click.option("-o", "--output", type=click.Choice(["json", "yaml"]), default="yaml", show_default=True)
def command(paths: tuple[str, ...], recursive: bool, proxy: str, settings: tuple[str, ...], output: str) -> None:
    """What one proxy would be told, offline."""
    from meshgate.app.translate import translate
    from meshgate.host.envoy_binary import load_schema

    found = read_documents(paths, recursive=recursive)
    load_schema()
    translated = translate(found, proxy, settings=settings)
    for problem in translated.problems:
        print(f"{problem.level}: {problem}", file=sys.stderr)
    told: dict[str, Any] = dict(translated.as_json())
    click.echo(json_text(told) if output == "json" else yaml_text(told), nl=False)
