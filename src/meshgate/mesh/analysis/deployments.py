"""Deployments of the mesh that several Services select in ways that a sidecar cannot tell apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from meshgate.api import Deployment, Labels, Origin, Problem, Resource, codes, find, is_subset
from meshgate.mesh.problems import warning
from meshgate.mesh.protocol import Protocol
from meshgate.mesh.service import MeshService, Port

INJECT = "sidecar.istio.io/inject"
TEMPLATE_LABELS = "spec.template.metadata.labels"
Ported = tuple[MeshService, Port]


class Selectors:
    """Services by one of the labels that they select by."""

    def __init__(self, services: Iterable[MeshService]) -> None:
        self._by_pair: dict[tuple[str, tuple[str, str]], list[MeshService]] = defaultdict(list)
        for service in services:
            if service.selector:
                self._by_pair[service.namespace, service.selector[0]].append(service)

    def of(self, namespace: str, labels: Labels) -> tuple[MeshService, ...]:
        """The services that select workloads with these labels."""
        candidates = [service for pair in labels for service in self._by_pair.get((namespace, pair), ())]
        return tuple(service for service in candidates if is_subset(service.selector, labels))


def deployment_problems(resource: Resource[Deployment], services: tuple[MeshService, ...]) -> tuple[Problem, ...]:
    """IST0116, IST0137."""
    ports = [(service, port) for service in services for port in service.ports]
    origin = Origin(resource.ref, TEMPLATE_LABELS)
    return (*_different_protocols(origin, ports), *_different_ports(origin, ports))


def is_in_mesh(resource: Resource[Deployment], namespace_labels: Mapping[str, str]) -> bool:
    """Whether its pods get a sidecar, as far as its own and its namespace's labels say."""
    template = resource.spec.template.metadata
    said = find(template.labels, INJECT) or find(template.annotations, INJECT) or ""
    return said.lower() != "false" and namespace_labels.get("istio-injection") != "disabled"


def _different_protocols(origin: Origin, ports: Iterable[Ported]) -> Iterator[Problem]:
    by_number: dict[int, list[Ported]] = defaultdict(list)
    for service, port in ports:
        by_number[port.number].append((service, port))
    for number, found in sorted(by_number.items()):
        spoken = {_spoken(port.protocol) for _, port in found} - {""}
        if len(spoken) > 1:
            text = f"services {_names(found)} have port {number} with different protocols: {', '.join(sorted(spoken))}"
            yield warning(codes.PROTOCOLS_DIFFER, origin, text)


def _spoken(protocol: Protocol) -> str:
    """What a sidecar tells apart; empty where it finds out."""
    if protocol is Protocol.UNSUPPORTED:
        return ""
    if protocol is Protocol.UDP:
        return "UDP"
    return "HTTP" if protocol.is_http else "TCP"


def _different_ports(origin: Origin, ports: Iterable[Ported]) -> Iterator[Problem]:
    by_target: dict[str, list[Ported]] = defaultdict(list)
    for service, port in ports:
        by_target[str(port.target or port.number)].append((service, port))
    for target, found in sorted(by_target.items()):
        numbers = sorted({port.number for _, port in found})
        if len(numbers) > 1:
            text = f"services {_names(found)} lead to target port {target} from ports {', '.join(map(str, numbers))}"
            yield warning(codes.PORTS_DIFFER, origin, text)


def _names(found: Iterable[Ported]) -> str:
    return ", ".join(f'"{name}"' for name in sorted({service.name for service, _ in found}))
