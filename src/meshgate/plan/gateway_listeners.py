"""A gateway's listeners: one for each port (and address), and its double behind the edge Envoy.

An HTTP port listens even without routes and answers 404; a port of bytes that no rule is for does not listen at all.
(istio:pilot/pkg/networking/core/gateway.go#BuildListeners)
"""

from __future__ import annotations

import msgspec

from meshgate.api import MeshConfig, Problem
from meshgate.mesh import Scope
from meshgate.plan import names
from meshgate.plan.access_logs import listener_access_logs
from meshgate.plan.client import Client
from meshgate.plan.gateway_chains import GatewayChains
from meshgate.plan.gateway_servers import PortServers
from meshgate.plan.inspectors import inspectors
from meshgate.plan.outbound_settings import OutboundSettings
from meshgate.plan.values import ListenerFilter, ListenerPlan, PipeAddress, ProxyProtocolFilter, SocketAddress

UNIX = "unix://"
EDGE_SOCKET_MODE = 0o666
"""The edge runs as another user; who may reach the socket at all is decided by its directory."""


class GatewayListeners:
    """Makes the listeners of one gateway proxy."""

    def __init__(self, scope: Scope, client: Client, settings: OutboundSettings) -> None:
        self._scope = scope
        self._client = client
        self._settings = settings
        self._made: list[GatewayChains] = []

    def of_port(self, port_servers: PortServers) -> ListenerPlan | None:
        """The listener of a port; None if nothing would be done with a connection."""
        wildcard = names.WILDCARD if self._client.has_ipv4 else names.WILDCARD_V6
        address = port_servers.bind or wildcard
        name = names.listener(address, port_servers.port)
        chains = GatewayChains(port_servers, name, self._scope, self._settings)
        self._made.append(chains)
        made = chains.made()
        if not made:
            return None
        return ListenerPlan(
            name=name,
            address=_bound(address, port_servers.port),
            filter_chains=made,
            listener_filters=(*_proxy_protocol(self._settings.mesh), *inspectors(made)),
            direction="OUTBOUND",
            max_connections_per_socket_event=1,
            access_logs=listener_access_logs(self._settings.mesh),
            origin=port_servers.servers[0].origin,
        )

    def problems(self) -> tuple[Problem, ...]:
        """MG0105 for servers without rules, IST0130 for matches that no port serves."""
        served = {match for chains in self._made for match in chains.served}
        shadowed = {
            match: one for chains in self._made for match, one in chains.shadowed.items() if match not in served
        }
        return (*(one for chains in self._made for one in chains.idle), *shadowed.values())


def _bound(address: str, port: int) -> SocketAddress | PipeAddress:
    """What is bound; a Unix socket is written as one, with port 0."""
    if address.startswith(UNIX):
        return PipeAddress(path=address.removeprefix(UNIX))
    return SocketAddress(address=address, port=port)


def edge_listener(listener: ListenerPlan, port: int, socket: str) -> ListenerPlan:
    """The same, on a Unix socket on which the edge Envoy delivers connections and says from whom they are."""
    others = tuple(one for one in listener.listener_filters if not isinstance(one, ProxyProtocolFilter))
    return msgspec.structs.replace(
        listener,
        name=names.edge_listener(port),
        address=PipeAddress(path=names.edge_socket_path(socket, port), mode=EDGE_SOCKET_MODE),
        listener_filters=(ProxyProtocolFilter(), *others),
    )


def _proxy_protocol(mesh: MeshConfig) -> tuple[ListenerFilter, ...]:
    """Before anything looks at the bytes: the header stands in front of them."""
    topology = mesh.default_config.gateway_topology
    return (ProxyProtocolFilter(),) if topology and topology.proxy_protocol is not None else ()
