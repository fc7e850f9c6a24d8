"""The pods' network: namespaces, the router, capture, Services' addresses, the link to the host.

Reads ranges, pods' identities and capture specs, Services with their endpoints; gives namespaces with addresses and
keeps them. May import `host.dns`, `host.namespaces`, `api`, `errors` and Linux (netlink); nothing of Envoy.
"""

from __future__ import annotations

from meshgate.host.network.capture import SIDECAR_GID, SIDECAR_MARK, CaptureSpec, parse_capture
from meshgate.host.network.host_side import HostSide, Notice
from meshgate.host.network.host_survey import mesh_id_of
from meshgate.host.network.namespace import NetworkNamespace
from meshgate.host.network.pod import PodIdentity, PodNet
from meshgate.host.network.pod_network import FdKeeper, PodDns, PodNetwork
from meshgate.host.network.ranges import Ranges, check_ranges, free_ranges, parse_ranges
from meshgate.host.network.services import Endpoint, ServicePort, ServiceRules, ServiceTable

__all__ = [
    "SIDECAR_GID",
    "SIDECAR_MARK",
    "CaptureSpec",
    "Endpoint",
    "FdKeeper",
    "HostSide",
    "NetworkNamespace",
    "Notice",
    "PodDns",
    "PodIdentity",
    "PodNet",
    "PodNetwork",
    "Ranges",
    "ServicePort",
    "ServiceRules",
    "ServiceTable",
    "check_ranges",
    "free_ranges",
    "mesh_id_of",
    "parse_capture",
    "parse_ranges",
]
