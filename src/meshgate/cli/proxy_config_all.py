"""All tables of a dump one after the other, each line with the kind of what it shows, as `istioctl pc all` has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from meshgate.cli.printing import table_text
from meshgate.explain.dump import (
    ClusterFilter,
    Dump,
    EndpointFilter,
    ListenerFilter,
    RouteFilter,
    cluster_table,
    listener_table,
    load_assignment_table,
    route_table,
    secret_table,
    version_lines,
)

GAP = "     "
NO_SECRETS = "No active or warming secrets found.\n"


def all_tables(dump: Dump, now: datetime, filters: Mapping[str, Any], *, headers: bool) -> str:
    """`filters`: the options of the command by their names."""
    shown = dict(_tables(dump, now, filters))
    return "\n".join(f"------ {title} ------\n\n{text}" if headers else text for title, text in shown.items())


def _tables(dump: Dump, now: datetime, filters: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    address, port, verbose = filters["address"], filters["port"], filters["verbose"]
    yield "BOOTSTRAP INFO", table_text((), version_lines(dump), headers=False, gap=" ")
    by_name = {name: filters[name] for name in ("fqdn", "direction", "subset")}
    clusters = cluster_table(dump, ClusterFilter(**by_name, port=port), kinds=True)
    yield "CLUSTER INFO", table_text(clusters.columns, clusters.rows, gap=GAP)
    wanted = ListenerFilter(address=address, port=port, type=filters["type_"])
    listeners = listener_table(dump, wanted, verbose=verbose, kinds=True)
    yield "LISTENER INFO", table_text(listeners.columns, listeners.rows, gap=" ")
    routes = route_table(dump, RouteFilter(name=filters["name"]), verbose=verbose, kinds=True)
    yield "ROUTE INFO", table_text(routes.columns, routes.rows, gap=GAP)
    secrets = secret_table(dump, now, kinds=True)
    yield "SECRET INFO", table_text(secrets.columns, secrets.rows, gap=GAP) if secrets.rows else NO_SECRETS
    endpoints = load_assignment_table(dump, EndpointFilter(address=address, port=port))
    yield "ENDPOINTS INFO", table_text(endpoints.columns, endpoints.rows, gap=GAP)
