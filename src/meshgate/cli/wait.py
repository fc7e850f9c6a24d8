"""`meshgate wait --for applied`: return when every connected proxy has acknowledged the newest configuration."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from meshgate.cli.connection import data_dir_option, talk
from meshgate.cli.durations import DURATION
from meshgate.client import Client


@click.command("wait")
@click.option("--for", "condition", type=click.Choice(["applied"]), required=True, help="what to wait for")
@click.option("--timeout", default="30s", type=DURATION, show_default=True, help="give up after this long")
@data_dir_option
def command(condition: str, timeout: float, data_dir: Path) -> None:
    """Wait until every proxy has the newest configuration; exit code 1 when time is over."""

    async def conversation(client: Client) -> Mapping[str, Any]:
        return await client.wait_applied(math.ceil(timeout))

    told = talk(data_dir, conversation)
    proxies = told.get("proxies")
    count = len(proxies) if isinstance(proxies, list) else 0
    click.echo(f"condition met: {condition} by {count} prox{'y' if count == 1 else 'ies'}")
