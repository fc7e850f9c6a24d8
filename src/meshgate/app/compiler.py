"""From objects to what each proxy must hold: decode, build, plan, emit, all remembered by value. No I/O.

One compiler serves one mesh, or one offline translation. What did not change since the last time is the same object,
down to the bytes and to the mapping of names that a delivery compares by identity: most proxies share most of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from meshgate.api import AnyResource, IstioOperator, Problem, Resources, mesh_config, mesh_layers
from meshgate.app.credentials import credential_secrets
from meshgate.app.tables import Tables
from meshgate.envoy import Memo, Resource
from meshgate.mesh import CredentialObjects, Facts, Snapshot, build
from meshgate.plan import Plan, Proxy, part_secret_names, plan
from meshgate.xds import ResourceTable

_Inputs = tuple[frozenset[AnyResource], tuple[Proxy, ...]]


class Compiled(msgspec.Struct, frozen=True, kw_only=True):
    """A whole mesh at one moment."""

    snapshot: Snapshot
    tables: Mapping[Proxy, ResourceTable]
    secrets: Mapping[Proxy, Mapping[str, Resource]]
    """Users' certificates for each proxy, by name."""
    secret_names: Mapping[Proxy, frozenset[str]]
    """All that each proxy will ask for."""
    problems: tuple[Problem, ...]
    """Sorted, each once; those that depend on the time are not among them."""


class Compiler:
    """Compiles again and again. One owner; `settings` is what `--set` says."""

    def __init__(self, facts: Facts, settings: IstioOperator | None = None) -> None:
        self._facts = facts
        self._settings = settings
        self._memo = Memo()
        self._tables = Tables(self._memo)
        self._last: tuple[_Inputs, Compiled] | None = None
        self._problems: tuple[Problem, ...] = ()

    def compile(self, resources: Sequence[AnyResource], proxies: Iterable[Proxy]) -> Compiled:
        """The tables of these proxies, from these objects in any order.

        What was just compiled for admission costs nothing when it is stored.
        """
        inputs = frozenset(resources), tuple(proxies)
        if self._last is None or self._last[0] != inputs:
            self._last = inputs, self._compile(resources, inputs[1])
        return self._last[1]

    def table_of(self, proxy: Proxy) -> ResourceTable:
        """The table of one more proxy, as of the last build. There was one."""
        assert self._last is not None, "compile first"
        return self._tables.of(plan(self._last[1].snapshot, proxy, self._memo)[0])

    def _compile(self, resources: Sequence[AnyResource], proxies: Iterable[Proxy]) -> Compiled:
        resources = resources if isinstance(resources, Resources) else Resources(resources)
        mesh, problems = mesh_config(mesh_layers(resources, self._settings))
        snapshot, found = build(resources, replace(self._facts, mesh=mesh), self._memo)
        all_problems = {*problems, *found}
        self._tables.turn(snapshot.endpoints)
        objects = self._memo.get(CredentialObjects, snapshot.credentials)
        tables: dict[Proxy, ResourceTable] = {}
        secrets: dict[Proxy, Mapping[str, Resource]] = {}
        names: dict[Proxy, frozenset[str]] = {}
        made: dict[tuple[int, ...], ResourceTable] = {}  # most proxies share all parts, for which their ids stand
        for proxy in proxies:
            planned, found = plan(snapshot, proxy, self._memo)
            all_problems.update(found)
            parts = tuple(map(id, planned.parts))
            table = made.get(parts)
            tables[proxy] = made[parts] = self._tables.of(planned) if table is None else table
            names[proxy] = self._secret_names(planned)
            secrets[proxy] = self._memo.nest(credential_secrets, names[proxy], proxy.namespace, objects)
        if all_problems != set(self._problems):
            self._problems = tuple(sorted(all_problems, key=str))
        return Compiled(snapshot=snapshot, tables=tables, secrets=secrets, secret_names=names, problems=self._problems)

    def _secret_names(self, planned: Plan) -> frozenset[str]:
        return frozenset().union(*(self._memo.get(part_secret_names, part) for part in planned.parts))
