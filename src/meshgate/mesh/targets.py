"""What a workload serves: the service ports whose traffic arrives at it, and at which of its ports.

Services that select pods serve by label whether the pod is ready or not, so that a pod's own proxy is the same before
and after; other services serve by the addresses that are listed for them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from meshgate.api import Labels, is_subset
from meshgate.mesh.endpoints import EndpointTable
from meshgate.mesh.memo import Memo
from meshgate.mesh.protocol import Protocol
from meshgate.mesh.service import MeshEndpoint, MeshService, Port, Resolving
from meshgate.mesh.snapshot import ServiceTarget, Snapshot
from meshgate.mesh.workloads import Workload

_SERVED = frozenset({Resolving.ENDPOINTS, Resolving.PASSTHROUGH, Resolving.DNS, Resolving.DNS_ROUND_ROBIN})


BLOCK = 32
"""Services: about the root of 1,000."""
Listed = tuple[tuple[MeshEndpoint, ...], ...]
"""The endpoints of a service's ports."""


class AddressedTargets(Struct, frozen=True):
    """Service ports by the address of their endpoints, in blocks: one that is as it was is taken over."""

    blocks: tuple[Mapping[str, tuple[ServiceTarget, ...]], ...]

    def of(self, address: str) -> tuple[ServiceTarget, ...]:
        """All that an address serves."""
        return tuple(target for block in self.blocks for target in block.get(address, ()))


def targets_by_address(memo: Memo, services: Sequence[MeshService], endpoints: EndpointTable) -> AddressedTargets:
    """What each address serves according to the endpoints that are listed (not selected) somewhere."""
    listed = tuple(
        tuple(endpoints.of(service.hostname, service.namespace, port.number) for port in service.ports)
        for service in services
    )
    starts = range(0, len(services), BLOCK)
    return AddressedTargets(
        tuple(
            memo.get(_block, tuple(services[start : start + BLOCK]), listed[start : start + BLOCK]) for start in starts
        )
    )


def _block(services: tuple[MeshService, ...], listed: tuple[Listed, ...]) -> Mapping[str, tuple[ServiceTarget, ...]]:
    found: dict[str, list[ServiceTarget]] = defaultdict(list)
    for service, endpoints in zip(services, listed, strict=True):
        for address, target in _addressed(service, endpoints):
            found[address].append(target)
    return {address: tuple(targets) for address, targets in found.items()}


def _addressed(service: MeshService, listed: Listed) -> Iterator[tuple[str, ServiceTarget]]:
    """The ports of a service with the addresses of their endpoints, those listed and those in itself."""
    return (
        (endpoint.address, ServiceTarget(service=service, port=port, target=endpoint.port))
        for port, endpoints in zip(service.ports, listed, strict=True)
        for endpoint in (*endpoints, *(one.endpoint for one in service.fixed if one.port == port.number))
    )


def service_targets(
    snapshot: Snapshot, namespace: str, name: str, labels: Labels, addresses: Iterable[str]
) -> tuple[ServiceTarget, ...]:
    """What a workload serves, oldest service first, then by host name (istio:Proxy#SetServiceTargets)."""
    workload = snapshot.workloads.get((namespace, name))
    found = dict.fromkeys(_selected(snapshot.selecting.get(namespace, ()), labels, workload))
    selecting = {target.service for target in found}
    for address in addresses:
        for target in snapshot.targets_by_address.of(address):
            if target.service not in selecting:
                found[target] = None
    return tuple(
        sorted(found, key=lambda target: (target.service.creation, target.service.hostname, str(target.service.origin)))
    )


def selecting_by_namespace(services: Iterable[MeshService]) -> dict[str, tuple[MeshService, ...]]:
    """The services that select workloads by label, by the namespace in which they do."""
    found: dict[str, list[MeshService]] = defaultdict(list)
    for service in services:
        if service.selector and service.resolving in _SERVED:
            found[service.namespace].append(service)
    return {namespace: tuple(selecting) for namespace, selecting in found.items()}


def _selected(services: Iterable[MeshService], labels: Labels, workload: Workload | None) -> Iterator[ServiceTarget]:
    for service in services:
        if not is_subset(service.selector, labels):
            continue
        for port in service.ports:
            number = _target_port(port, workload)
            if number and port.protocol is not Protocol.UDP:
                yield ServiceTarget(service=service, port=port, target=number)


def _target_port(port: Port, workload: Workload | None) -> int:
    """The workload's port; 0 where its name is not that of a container port."""
    if isinstance(port.target, str):
        return (workload.port_named(port.target) or 0) if workload else 0
    return port.target or port.number
