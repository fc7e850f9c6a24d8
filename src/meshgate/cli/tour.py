"""`meshgate tour`: scenarios of Istio's gateways and mesh that come with meshgate, each seen to work."""

from __future__ import annotations

import sys
from importlib import resources

import click

from meshgate.errors import UsageError

DEMO = "demo"


@click.command("tour")
@click.argument("names", nargs=-1, metavar="[SCENARIO]... | demo")
@click.option("--keep", is_flag=True, help="leave the mesh and the last scenario's objects until Ctrl-C")
@click.option("--commands", "only_print", is_flag=True, help="print what to paste, and run nothing")
@click.option("-v", "--verbose", is_flag=True, help="print every command and what it printed")
@click.option("--once", is_flag=True, help="with demo: end when everything was shown")
def command(names: tuple[str, ...], keep: bool, only_print: bool, verbose: bool, once: bool) -> int:
    """Run scenarios, all or those that are named, on a mesh of their own: a line each; exit code 1 if one fails.

    `demo` shows one of them at length: five workloads, a gateway, a fault.
    """
    if names == (DEMO,):
        from meshgate.tour.demo import demonstrate

        demonstrate(once=once)
        return 0
    if once or DEMO in names:
        raise UsageError("demo is shown by itself, and --once is for it", hint="meshgate tour demo --once")
    from meshgate.tour.commands import commands
    from meshgate.tour.runner import Wishes, chosen, run_tour

    scenarios = chosen(names)
    if only_print:
        directory = resources.files("meshgate.tour") / "scenarios"
        click.echo(commands(scenarios, str(directory)), nl=False)
        return 0
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a line each, also into a file
    return 0 if run_tour(scenarios, Wishes(keep=keep, verbose=verbose)) else 1
