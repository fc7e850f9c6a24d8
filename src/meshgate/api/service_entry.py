"""ServiceEntry: a service that Kubernetes does not know.

https://istio.io/latest/docs/reference/config/networking/service-entry/
"""

from __future__ import annotations

from enum import StrEnum, nonmember

from meshgate.api.value import Labels, Pairs, UInt32, Value


class Location(StrEnum):
    """Whether the service is a part of the mesh."""

    MESH_EXTERNAL = "MESH_EXTERNAL"
    MESH_INTERNAL = "MESH_INTERNAL"


class Resolution(StrEnum):
    """How the proxies find the endpoints' addresses."""

    NONE = "NONE"
    STATIC = "STATIC"
    DNS = "DNS"
    DNS_ROUND_ROBIN = "DNS_ROUND_ROBIN"
    DYNAMIC_DNS = "DYNAMIC_DNS"

    is_checked = nonmember(True)


class ServiceEntryPort(Value, frozen=True, kw_only=True):
    """A port of the service."""

    number: UInt32 = 0
    protocol: str = ""
    """As written; empty: found out by sniffing, or TCP."""
    name: str = ""
    target_port: UInt32 = 0
    """The endpoints' port; 0: the same number."""


class WorkloadEntry(Value, frozen=True, kw_only=True):
    """One endpoint that is no pod (also the spec of the kind WorkloadEntry)."""

    address: str = ""
    """An IP, a DNS name, or `unix://` and a path."""
    ports: Pairs[UInt32] = ()
    """By name of the service's port."""
    labels: Labels = ()
    network: str = ""
    locality: str = ""
    weight: UInt32 = 0
    service_account: str = ""


class LabelsSelector(Value, frozen=True, kw_only=True):
    """Selects workloads by label."""

    labels: Labels = ()


class ServiceEntry(Value, frozen=True, kw_only=True):
    """Spec of a ServiceEntry."""

    hosts: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    """Virtual addresses or CIDR ranges. None: assigned automatically where Istio's conditions hold."""
    ports: tuple[ServiceEntryPort, ...] = ()
    location: Location = Location.MESH_EXTERNAL
    resolution: Resolution = Resolution.NONE
    endpoints: tuple[WorkloadEntry, ...] = ()
    workload_selector: LabelsSelector | None = None
    export_to: tuple[str, ...] = ()
    subject_alt_names: tuple[str, ...] = ()
