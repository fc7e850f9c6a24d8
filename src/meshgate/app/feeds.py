"""What the machine's parts follow of a build: names for DNS, virtual addresses for the router, ports for the edge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meshgate.aio import Latest
from meshgate.api import SERVICE_NAME_LABEL, AnyResource, EndpointSlice, Ref, Service, of_type
from meshgate.app.dns_names import dns_table
from meshgate.app.pipeline import Built
from meshgate.app.proxies import proxy_id
from meshgate.app.virtual_addresses import service_table
from meshgate.envoy import LISTENER
from meshgate.host.dns import DnsTable
from meshgate.host.edge_ports import EdgeFacts, EdgeGateway, listening_ports
from meshgate.host.network import Ranges
from meshgate.host.network.services import ServiceTable
from meshgate.xds import ResourceTable

INGRESS = Ref("Service", "istio-system", "istio-ingressgateway")
"""The default ingress gateway's Service: its ports are the host's."""


class Feeds:
    """The newest of each; equal values wake nobody."""

    def __init__(self, ranges: Ranges) -> None:
        self._networks = tuple(str(network) for network in ranges)
        self.names: Latest[DnsTable] = Latest(DnsTable())
        self.services: Latest[ServiceTable] = Latest(())
        self.edge: Latest[EdgeFacts] = Latest(EdgeFacts())
        self.revision: Latest[int] = Latest(-1)
        """Of the build that they are from."""

    async def run(self, builds: Latest[Built]) -> None:
        """Follow the builds, for ever."""
        async for built in builds:
            self.take(built)

    def take(self, built: Built) -> None:
        """Set all of them from one build."""
        if built.snapshot is None:
            return
        self.names.set(dns_table(built.resources, built.snapshot, self._networks))
        self.services.set(service_table(built.resources))
        self.edge.set(edge_facts(built.resources, built.tables))
        self.revision.set(built.revision)


def edge_facts(resources: Sequence[AnyResource], tables: Mapping[str, ResourceTable]) -> EdgeFacts:
    """Ports of the default ingress gateway's Service, and its ready pods with what they listen on."""
    service = next((each for each in of_type(resources, Service) if each.ref == INGRESS), None)
    if service is None:
        return EdgeFacts()
    slices = [
        piece.spec
        for piece in of_type(resources, EndpointSlice)
        if piece.meta.namespace == INGRESS.namespace and piece.meta.label(SERVICE_NAME_LABEL) == INGRESS.name
    ]
    gateways = {
        EdgeGateway(uid=endpoint.target_ref.uid, ports=listeners_of(tables, endpoint.target_ref.name))
        for piece in slices
        for endpoint in piece.endpoints
        if endpoint.target_ref is not None and endpoint.is_ready
    }
    # a target port may be a name, which slices give as the pods' numbers
    numbers = {port.name: port.port for piece in slices for port in piece.ports}
    ports = tuple((port.port, numbers[port.name]) for port in service.spec.ports if port.name in numbers)
    return EdgeFacts(service_ports=ports, gateways=tuple(sorted(gateways)))


def listeners_of(tables: Mapping[str, ResourceTable], pod: str) -> frozenset[int]:
    """The ports on which a gateway pod listens for the edge."""
    table = tables.get(proxy_id(INGRESS.namespace, pod))
    return listening_ports(table.of(LISTENER)) if table is not None else frozenset()
