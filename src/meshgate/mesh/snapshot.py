"""The snapshot: one frozen view of all objects and facts, joined and in Istio's order.

`World` is what plans depend on: hashable, so that it is the key of what is planned. Endpoints and workloads are beside
it, because they change without anything being planned again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from meshgate.api import ConnectionPoolSettings, MeshConfig, Origin, ServerTLSSettings
from meshgate.mesh.credentials import CredentialObject
from meshgate.mesh.destination_rules import BoundDestinationRule
from meshgate.mesh.endpoints import EndpointTable
from meshgate.mesh.facts import Facts
from meshgate.mesh.gateways import BoundGateway
from meshgate.mesh.peer_authentications import BoundPeerAuthentication
from meshgate.mesh.service import MeshService, Port
from meshgate.mesh.sidecars import BoundSidecar
from meshgate.mesh.trust import ServiceTrust
from meshgate.mesh.validity import Validity
from meshgate.mesh.virtual_services import BoundVirtualService
from meshgate.mesh.workloads import Workload


class HeadlessAddresses(Struct, frozen=True, kw_only=True, cache_hash=True, gc=False):
    """Addresses behind a port of a service without a virtual address; each gets a TCP listener of its own."""

    hostname: str
    namespace: str
    port: int
    addresses: tuple[str, ...]


class World(Struct, frozen=True, kw_only=True, cache_hash=True):
    """All that a plan may depend on, but for the proxy and what it serves."""

    facts: Facts
    mesh: MeshConfig
    services: tuple[MeshService, ...] = ()
    virtual_services: tuple[BoundVirtualService, ...] = ()
    gateways: tuple[BoundGateway, ...] = ()
    destination_rules: tuple[BoundDestinationRule, ...] = ()
    headless: tuple[HeadlessAddresses, ...] = ()
    peer_authentications: tuple[BoundPeerAuthentication, ...] = ()
    """Oldest first; `workload_mtls` reads them."""
    trusts: tuple[ServiceTrust, ...] = ()
    sidecars: tuple[BoundSidecar, ...] = ()


class Ingress(Struct, frozen=True, kw_only=True, cache_hash=True, gc=False):
    """What a Sidecar says of a port that a workload serves."""

    bind: str = ""
    """The address that names the port's filter chains; empty: all addresses."""
    address: str = ""
    """Where requests are delivered, an address or `unix://` and a path; empty: to the address that was called."""
    port: int = 0
    is_own: bool = False
    """Whether the address is one of the workload's, where capture waits for what comes in."""
    has_service: bool = True
    """False: the service stands in for one, and is told nobody."""
    is_bound: bool = False
    """Whether a listener of its own is bound to the address, rather than capture leading there."""
    tls: ServerTLSSettings | None = None
    """TLS that ends at the port, where the workload's policies have the mesh's own switched off."""
    called: str = ""
    """Name of an ingress listener in traces; empty: it is a port of a service, with limits."""
    pool: ConnectionPoolSettings | None = None
    """Limits; None: those of the service's DestinationRule."""
    origin: Origin | None = None


class ServiceTarget(Struct, frozen=True, kw_only=True, cache_hash=True, gc=False):
    """A service port that a workload serves, and the workload's port for it."""

    service: MeshService
    port: Port
    target: int
    ingress: Ingress | None = None


class Addressed(Protocol):
    """Looks up what addresses serve."""

    def of(self, address: str) -> tuple[ServiceTarget, ...]: ...


class Snapshot(Struct, frozen=True, kw_only=True):
    """Everything, at one moment. Built once, never written."""

    world: World
    endpoints: EndpointTable
    workloads: Mapping[tuple[str, str], Workload]
    """By namespace and name."""
    selecting: Mapping[str, tuple[MeshService, ...]]
    """By namespace: the services that select workloads by label."""
    targets_by_address: Addressed
    """What an address serves according to endpoints that are listed (not selected) somewhere."""
    credentials: tuple[CredentialObject, ...] = ()
    """Secrets and ConfigMaps, for `CredentialObjects`: plans only have names of users' certificates."""
    validities: tuple[Validity, ...] = ()
    """Until when certificates are good that objects use."""

    @property
    def facts(self) -> Facts:
        return self.world.facts
