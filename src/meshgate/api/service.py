"""Kubernetes' Service, and where its endpoints are: EndpointSlice and the older Endpoints."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from meshgate.api.value import Labels, Value

IntOrString = int | str
"""A port by number or by name."""

SERVICE_NAME_LABEL: Final = "kubernetes.io/service-name"
"""Of an EndpointSlice: the Service whose endpoints it has."""


class ServiceType(StrEnum):
    """How a Service is published."""

    CLUSTER_IP = "ClusterIP"
    NODE_PORT = "NodePort"
    LOAD_BALANCER = "LoadBalancer"
    EXTERNAL_NAME = "ExternalName"


class SessionAffinity(StrEnum):
    """Whether a client's connections go to one endpoint."""

    NONE = "None"
    CLIENT_IP = "ClientIP"


class TransportProtocol(StrEnum):
    """Protocol of a port."""

    TCP = "TCP"
    UDP = "UDP"
    SCTP = "SCTP"


class ServicePort(Value, frozen=True, kw_only=True):
    """A port of a Service."""

    name: str = ""
    """Istio reads the protocol from it: `http`, `http-web`, `tcp-db`, `grpc`."""
    protocol: TransportProtocol = TransportProtocol.TCP
    port: int = 0
    target_port: IntOrString | None = None
    """None: the same number."""
    node_port: int = 0
    app_protocol: str = ""
    """Goes before the name when the protocol is read."""


class Service(Value, frozen=True, kw_only=True):
    """Spec of a Service."""

    type: ServiceType = ServiceType.CLUSTER_IP
    ports: tuple[ServicePort, ...] = ()
    selector: Labels = ()
    """None: the endpoints are given by hand."""
    cluster_ip: str = msgspec.field(default="", name="clusterIP")
    """`None` for a headless Service; empty until one is assigned."""
    cluster_ips: tuple[str, ...] = msgspec.field(default=(), name="clusterIPs")
    external_name: str = ""
    external_ips: tuple[str, ...] = msgspec.field(default=(), name="externalIPs")
    load_balancer_ip: str = msgspec.field(default="", name="loadBalancerIP")
    publish_not_ready_addresses: bool = False
    session_affinity: SessionAffinity = SessionAffinity.NONE
    """For clients without a sidecar: as with Istio, sidecars go by DestinationRules."""
    traffic_distribution: str = ""
    """Which endpoints are preferred: `PreferSameZone` (or `PreferClose`), `PreferSameNode`."""

    @property
    def is_headless(self) -> bool:
        return self.cluster_ip == "None"


class ObjectReference(Value, frozen=True, kw_only=True):
    """Names another object."""

    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    api_version: str = ""
    resource_version: str = ""
    field_path: str = ""


class EndpointConditions(Value, frozen=True, kw_only=True):
    """State of an endpoint. None means unknown, which Kubernetes wants read as ready."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class Endpoint(Value, frozen=True, kw_only=True):
    """One endpoint of a slice."""

    addresses: tuple[str, ...] = ()
    """Interchangeable addresses of the one endpoint; only the first is used."""
    conditions: EndpointConditions | None = None
    hostname: str = ""
    target_ref: ObjectReference | None = None
    """The pod."""
    node_name: str = ""
    zone: str = ""

    @property
    def is_ready(self) -> bool:
        """Unknown counts as ready, as Kubernetes wants it read."""
        return self.conditions is None or self.conditions.ready is not False


class EndpointPort(Value, frozen=True, kw_only=True):
    """A port of all endpoints of a slice or subset."""

    name: str = ""
    protocol: TransportProtocol = TransportProtocol.TCP
    port: int = 0
    app_protocol: str = ""


class AddressType(StrEnum):
    """What the addresses of a slice are."""

    IPV4 = "IPv4"
    IPV6 = "IPv6"
    FQDN = "FQDN"


class EndpointSlice(Value, frozen=True, kw_only=True):
    """Some of a Service's endpoints (`SERVICE_NAME_LABEL`)."""

    address_type: AddressType = AddressType.IPV4
    endpoints: tuple[Endpoint, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


class EndpointAddress(Value, frozen=True, kw_only=True):
    """An address in an Endpoints object."""

    ip: str = ""
    hostname: str = ""
    node_name: str = ""
    target_ref: ObjectReference | None = None


class EndpointSubset(Value, frozen=True, kw_only=True):
    """Addresses that have the same ports."""

    addresses: tuple[EndpointAddress, ...] = ()
    not_ready_addresses: tuple[EndpointAddress, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


class Endpoints(Value, frozen=True, kw_only=True):
    """All endpoints of the Service of the same name."""

    subsets: tuple[EndpointSubset, ...] = ()
