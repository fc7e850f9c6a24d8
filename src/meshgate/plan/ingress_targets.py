"""What a workload serves where a Sidecar says it: the ports of its ingress listeners, and none of its services' others.

A service that is behind such a port lends it its name, which is all that it does; where there is none the Sidecar does.
(istio:pilot/pkg/networking/core/cluster.go#buildInboundClusters, listener_inbound.go#buildInboundChainConfigs)
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from meshgate.api import Origin, split_endpoint
from meshgate.mesh import BoundSidecar, Ingress, IngressListener, MeshService, Resolving, ServiceTarget
from meshgate.plan import names
from meshgate.plan.endpoints import UNIX


def ingress_targets(
    targets: tuple[ServiceTarget, ...], sidecar: BoundSidecar, namespace: str, addresses: tuple[str, ...]
) -> tuple[ServiceTarget, ...]:
    """The ports of a workload with these addresses, which serves `targets` by itself."""
    if sidecar.ingress:
        workload = _Workload(targets=targets, namespace=namespace, addresses=addresses)
        return tuple(_target(place, listener, sidecar, workload) for place, listener in enumerate(sidecar.ingress))
    if sidecar.pool is None:
        return targets
    limited = Ingress(pool=sidecar.pool)
    return tuple(msgspec.structs.replace(target, ingress=limited) for target in targets)


class _Workload(Struct, frozen=True, kw_only=True):
    """Whose ports they are."""

    targets: tuple[ServiceTarget, ...]
    namespace: str
    addresses: tuple[str, ...]


def _target(place: int, listener: IngressListener, sidecar: BoundSidecar, workload: _Workload) -> ServiceTarget:
    number = listener.port.number
    service = next((target.service for target in workload.targets if target.target == number), None)
    addresses = workload.addresses
    address, port = _endpoint(listener.endpoint, addresses)
    return ServiceTarget(
        service=service or _stand_in(sidecar, workload.namespace),
        port=listener.port,
        target=number,
        ingress=Ingress(
            bind=listener.bind or (addresses[0] if addresses else names.WILDCARD),
            address=address,
            port=port,
            is_own=address in addresses,
            has_service=service is not None,
            is_bound=listener.is_bound,
            tls=listener.tls,
            called=f"{sidecar.ref.name}.{workload.namespace}",
            pool=listener.pool or sidecar.pool,
            origin=Origin(sidecar.ref, f"spec.ingress[{place}]"),
        ),
    )


def _stand_in(sidecar: BoundSidecar, namespace: str) -> MeshService:
    """What gives a port its name that no service has."""
    name = f"{sidecar.ref.name}.{namespace}"
    return MeshService(
        hostname=name,
        namespace=namespace,
        name=sidecar.ref.name,
        ports=(),
        resolving=Resolving.ENDPOINTS,
        registry="External",
        origin=Origin(sidecar.ref),
    )


def _endpoint(endpoint: str, addresses: tuple[str, ...]) -> tuple[str, int]:
    """Where requests are delivered; no address: to the one that was called. A family that the workload does not have
    is replaced by the other."""
    if endpoint.startswith(UNIX) or not endpoint:
        return endpoint, 0
    host, number = split_endpoint(endpoint)
    ipv4 = [address for address in addresses if ":" not in address]
    ipv6 = [address for address in addresses if ":" in address]
    match host:
        case "127.0.0.1":
            address = names.LOOPBACK if ipv4 or not ipv6 else names.LOOPBACK_V6
        case "::1":
            address = names.LOOPBACK_V6 if ipv6 else names.LOOPBACK
        case "0.0.0.0":
            address = (ipv4 or [names.LOOPBACK])[0]
        case "::":
            address = (ipv6 or [names.LOOPBACK_V6])[0]
        case _:
            address = ""
    return address, int(number)
