"""DNS for pods: answers from the mesh's own names, the rest asked upstream.

Reads a `DnsTable` (a value made from Services and ServiceEntries) and queries on sockets inside the pods; gives
answers. May import dnspython, `aio` and `errors`; knows nothing of how pods' networks are made.
"""

from __future__ import annotations

from meshgate.host.dns.forward import Forwarder, HostServers, Upstream, parse_upstream
from meshgate.host.dns.resolv_conf import resolv_conf
from meshgate.host.dns.server import DnsServer
from meshgate.host.dns.sockets import ENVOY_DNS_PORT, DnsSockets
from meshgate.host.dns.table import DnsTable, EndpointName, HostName, PortName, ServiceName

__all__ = [
    "ENVOY_DNS_PORT",
    "DnsServer",
    "DnsSockets",
    "DnsTable",
    "EndpointName",
    "Forwarder",
    "HostName",
    "HostServers",
    "PortName",
    "ServiceName",
    "Upstream",
    "parse_upstream",
    "resolv_conf",
]
