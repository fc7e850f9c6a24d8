"""Sidecars, ready for use: which one counts for a workload, and what it says of each listener.

A workload has one Sidecar: the oldest of its namespace that selects it by label, else the oldest of its namespace that
selects all, else that of the root namespace. They are not merged. (istio:push_context.go#getSidecarScope)
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from meshgate.api import (
    CaptureMode,
    ConnectionPoolSettings,
    Destination,
    IstioEgressListener,
    IstioIngressListener,
    Labels,
    OutboundMode,
    Ref,
    Resource,
    ServerTLSSettings,
    Sidecar,
    SidecarPort,
    is_subset,
)
from meshgate.mesh.memo import Memo
from meshgate.mesh.protocol import Protocol, parse_protocol
from meshgate.mesh.service import Port
from meshgate.mesh.virtual_services import config_order

UNIX = "unix://"
OWN_NAMESPACE = "."
EVERY_NAMESPACE = "*"


class EgressPlace(Struct, frozen=True, kw_only=True, cache_hash=True, gc=False):
    """Where an egress listener listens."""

    port: Port | None = None
    """None: at all ports of its services that no other listener has."""
    bind: str = ""
    is_bound: bool = False
    """Whether clients call it at its address, rather than being redirected to it."""

    @property
    def takes_port(self) -> int:
        """The port that its services must have; 0: any. A Unix socket and an HTTP proxy are for all ports."""
        if self.port is None or self.port.protocol is Protocol.HTTP_PROXY:
            return 0
        return self.port.number


CATCH_ALL = EgressPlace()


class EgressListener(Struct, frozen=True, kw_only=True, cache_hash=True, gc=False):
    """One egress listener of a Sidecar."""

    place: EgressPlace
    hosts: tuple[tuple[str, str], ...]
    """Pairs of namespace (or `.`, `*`) and host."""
    excluded: tuple[tuple[str, str], ...] = ()
    """The same: what is not seen though `hosts` have it."""


class IngressListener(Struct, frozen=True, kw_only=True, cache_hash=True, gc=False):
    """One ingress listener of a Sidecar."""

    port: Port
    bind: str = ""
    is_bound: bool = False
    endpoint: str = ""
    """As written."""
    tls: ServerTLSSettings | None = None
    pool: ConnectionPoolSettings | None = None


class BoundSidecar(Struct, frozen=True, kw_only=True, cache_hash=True):
    """A Sidecar."""

    ref: Ref
    selector: Labels | None = None
    """None: all workloads."""
    egress: tuple[EgressListener, ...] = ()
    ingress: tuple[IngressListener, ...] = ()
    mode: OutboundMode | None = None
    """None: the mesh's."""
    egress_proxy: Destination | None = None
    pool: ConnectionPoolSettings | None = None


def bind_sidecars(resources: Iterable[Resource[Sidecar]], memo: Memo) -> tuple[BoundSidecar, ...]:
    """All Sidecars in Istio's order."""
    ordered = sorted(resources, key=lambda one: config_order(one.meta.creation, one.meta.namespace, one.meta.name))
    return tuple(memo.get(_bind, resource) for resource in ordered)


def _bind(resource: Resource[Sidecar]) -> BoundSidecar:
    spec = resource.spec
    policy = spec.outbound_traffic_policy
    return BoundSidecar(
        ref=resource.ref,
        selector=None if spec.workload_selector is None else spec.workload_selector.labels,
        egress=tuple(_egress(listener) for listener in spec.egress),
        ingress=tuple(_ingress(listener, listener.port) for listener in spec.ingress if listener.port),
        mode=None if policy is None else OutboundMode(policy.mode.value),
        egress_proxy=None if policy is None else policy.egress_proxy,
        pool=spec.inbound_connection_pool,
    )


def _port(port: SidecarPort) -> Port:
    return Port(name=port.name, number=port.number, protocol=parse_protocol(port.protocol))


def _egress(listener: IstioEgressListener) -> EgressListener:
    pairs = [(namespace, host.lower()) for namespace, _, host in (one.partition("/") for one in listener.hosts)]
    is_socket = listener.port is not None and not listener.port.number
    return EgressListener(
        place=EgressPlace(
            port=_port(listener.port) if listener.port else None,
            bind=UNIX + listener.bind.removeprefix(UNIX) if is_socket else listener.bind,
            is_bound=is_socket or listener.capture_mode is CaptureMode.NONE,
        ),
        hosts=tuple(pair for pair in pairs if not pair[0].startswith("~")),
        excluded=tuple(
            (namespace[1:] or EVERY_NAMESPACE, host) for namespace, host in pairs if namespace.startswith("~")
        ),
    )


def _ingress(listener: IstioIngressListener, port: SidecarPort) -> IngressListener:
    return IngressListener(
        port=_port(port),
        bind=listener.bind,
        is_bound=listener.capture_mode is CaptureMode.NONE,
        endpoint=listener.default_endpoint,
        tls=listener.tls,
        pool=listener.connection_pool,
    )


class SidecarIndex:
    """Finds the Sidecar of a workload."""

    def __init__(self, sidecars: tuple[BoundSidecar, ...], root_namespace: str) -> None:
        self._selecting: dict[str, list[BoundSidecar]] = {}
        self._for_all: dict[str, BoundSidecar] = {}
        for sidecar in sidecars:
            if sidecar.selector is None:
                self._for_all.setdefault(sidecar.ref.namespace, sidecar)
            else:
                self._selecting.setdefault(sidecar.ref.namespace, []).append(sidecar)
        self._root = self._for_all.get(root_namespace)

    def of(self, namespace: str, labels: Labels) -> BoundSidecar | None:
        """The one that counts."""
        for sidecar in self._selecting.get(namespace, ()):
            if is_subset(sidecar.selector or (), labels):
                return sidecar
        return self._for_all.get(namespace, self._root)
