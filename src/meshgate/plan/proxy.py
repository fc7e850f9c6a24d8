"""The proxy for which a plan is made: a value. Equal proxies get equal plans.

A *sidecar* stands beside one workload and sees its traffic in and out by capture; a *router* is a gateway.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Proxy(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Who asks, and what of it decides the answer."""

    role: Literal["sidecar", "router"]
    name: str
    """Name of the pod."""
    namespace: str
    """Namespace for all look-ups: exportTo, DestinationRules, short names."""
    labels: tuple[tuple[str, str], ...] = ()
    """The workload's labels, sorted; what selectors select by."""
    addresses: tuple[str, ...] = ()
    """The instance's addresses; the first decides between IPv4 and IPv6."""
    service_account: str = "default"
    workload: str = ""
    """Name of the owner (Deployment), for metadata and metrics."""
    node: str = ""
    cluster_id: str = "Kubernetes"
    locality: str = ""
    """`region/zone/subzone`."""
    dns_resolver: tuple[str, int] | None = None
    """Address and port of the DNS server that answers without virtual addresses; all DNS clusters ask it."""
    edge_socket: str | None = None
    """Path, in the gateway's view, of the Unix sockets on which the edge Envoy delivers with a PROXY v2 header.

    For each listening port there is a second listener `edge_<port>` with equal filter chains; its socket is this path
    with a dot and the port behind it (`plan.names.edge_socket_path`).
    """
