"""A service of the mesh: what a Kubernetes Service or one host of a ServiceEntry is to the proxies.

Endpoints are not in it (they come and go, `endpoints.py`), but those that are part of the configuration itself: the
names that a DNS service resolves.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from msgspec import Struct

from meshgate.api import Labels, Origin
from meshgate.mesh.protocol import Protocol
from meshgate.mesh.topology import Distribution
from meshgate.mesh.visibility import Export, is_visible


class Resolving(StrEnum):
    """How a proxy gets from the service to an address."""

    ENDPOINTS = "endpoints"
    """Known endpoints; the proxy chooses one."""
    DNS = "dns"
    """All addresses that names resolve to."""
    DNS_ROUND_ROBIN = "dns-round-robin"
    """One address at a time that a name resolves to."""
    DYNAMIC_DNS = "dynamic-dns"
    """What the name of the request resolves to."""
    PASSTHROUGH = "passthrough"
    """Where the connection was going: headless Services, and ServiceEntries without resolution."""
    ALIAS = "alias"
    """Another name of a service (`ExternalName`)."""


class Port(Struct, frozen=True, kw_only=True, cache_hash=True, gc=False):
    """A port of a service."""

    name: str
    number: int
    protocol: Protocol
    target: int | str = 0
    """The workloads' port, or the name of a container port; 0: the same number."""


class MeshEndpoint(Struct, frozen=True, kw_only=True, cache_hash=True, order=True, gc=False):
    """One address of a service port."""

    address: str
    """IP address, a name for DNS services, or `unix://` and a path."""
    port: int
    weight: int = 1
    locality: str = ""
    """`region/zone/subzone`."""
    labels: Labels = ()
    tls_mode: str = ""
    """`istio` where the workload's sidecar is labelled as accepting mutual TLS."""
    refuses_mutual_tls: bool = False
    """A PeerAuthentication wants plaintext at this port, whatever the label says."""
    workload: str = ""
    """`name;namespace;canonical name;canonical revision;cluster`, for metadata."""
    network: str = ""
    account: str = ""
    """`namespace/service account` that the workload runs as; empty: not known."""

    @property
    def is_labelled(self) -> bool:
        """Whether it says anything but that it takes no mutual TLS."""
        return self.tls_mode not in ("", "disabled")


class FixedEndpoint(Struct, frozen=True, kw_only=True, cache_hash=True, gc=False):
    """An endpoint of a DNS service, for one of its ports."""

    port: int
    """Number of the service's port."""
    endpoint: MeshEndpoint


class MeshService(Struct, frozen=True, kw_only=True, cache_hash=True):
    """A service of the mesh."""

    hostname: str
    namespace: str
    name: str
    """Of the Kubernetes Service; else the host name."""
    ports: tuple[Port, ...]
    resolving: Resolving
    registry: Literal["Kubernetes", "External"]
    origin: Origin
    addresses: tuple[str, ...] = ()
    """Virtual addresses and CIDR ranges; none: every address (`0.0.0.0`)."""
    is_external: bool = False
    """Outside the mesh."""
    export: Export = ("*",)
    creation: str = ""
    selector: Labels = ()
    aliases: tuple[str, ...] = ()
    """Host names of the `ExternalName` Services that mean this one."""
    alias_of: str = ""
    fixed: tuple[FixedEndpoint, ...] = ()
    distribution: Distribution = Distribution.ANY
    """What of its endpoints it wants preferred."""
    labels: Labels = ()
    """Only those that Istio looks at (`SERVICE_LABELS`)."""
    subject_alt_names: tuple[str, ...] = ()
    """Further names that may be in the certificates of its endpoints."""

    @property
    def is_headless(self) -> bool:
        """A Kubernetes Service without a virtual address."""
        return self.resolving is Resolving.PASSTHROUGH and self.registry == "Kubernetes"

    def port_numbered(self, number: int) -> Port | None:
        return next((port for port in self.ports if port.number == number), None)

    def is_visible_in(self, namespace: str) -> bool:
        return is_visible(self.export, namespace)


SERVICE_LABELS = frozenset({"experimental.istio.io/disable-gateway-port-translation"})


def service_order(service: MeshService) -> tuple[str, str, str, str]:
    """Istio's order of services: oldest first, then name and namespace (istio:SortServicesByCreationTime)."""
    return service.creation, f"{service.name}.{service.namespace}", service.hostname, str(service.origin)
