"""What only the analysis reads: it stands beside the world, because no plan depends on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from meshgate.api import (
    AnyResource,
    ConfigMap,
    Deployment,
    IstioOperator,
    Labels,
    Namespace,
    Pod,
    Resource,
    Secret,
    Service,
    ServiceEntry,
    TransportProtocol,
    WorkloadEntry,
    installation,
    is_subset,
    of_type,
)
from meshgate.mesh.credentials import CredentialObject

Labelled = tuple[str, Labels]
"""A namespace, and the labels of workloads in it."""
NamedPorts = tuple[tuple[str, int], ...]
"""Ports of containers with their names, which may be empty."""


class Beside(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Objects, and the labels of all workloads that are or will be."""

    labels: tuple[Labelled, ...] = ()
    """Sorted, each once: of pods, of Deployments' templates, of gateways to come, of WorkloadEntries."""
    ports: tuple[tuple[str, Labels, NamedPorts], ...] = ()
    """What workloads say of themselves: namespace, labels, TCP ports of containers. Sorted, each once."""
    namespaces: tuple[Resource[Namespace], ...] = ()
    services: tuple[Resource[Service], ...] = ()
    entries: tuple[Resource[ServiceEntry], ...] = ()
    """Those that select workloads: others list theirs, which come and go."""
    deployments: tuple[Resource[Deployment], ...] = ()
    credentials: tuple[CredentialObject, ...] = ()
    """Secrets and ConfigMaps."""


def beside(resources: Sequence[AnyResource]) -> Beside:
    """What is read of these objects, in an order that does not depend on theirs."""
    return Beside(
        labels=tuple(sorted(set(_labels(resources)))),
        ports=tuple(sorted(set(_ports(resources)))),
        namespaces=_sorted(of_type(resources, Namespace)),
        services=_sorted(of_type(resources, Service)),
        entries=_sorted(one for one in of_type(resources, ServiceEntry) if one.spec.workload_selector is not None),
        deployments=_sorted(of_type(resources, Deployment)),
        credentials=(*_sorted(of_type(resources, Secret)), *_sorted(of_type(resources, ConfigMap))),
    )


def _sorted(resources: Iterable[Resource]) -> tuple[Resource, ...]:  # type: ignore[type-arg]  # of any one kind
    return tuple(sorted(resources, key=lambda resource: resource.ref))


def _labels(resources: Sequence[AnyResource]) -> Iterator[Labelled]:
    yield from ((pod.meta.namespace, pod.meta.labels) for pod in of_type(resources, Pod))
    for deployment in of_type(resources, Deployment):
        yield deployment.meta.namespace, deployment.spec.template.metadata.labels
    for entry in of_type(resources, WorkloadEntry):
        yield entry.meta.namespace, entry.spec.labels
    if of_type(resources, IstioOperator):  # their Deployments come once they are stored
        standing = installation(resources)
        for component in (*standing.ingress_gateways, *standing.egress_gateways):
            yield component.namespace, component.label


def _ports(resources: Sequence[AnyResource]) -> Iterator[tuple[str, Labels, NamedPorts]]:
    for pod in of_type(resources, Pod):
        yield pod.meta.namespace, pod.meta.labels, _named_ports(pod.spec)
    for deployment in of_type(resources, Deployment):
        template = deployment.spec.template
        yield deployment.meta.namespace, template.metadata.labels, _named_ports(template.spec)


def _named_ports(pod: Pod) -> NamedPorts:
    return tuple(
        (port.name, port.container_port)
        for container in pod.containers
        for port in container.ports
        if port.protocol is TransportProtocol.TCP
    )


class LabelIndex:
    """Finds out whether there is a workload with certain labels."""

    def __init__(self, labels: Iterable[Labelled]) -> None:
        self._by_pair: dict[tuple[str, str], list[Labelled]] = defaultdict(list)
        self.namespaces: set[str] = set()
        for labelled in labels:
            self.namespaces.add(labelled[0])
            for pair in labelled[1]:
                self._by_pair[pair].append(labelled)

    def all_with(self, wanted: Labels, namespace: str) -> tuple[Labels, ...]:
        """The labels of all workloads of a namespace that have these."""
        rarest = min((self._by_pair.get(pair, []) for pair in wanted), key=len, default=[])
        return tuple(labels for owner, labels in rarest if owner == namespace and is_subset(wanted, labels))

    def all_anywhere_with(self, wanted: Labels) -> tuple[Labelled, ...]:
        """The same of all namespaces, each with its namespace."""
        rarest = min((self._by_pair.get(pair, []) for pair in wanted), key=len, default=[])
        return tuple(labelled for labelled in rarest if is_subset(wanted, labelled[1]))

    def has(self, wanted: Labels, namespace: str | None = None) -> bool:
        """Whether one has all of them, in this namespace or (None) in any."""
        if not wanted:
            return namespace in self.namespaces if namespace is not None else bool(self.namespaces)
        rarest = min((self._by_pair.get(pair, []) for pair in wanted), key=len)
        return any(is_subset(wanted, labels) for owner, labels in rarest if namespace in (None, owner))
