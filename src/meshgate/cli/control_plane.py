"""`meshgate control-plane`: what the holder starts inside the capsule. Not for people, hence not listed."""

from __future__ import annotations

import click

from meshgate.app.options import Options
from meshgate.cli.logging_setup import set_up_logging


@click.command("control-plane", hidden=True)
@click.argument("options")
def command(options: str) -> None:
    """Run the control plane of a mesh whose capsule is around it."""
    from meshgate.app.control_plane import run

    set_up_logging()
    run(Options.from_json(options))
