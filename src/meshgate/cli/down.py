"""`meshgate down`: end the mesh and all that runs in it. What was applied stays in the data directory."""

from __future__ import annotations

from pathlib import Path

import click

from meshgate.cli.connection import data_dir_option
from meshgate.errors import NotRunning
from meshgate.host.capsule import end_capsule


@click.command("down")
@data_dir_option
def command(data_dir: Path) -> None:
    """End the mesh and all that runs in it; its objects are there again at the next `up`."""
    if not end_capsule(data_dir):
        if tidied(data_dir):
            click.echo("no mesh runs; net.ipv4.ip_forward is 0 again, as before the mesh that was killed")
            return
        raise NotRunning(f"no mesh runs on the data directory {str(data_dir)!r}", hint="meshgate up starts one")
    click.echo("the mesh is down")


def tidied(data_dir: Path) -> bool:
    """Put back what a mesh that was killed could not; True if there was something."""
    from meshgate.host.network.host_side import put_back_after_kill

    return data_dir.is_dir() and put_back_after_kill(data_dir)
