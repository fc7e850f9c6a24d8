"""The servers of all Gateways that a gateway proxy serves, joined by port: each port has one protocol.

Gateways come in Istio's order. The first server of a port decides what it speaks; a later one joins it if both are
plaintext HTTP, and is left out otherwise. A server names the port of the gateway's Service; what is listened on is the
target port. (istio:pilot/pkg/model/gateway.go#mergeGateways)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from meshgate.api import Labels, Problem, Server, codes, is_subset
from meshgate.mesh import BoundGateway, BoundServer, Protocol, ServiceTarget, at, parse_protocol, warning
from meshgate.plan import names

NO_TRANSLATION_LABEL = "experimental.istio.io/disable-gateway-port-translation"


class PortServers(Struct, frozen=True, kw_only=True, cache_hash=True):
    """What listens on one port (and address) of a gateway proxy."""

    port: int
    """That is listened on."""
    bind: str
    is_http: bool
    servers: tuple[BoundServer, ...]
    """In the order in which they count; several only for HTTP."""

    @property
    def route_configuration(self) -> str:
        return names.gateway_http_routes(self.port, self.bind)


def protocol_of(server: Server) -> Protocol:
    """The protocol that a server says."""
    return parse_protocol(server.port.protocol) if server.port else Protocol.UNSUPPORTED


def is_tls_server(server: Server) -> bool:
    """Whether TLS is terminated or told apart on the port; `httpsRedirect` on a plaintext HTTP port is not that."""
    protocol = protocol_of(server)
    return protocol.is_tls or (server.tls is not None and not protocol.is_http)


def merged_servers(
    gateways: Iterable[BoundGateway], labels: Labels, targets: Sequence[ServiceTarget]
) -> tuple[tuple[PortServers, ...], tuple[Problem, ...]]:
    """The ports to listen on, by number and address. IST0145, IST0162, MG0101 for servers that are left out."""
    merge = _Merge()
    for gateway in gateways:
        bound = _targets_for(gateway, labels, targets)
        if bound is None:
            continue
        for server in gateway.servers:
            if server.server.port is not None:
                merge.add(server, bound, by_selector=gateway.services is None)
    return merge.result(), tuple(dict.fromkeys(merge.problems))


def _targets_for(
    gateway: BoundGateway, labels: Labels, targets: Sequence[ServiceTarget]
) -> tuple[ServiceTarget, ...] | None:
    """The service ports by which a proxy serves a Gateway; None if it does not serve it.

    A Gateway bound to Services is served by the proxies behind them, any other one by those that its selector selects.
    """
    if gateway.services is None:
        return tuple(targets) if is_subset(gateway.selector, labels) else None
    bound = tuple(
        target
        for target in targets
        if target.service.hostname in gateway.services and target.service.namespace == gateway.ref.namespace
    )
    return bound or None


def listened_ports(number: int, targets: Iterable[ServiceTarget], *, by_selector: bool) -> tuple[int, ...]:
    """The target ports of a Service port; for a Gateway bound by labels the number itself where no Service has it."""
    found: set[int] = set()
    for target in targets:
        if by_selector and any(key == NO_TRANSLATION_LABEL for key, _ in target.service.labels):
            found.add(number)
        elif target.port.number == number:
            found.add(target.target)
    return tuple(sorted(found)) or ((number,) if by_selector else ())


class _Merge:
    """Servers as they are joined."""

    def __init__(self) -> None:
        self._by_port: dict[int, BoundServer] = {}
        """The server that decided the protocol of a port."""
        self._by_place: dict[tuple[int, str], list[BoundServer]] = {}
        self.problems: list[Problem] = []

    def result(self) -> tuple[PortServers, ...]:
        return tuple(
            PortServers(port=port, bind=bind, is_http=protocol_of(servers[0].server).is_http, servers=tuple(servers))
            for (port, bind), servers in sorted(self._by_place.items())
            if not is_tls_server(servers[0].server)
        )

    def add(self, server: BoundServer, targets: Sequence[ServiceTarget], *, by_selector: bool) -> None:
        given = server.server.port
        assert given is not None, "checked by the caller"
        ports = listened_ports(given.number, targets, by_selector=by_selector)
        if not ports:
            text = f"no Service of the Gateway has port {given.number}"
            self._leave_out(codes.PORT_NOT_IN_SERVICE, server, text, "add the port to the Service")
        elif by_selector and targets and not any(target.port.number == given.number for target in targets):
            text = f"no Service of the gateway has port {given.number}: it can be reached at the pod only"
            self._leave_out(codes.PORT_NOT_IN_SERVICE, server, text, "add the port to the Service")
        if is_tls_server(server.server):
            text = f'protocol "{given.protocol}" with TLS is not implemented yet: the server is left out'
            self._leave_out(codes.TLS_SERVER_LEFT_OUT, server, text, "")
        for port in ports:
            self._add_at(port, server)

    def _add_at(self, port: int, server: BoundServer) -> None:
        place = (port, server.server.bind)
        first = self._by_port.setdefault(port, server)
        if first is server or self._can_join(first, server, place):
            self._by_place.setdefault(place, []).append(server)
            return
        mine, theirs = protocol_of(server.server), protocol_of(first.server)
        text = f'{first.origin.ref} has port {port} with protocol "{theirs.value}"; "{mine.value}" does not join it'
        self._leave_out(codes.CONFLICTING_GATEWAYS, server, text, "the oldest Gateway decides; choose another port")

    def _can_join(self, first: BoundServer, server: BoundServer, place: tuple[int, str]) -> bool:
        mine, theirs = protocol_of(server.server), protocol_of(first.server)
        if is_tls_server(first.server) or is_tls_server(server.server):
            return is_tls_server(first.server) and is_tls_server(server.server)
        if mine.is_http and theirs.is_http:
            return True
        return mine is theirs and place not in self._by_place

    def _leave_out(self, code: str, server: BoundServer, text: str, hint: str) -> None:
        self.problems.append(warning(code, at(server.origin, "port"), text, hint))
