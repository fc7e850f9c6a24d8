"""`translate`: what one proxy would be told, from files alone.

The resources are those of a running mesh with the same objects, but for addresses (and for what a mesh learns only by
running, such as a pod's name).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

import msgspec

from meshgate.api import Document, Problem, decode
from meshgate.app.compiler import Compiler
from meshgate.app.objects import KINDS_COMPILED
from meshgate.app.offline import offline_store
from meshgate.app.overlay import overlay_of
from meshgate.app.proxies import proxies_of
from meshgate.envoy import CLUSTER, ENDPOINTS, LISTENER, ROUTES, resource_json
from meshgate.errors import UsageError
from meshgate.mesh import Facts, out_of_date
from meshgate.plan import Proxy
from meshgate.xds import ResourceTable

KEYS = {"clusters": CLUSTER, "endpoints": ENDPOINTS, "listeners": LISTENER, "routes": ROUTES}
"""What is shown under which name, in this order."""


class Translated(msgspec.Struct, frozen=True, kw_only=True):
    """What one proxy would be told."""

    proxy: Proxy
    table: ResourceTable
    problems: tuple[Problem, ...]
    """What is doubtful about the objects, each with its place in a file where it has one; sorted."""

    def as_json(self) -> Mapping[str, Any]:
        """The resources as Envoy's documentation writes them, each kind sorted by name."""
        return table_json(self.table)


def table_json(table: ResourceTable) -> Mapping[str, Any]:
    """The resources of a table as Envoy's documentation writes them, each kind sorted by name; no secrets."""
    return {
        key: [resource_json(resource) for _, resource in sorted(table.of(type_url).items())]
        for key, type_url in KEYS.items()
    }


def translate(documents: Sequence[Document], target: str, *, settings: Sequence[str] = ()) -> Translated:
    """The resources of the proxy of `target`: `NAME.NAMESPACE` of a Pod or of a Deployment (its first pod).

    Raises Refused for objects with errors, UsageError where there is no such proxy. Envoy's schema is loaded before.
    """
    overlay = overlay_of(tuple(settings))
    store, problems = offline_store(documents, overlay)
    decoded = [decode(raw)[0] for kind in KINDS_COMPILED for raw in store.list(kind)]
    resources = [resource for resource in decoded if resource is not None]
    proxies = proxies_of(resources)
    proxy = _chosen(proxies, target)
    compiled = Compiler(Facts(), overlay).compile(resources, [proxy])
    places = {document.ref: document for document in documents}
    late = out_of_date(compiled.snapshot.validities, datetime.now(UTC))
    found = {*problems, *(_placed(problem, places) for problem in (*compiled.problems, *late))}
    return Translated(proxy=proxy, table=compiled.tables[proxy], problems=tuple(sorted(found, key=str)))


def _chosen(proxies: Mapping[str, Proxy], target: str) -> Proxy:
    if target in proxies:
        return proxies[target]
    by_owner = {f"{proxy.workload}.{proxy.namespace}": proxy for _, proxy in sorted(proxies.items(), reverse=True)}
    if target in by_owner:
        return by_owner[target]
    names = sorted({*proxies, *by_owner})
    nearest = get_close_matches(target, names, n=1)
    hint = f"nearest: {nearest[0]!r}" if nearest else f"proxies: {', '.join(by_owner) or 'none'}"
    raise UsageError(f"no Pod or Deployment with a proxy is called {target!r} (NAME.NAMESPACE)", hint=hint)


def _placed(problem: Problem, places: Mapping[Any, Document]) -> Problem:
    ref = problem.ref
    if ref is None or problem.position:
        return problem
    in_file = places.get(ref) or places.get(msgspec.structs.replace(ref, namespace=""))
    return msgspec.structs.replace(problem, position=in_file.position(problem.path)) if in_file else problem
