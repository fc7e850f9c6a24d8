"""`meshgate tour`: demonstrations that come with meshgate."""

from __future__ import annotations

import click


@click.group("tour")
def command() -> None:
    """Demonstrations that come with meshgate."""


@command.command("demo")
@click.option("--once", is_flag=True, help="end when everything was shown")
def demo(once: bool) -> None:
    """Five workloads, a gateway, a fault: what requests from outside and from inside see."""
    from meshgate.tour.demo import demonstrate

    demonstrate(once=once)
