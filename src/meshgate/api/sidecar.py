"""Sidecar: what the proxies of some workloads see of the mesh, and on which ports they listen.

https://istio.io/latest/docs/reference/config/networking/sidecar/
"""

from __future__ import annotations

from enum import StrEnum, nonmember

from meshgate.api.destination_rule import ConnectionPoolSettings
from meshgate.api.gateway import ServerTLSSettings
from meshgate.api.service_entry import LabelsSelector
from meshgate.api.value import UInt32, Value
from meshgate.api.virtual_service import Destination


class CaptureMode(StrEnum):
    """How connections come to a listener."""

    DEFAULT = "DEFAULT"
    """As the workload is set up: by redirection."""
    IPTABLES = "IPTABLES"
    NONE = "NONE"
    """The listener is bound to its port, and clients call it there."""


class SidecarPort(Value, frozen=True, kw_only=True):
    """The port of a listener."""

    number: UInt32 = 0
    """0: the listener is bound to a Unix socket."""
    protocol: str = ""
    """As written, compared without regard to case; empty: found out by sniffing."""
    name: str = ""
    target_port: UInt32 = 0


class IstioEgressListener(Value, frozen=True, kw_only=True):
    """Hosts that the workloads may call, on one port or on all that no other listener has."""

    port: SidecarPort | None = None
    """None: the ports of the services themselves."""
    bind: str = ""
    """Address or Unix socket; empty: found from the services, or every address."""
    capture_mode: CaptureMode = CaptureMode.DEFAULT
    hosts: tuple[str, ...] = ()
    """`namespace/host`; the namespace may be `.`, `*` or, to take hosts away again, `~` with or without a namespace."""


class IstioIngressListener(Value, frozen=True, kw_only=True):
    """One port on which the workloads are called."""

    port: SidecarPort | None = None
    bind: str = ""
    capture_mode: CaptureMode = CaptureMode.DEFAULT
    default_endpoint: str = ""
    """Where requests are delivered: `127.0.0.1:port`, `0.0.0.0:port` (the pod's address), `unix://` and a path; empty:
    to the address that was called."""
    tls: ServerTLSSettings | None = None
    connection_pool: ConnectionPoolSettings | None = None


class SidecarOutboundMode(StrEnum):
    """What becomes of traffic to hosts that the workloads do not see."""

    REGISTRY_ONLY = "REGISTRY_ONLY"
    ALLOW_ANY = "ALLOW_ANY"

    is_checked = nonmember(True)


class SidecarOutboundTrafficPolicy(Value, frozen=True, kw_only=True):
    """Policy for unknown destinations; takes the place of the mesh's."""

    mode: SidecarOutboundMode = SidecarOutboundMode.REGISTRY_ONLY
    egress_proxy: Destination | None = None
    """Where all that is unknown is sent, with ALLOW_ANY."""


class Sidecar(Value, frozen=True, kw_only=True):
    """Spec of a Sidecar."""

    workload_selector: LabelsSelector | None = None
    """None: all workloads of the namespace; in the root namespace, those of all namespaces without one."""
    ingress: tuple[IstioIngressListener, ...] = ()
    """None: the ports of the services that the workload is behind."""
    egress: tuple[IstioEgressListener, ...] = ()
    """None: everything that is exported to the namespace."""
    outbound_traffic_policy: SidecarOutboundTrafficPolicy | None = None
    inbound_connection_pool: ConnectionPoolSettings | None = None
    """For the ports that have none of their own."""
