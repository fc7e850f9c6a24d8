"""What DNS knows of the mesh: a frozen value, set anew by whoever watches Services, endpoints and ServiceEntries.

Two values that are equal answer every query equally, so setting an equal one is no event (`aio.Latest`).
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

Protocol = Literal["tcp", "udp"]

DEFAULT_DOMAIN: Final = "cluster.local"


class PortName(Struct, frozen=True, kw_only=True):
    """A named port of a Service: `_name._protocol` in SRV queries."""

    name: str
    protocol: Protocol = "tcp"
    port: int
    """The Service's port; of a headless Service, that of its endpoints."""


class EndpointName(Struct, frozen=True, kw_only=True):
    """An endpoint of a headless Service."""

    address: str
    hostname: str = ""
    """The pod's `spec.hostname` where `spec.subdomain` is the Service; empty: the address with dashes is its name."""


class ServiceName(Struct, frozen=True, kw_only=True):
    """A Kubernetes Service. Exactly one of cluster addresses, endpoints and external name says what it is."""

    namespace: str
    name: str
    addresses: tuple[str, ...] = ()
    """Cluster addresses; empty for headless and ExternalName Services."""
    endpoints: tuple[EndpointName, ...] = ()
    """Of a headless Service: the ready ones, all if it has `publishNotReadyAddresses`. Else without effect."""
    ports: tuple[PortName, ...] = ()
    external_name: str = ""


class HostName(Struct, frozen=True, kw_only=True):
    """A host of a ServiceEntry that has addresses, written or allocated. One without is no business of ours."""

    name: str
    """Such as `edition.cnn.com` or `*.wikipedia.org`."""
    addresses: tuple[str, ...]
    namespace: str = ""
    """Of the ServiceEntry: pods of the same namespace prefer it to another one's host of the same name."""
    visible_in: tuple[str, ...] = ("*",)
    """Namespaces to which it is exported; `*` is all."""


class DnsTable(Struct, frozen=True, kw_only=True):
    """All names. The order within does not matter for answers but makes two tables different."""

    cluster_domain: str = DEFAULT_DOMAIN
    services: tuple[ServiceName, ...] = ()
    hosts: tuple[HostName, ...] = ()
    namespaces: tuple[str, ...] = ()
    """Namespaces without Services: their names exist too."""
    networks: tuple[str, ...] = ()
    """The mesh's ranges: who asks for the name of one of their addresses is answered here and never upstream."""
