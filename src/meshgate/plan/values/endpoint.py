"""Endpoints of a cluster, by locality and priority."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from meshgate.plan.values.address import Address


class EndpointPlan(Struct, frozen=True, kw_only=True, cache_hash=True):
    """One address."""

    address: Address
    weight: int = 1
    health: Literal["UNKNOWN", "HEALTHY", "UNHEALTHY", "DRAINING"] = "UNKNOWN"
    """UNKNOWN is taken as healthy and is not written."""
    tls_mode: str = ""
    """`envoy.transport_socket_match` `tlsMode`; empty is not written."""
    workload: str = ""
    """`filter_metadata.istio.workload`: `name;namespace;canonical name;canonical revision;cluster`."""
    hostname: str = ""


class LocalityEndpoints(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Endpoints of one place."""

    endpoints: tuple[EndpointPlan, ...]
    region: str = ""
    zone: str = ""
    subzone: str = ""
    priority: int = 0
    weight: int = 1
    """Sum of the endpoints' weights unless the user says otherwise; 0 is not written."""


class LoadAssignmentPlan(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Endpoints of the cluster of that name; sorted, so that equal sets are equal values."""

    cluster: str
    localities: tuple[LocalityEndpoints, ...]
