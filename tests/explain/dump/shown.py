"""All tables of a dump as text, each under a name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from meshgate.cli.printing import table_text
from meshgate.explain.dump import (
    Dump,
    Hosts,
    Table,
    cluster_table,
    host_table,
    listener_table,
    load_assignment_table,
    route_table,
    secret_table,
    version_lines,
)

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def tables(dump: Dump, hosts: Hosts, now: datetime = NOW) -> Mapping[str, Table]:
    return {
        "cluster": cluster_table(dump),
        "listener": listener_table(dump),
        "listener-brief": listener_table(dump, verbose=False),
        "route": route_table(dump),
        "route-brief": route_table(dump, verbose=False),
        "endpoint": host_table(hosts),
        "load-assignment": load_assignment_table(dump),
        "secret": secret_table(dump, now),
        "secret-wide": secret_table(dump, now, wide=True),
    }


def shown(dump: Dump, hosts: Hosts, now: datetime = NOW) -> Mapping[str, str]:
    texts = {name: table_text(table.columns, table.rows) for name, table in tables(dump, hosts, now).items()}
    return {**texts, "bootstrap": table_text((), version_lines(dump), headers=False)}
