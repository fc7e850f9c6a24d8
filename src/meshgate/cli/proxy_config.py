"""`meshgate proxy-config`: what a proxy's Envoy holds, in istioctl's words, columns and flags.

The truth is the running Envoy's own dump, which the control plane fetches from its admin interface; or a file with
such a dump. Tables are made here, from the text. Envoy leaves private keys out of it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from meshgate.cli.aliases import AliasedGroup
from meshgate.cli.connection import data_dir_option, namespace_option
from meshgate.cli.printing import json_text, table_text, yaml_text
from meshgate.cli.proxy_config_log import log
from meshgate.cli.proxy_dumps import DumpSource
from meshgate.errors import UsageError

if TYPE_CHECKING:
    from meshgate.explain.dump import Table

F = TypeVar("F", bound=Callable[..., Any])
GAP, LISTENER_GAP = "     ", " "
"""istioctl's: five spaces between columns, one in the table of listeners."""
SHORT = "short"


def source_options(command: F) -> F:
    """Whose configuration: a pod's, or a file's."""
    for option in (
        data_dir_option,
        namespace_option,
        click.option("-f", "--file", "file", metavar="FILE|-", help="a dump in a file instead of a pod's"),
        click.argument("target", required=False, metavar="[[KIND/]NAME[.NAMESPACE]]"),
    ):
        command = option(command)
    return command


def output_option(*more: str, default: str = SHORT) -> Callable[[F], F]:
    choice = click.Choice(["json", "yaml", SHORT, *more])
    return click.option("-o", "--output", type=choice, default=default, show_default=True, help="form of the output")


def verbose_option(command: F) -> F:
    # istioctl's `--verbose=false`; a flag with a negation is spelled otherwise
    option = click.option(
        "--verbose", type=bool, is_flag=False, flag_value="true", default=True, show_default=True, help="all of it"
    )
    return option(command)


def source_of(what: str, target: str | None, file: str | None, namespace: str, data_dir: Path) -> DumpSource:
    if bool(target) == bool(file):
        raise UsageError(
            f"{what} requires pod name or --file parameter",
            hint=f"meshgate proxy-config {what} web-1.shop, meshgate proxy-config {what} deploy/web -n shop",
        )
    return DumpSource(target=target or "", file=file or "", namespace=namespace, data_dir=data_dir)


def printed(table: Table, gap: str = GAP) -> str:
    return table_text(table.columns, table.rows, gap=gap)


def print_value(value: object, output: str) -> None:
    click.echo(yaml_text(value) if output == "yaml" else json_text(value), nl=False)


@click.group("proxy-config", cls=AliasedGroup)
def command() -> None:
    """What a proxy's Envoy holds: its clusters, listeners, routes, endpoints, certificates (alias: pc)."""


@command.command("cluster")
@click.option("--fqdn", default="", help="clusters whose service's name has this in it")
@click.option("--direction", default="", help="inbound, outbound")
@click.option("--subset", default="", help="clusters whose subset has this in it")
@click.option("--port", type=int, default=0, help="clusters of this port")
@output_option()
@source_options
def cluster(
    target: str | None,
    file: str | None,
    fqdn: str,
    direction: str,
    subset: str,
    port: int,
    output: str,
    namespace: str,
    data_dir: Path,
) -> None:  # size: each option is one parameter
    """Clusters: to whom it can send (aliases: clusters, c)."""
    # size: each option is one parameter
    from meshgate.explain.dump import ClusterFilter, cluster_json, cluster_table

    dump = source_of("cluster", target, file, namespace, data_dir).dump("clusters")
    wanted = ClusterFilter(fqdn=fqdn, direction=direction, subset=subset, port=port)
    if output == SHORT:
        click.echo(printed(cluster_table(dump, wanted)), nl=False)
    else:
        print_value(cluster_json(dump, wanted), output)


@command.command("listener")
@click.option("--address", default="", help="listeners at this address")
@click.option("--port", type=int, default=0, help="listeners of this port")
@click.option("--type", "type_", default="", help="HTTP, TCP, HTTP+TCP, UNKNOWN")
@verbose_option
@output_option()
@source_options
def listener(
    target: str | None,
    file: str | None,
    address: str,
    port: int,
    type_: str,
    verbose: bool,
    output: str,
    namespace: str,
    data_dir: Path,
) -> None:  # size: each option is one parameter
    """Listeners: what it takes, and where each connection goes (aliases: listeners, l)."""
    # size: each option is one parameter
    from meshgate.explain.dump import ListenerFilter, listener_json, listener_table

    dump = source_of("listener", target, file, namespace, data_dir).dump("listeners")
    wanted = ListenerFilter(address=address, port=port, type=type_)
    if output == SHORT:
        click.echo(printed(listener_table(dump, wanted, verbose=verbose), LISTENER_GAP), nl=False)
    else:
        print_value(listener_json(dump, wanted), output)


