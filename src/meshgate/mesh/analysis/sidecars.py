"""Sidecars that are in each other's way, that select nobody, or that let through what is not there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshgate.api import Labels, Origin, Problem, codes, is_subset
from meshgate.mesh.analysis.beside import LabelIndex
from meshgate.mesh.analysis.indexes import ServiceIndex
from meshgate.mesh.host import is_wildcard
from meshgate.mesh.problems import missing_reference, warning
from meshgate.mesh.sidecars import EVERY_NAMESPACE, OWN_NAMESPACE, BoundSidecar

Sidecars = tuple[BoundSidecar, ...]


def rival_problems(sidecars: Sidecars, labels: LabelIndex) -> tuple[Problem, ...]:
    """IST0110 and IST0111: of several Sidecars for one workload the oldest counts alone; they are not merged."""
    found: list[Problem] = []
    for place, sidecar in enumerate(sidecars):
        older = [one for one in sidecars[:place] if one.ref.namespace == sidecar.ref.namespace]
        found += _behind_the_first(sidecar, older) if sidecar.selector is None else _behind(sidecar, older, labels)
    return tuple(found)


def _behind_the_first(sidecar: BoundSidecar, older: Iterable[BoundSidecar]) -> Iterator[Problem]:
    first = next((one for one in older if one.selector is None), None)
    if first is not None:
        text = f"{first.ref} is older and for all workloads of the namespace, too: that one alone counts"
        origin = Origin(sidecar.ref, "spec")
        yield warning(codes.SIDECARS_FOR_ALL, origin, text, "join the two, or give it a workloadSelector")


def _behind(sidecar: BoundSidecar, older: list[BoundSidecar], labels: LabelIndex) -> Iterator[Problem]:
    """An older one takes some of the workloads: one that is there counts, not one that could be."""
    rivals = [one for one in older if one.selector is not None]
    for workload in labels.all_with(sidecar.selector or (), sidecar.ref.namespace) if rivals else ():
        first = next((one for one in rivals if is_subset(one.selector or (), workload)), None)
        if first is not None:
            text = f'{first.ref} is older and selects workloads with the labels "{_told(workload)}", too: it counts'
            origin = Origin(sidecar.ref, "spec.workloadSelector")
            yield warning(codes.SIDECARS_FOR_ONE, origin, text, "join the two: they are not merged")
            return


def sidecar_problems(sidecar: BoundSidecar, services: ServiceIndex, labels: LabelIndex) -> tuple[Problem, ...]:
    """IST0127 where no workload is selected, IST0101 where a host or the egress proxy is no service."""
    return (*_without_workloads(sidecar, labels), *_unknown_hosts(sidecar, services), *_proxy(sidecar, services))


def _without_workloads(sidecar: BoundSidecar, labels: LabelIndex) -> Iterator[Problem]:
    if not sidecar.selector or not labels.namespaces or labels.has(sidecar.selector, sidecar.ref.namespace):
        return
    text = f'no workload of namespace "{sidecar.ref.namespace}" has the labels "{_told(sidecar.selector)}"'
    yield warning(codes.NO_WORKLOAD, Origin(sidecar.ref, "spec.workloadSelector"), text)


def _unknown_hosts(sidecar: BoundSidecar, services: ServiceIndex) -> Iterator[Problem]:
    """Hosts that are no services, or those of another namespace."""
    for place, listener in enumerate(sidecar.egress):
        for namespace, host in listener.hosts:
            if is_wildcard(host):
                continue
            origin = Origin(sidecar.ref, f"spec.egress[{place}].hosts")
            owner = sidecar.ref.namespace if namespace == OWN_NAMESPACE else namespace
            service = services.by_host.get(host)
            if service is None:
                yield missing_reference(origin, f'no service "{host}"', services.hint(host))
            elif owner not in (EVERY_NAMESPACE, service.namespace):
                text = f'service "{host}" is not in namespace "{owner}"'
                yield missing_reference(origin, text, f'write "{service.namespace}/{host}"')


def _proxy(sidecar: BoundSidecar, services: ServiceIndex) -> Iterator[Problem]:
    proxy = sidecar.egress_proxy
    if proxy is None:
        return
    origin = Origin(sidecar.ref, "spec.outboundTrafficPolicy.egressProxy")
    service = services.by_host.get(proxy.host.lower())
    if service is None:
        text = f'no service "{proxy.host}", so all unknown traffic is refused'
        yield missing_reference(origin, text, services.hint(proxy.host) or "give the full name")
    elif service.port_numbered(proxy.port) is None:
        ports = ", ".join(str(port.number) for port in service.ports)
        yield missing_reference(origin, f'service "{proxy.host}" has no port {proxy.port}', f"ports: {ports}")


def _told(labels: Labels) -> str:
    return ", ".join(f"{key}={value}" for key, value in labels)
