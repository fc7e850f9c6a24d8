"""WorkloadEntries: endpoints that are no pods, selected by label like pods.

ServiceEntries with a `workloadSelector` select them, and so do Kubernetes Services of their namespace.
(istio:pilot/pkg/serviceregistry/kube/controller#serviceInstanceFromWorkloadInstance)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct

from meshgate.api import Resource, WorkloadEntry, is_subset
from meshgate.mesh.memo import Memo
from meshgate.mesh.service import MeshEndpoint, MeshService, Port
from meshgate.mesh.service_entries import entry_endpoint, entry_port, workload_of_entry


class EntryWorkload(Struct, frozen=True, kw_only=True, cache_hash=True, gc=False):
    """A WorkloadEntry."""

    name: str
    namespace: str
    entry: WorkloadEntry
    """With the object's labels, which go before those of the spec."""


def entry_workload(resource: Resource[WorkloadEntry]) -> EntryWorkload:
    """The mesh's view of a WorkloadEntry."""
    labels = {**dict(resource.spec.labels), **dict(resource.meta.labels)}
    return EntryWorkload(
        name=resource.meta.name,
        namespace=resource.meta.namespace,
        entry=msgspec.structs.replace(resource.spec, labels=tuple(sorted(labels.items()))),
    )


class WorkloadEntries:
    """All of them, by namespace and in the order of their names."""

    def __init__(self, resources: Iterable[Resource[WorkloadEntry]], memo: Memo, cluster_id: str) -> None:
        self._cluster_id = cluster_id
        self._by_namespace: dict[str, list[EntryWorkload]] = defaultdict(list)
        for resource in sorted(resources, key=lambda one: one.ref):
            if resource.spec.address:
                self._by_namespace[resource.meta.namespace].append(memo.get(entry_workload, resource))

    def endpoints(self, service: MeshService, port: Port) -> Iterator[MeshEndpoint]:
        """Those that a service selects. Where its target port has a name that an entry does not have, it has none."""
        for one in self._by_namespace.get(service.namespace, ()):
            if is_subset(service.selector, one.entry.labels) and (entry_port(one.entry, port) or _is_socket(one.entry)):
                identifier = workload_of_entry(one.name, one.namespace, one.entry.labels, self._cluster_id)
                yield entry_endpoint(one.entry, port, one.namespace, identifier, self._cluster_id)


def _is_socket(entry: WorkloadEntry) -> bool:
    return entry.address.startswith("unix://")