@command.command("route")
@click.option("--name", default="", help="the route configuration of this name, such as 80 or http.8080")
@verbose_option
@output_option()
@source_options
def route(
    target: str | None, file: str | None, name: str, verbose: bool, output: str, namespace: str, data_dir: Path
) -> None:  # size: each option is one parameter
    """Routes: which request goes where, by which VirtualService (aliases: routes, r)."""
    from meshgate.explain.dump import RouteFilter, route_json, route_table

    dump = source_of("route", target, file, namespace, data_dir).dump("routes")
    wanted = RouteFilter(name=name)
    if output == SHORT:
        click.echo(printed(route_table(dump, wanted, verbose=verbose)), nl=False)
    else:
        print_value(route_json(dump, wanted), output)


@command.command("endpoint")
@click.option("--address", default="", help="endpoints at this address")
@click.option("--port", type=int, default=0, help="endpoints of this port")
@click.option("--cluster", "cluster_name", default="", help="endpoints of the cluster of this name")
@click.option("--status", default="", help="HEALTHY, UNHEALTHY, DRAINING, TIMEOUT, DEGRADED, UNKNOWN")
@output_option()
@source_options
def endpoint(
    target: str | None,
    file: str | None,
    address: str,
    port: int,
    cluster_name: str,
    status: str,
    output: str,
    namespace: str,
    data_dir: Path,
) -> None:  # size: each option is one parameter
    """Endpoints: the addresses behind its clusters, and how they are (aliases: endpoints, ep)."""
    # size: each option is one parameter
    from meshgate.explain.dump import EndpointFilter, host_json, host_table

    hosts = source_of("endpoint", target, file, namespace, data_dir).hosts()
    wanted = EndpointFilter(address=address, port=port, cluster=cluster_name, status=status)
    if output == SHORT:
        click.echo(printed(host_table(hosts, wanted)), nl=False)
    else:
        print_value(host_json(hosts, wanted), output)


@command.command("bootstrap")
@output_option(default="json")
@source_options
def bootstrap(target: str | None, file: str | None, output: str, namespace: str, data_dir: Path) -> None:
    """What it started from; -o short tells its versions (alias: b)."""
    from meshgate.explain.dump import section_json, version_lines

    dump = source_of("bootstrap", target, file, namespace, data_dir).dump("bootstrap")
    if output == SHORT:
        click.echo(table_text((), version_lines(dump), headers=False, gap=" "), nl=False)
    else:
        print_value(section_json(dump, "BootstrapConfigDump"), output)


@command.command("secret")
@output_option("wide")
@source_options
def secret(target: str | None, file: str | None, output: str, namespace: str, data_dir: Path) -> None:
    """Its certificates and whom it trusts; -o wide names subject, issuer and names (aliases: secrets, s)."""
    from meshgate.cli.proxy_config_all import NO_SECRETS
    from meshgate.explain.dump import secret_table, section_json

    dump = source_of("secret", target, file, namespace, data_dir).dump("secrets")
    if output not in (SHORT, "wide"):
        print_value(section_json(dump, "SecretsConfigDump"), output)
        return
    table = secret_table(dump, datetime.now(UTC), wide=output == "wide")
    click.echo(printed(table) if table.rows else NO_SECRETS, nl=False)


@command.command("all")
@click.option("--fqdn", default="", help="clusters whose service's name has this in it")
@click.option("--direction", default="", help="clusters of this direction")
@click.option("--subset", default="", help="clusters whose subset has this in it")
@click.option("--port", type=int, default=0, help="clusters, listeners and endpoints of this port")
@click.option("--address", default="", help="listeners and endpoints at this address")
@click.option("--type", "type_", default="", help="listeners of this type")
@click.option("--name", default="", help="the route configuration of this name")
@verbose_option
@click.option("--with-headers", is_flag=True, help="a line before each table that says what it shows")
@output_option()
@source_options
def whole(
    target: str | None,
    file: str | None,
    output: str,
    with_headers: bool,
    namespace: str,
    data_dir: Path,
    **filters: Any,
) -> None:  # size: each option is one parameter
    """All of it, one table after the other; -o json is Envoy's own dump (alias: a)."""
    from meshgate.cli.proxy_config_all import all_tables
    from meshgate.explain.dump import whole_json

    dump = source_of("all", target, file, namespace, data_dir).dump("")
    if output == SHORT:
        click.echo(all_tables(dump, datetime.now(UTC), filters, headers=with_headers), nl=False)
    else:
        print_value(whole_json(dump), output)


command.add_command(log)
command.aliases = {
    "o": "log",
    "clusters": "cluster",
    "c": "cluster",
    "listeners": "listener",
    "l": "listener",
    "routes": "route",
    "r": "route",
    "endpoints": "endpoint",
    "ep": "endpoint",
    "b": "bootstrap",
    "secrets": "secret",
    "s": "secret",
    "a": "all",
}
