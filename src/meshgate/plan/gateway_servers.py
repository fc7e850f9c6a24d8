"""The servers of all Gateways that a gateway proxy serves, joined by port: each port has plaintext or TLS.

Gateways come in Istio's order. The first server of a port decides what it speaks: behind plaintext a later one joins if
both are HTTP, behind TLS if it has TLS itself and hosts of its own, or is the only one without. Addresses (`bind`) of
their own keep servers apart. A server names the port of the gateway's Service; what is listened on is the target port.
(istio:pilot/pkg/model/gateway.go#mergeGateways)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from meshgate.api import Labels, Problem, Server, codes, is_subset
from meshgate.mesh import BoundGateway, BoundServer, Protocol, ServiceTarget, at, parse_protocol, warning
from meshgate.plan import names
from meshgate.plan.gateway_tls import is_passed_through

NO_TRANSLATION_LABEL = "experimental.istio.io/disable-gateway-port-translation"


class ServerGroup(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Servers of one protocol on a port; all of plaintext HTTP are one group, of the first one's protocol."""

    protocol: Protocol
    servers: tuple[BoundServer, ...]


class PortServers(Struct, frozen=True, kw_only=True, cache_hash=True):
    """What listens on one port (and address) of a gateway proxy."""

    port: int
    """That is listened on."""
    bind: str
    groups: tuple[ServerGroup, ...]
    """In the order in which they count, as the servers in each."""

    @property
    def servers(self) -> tuple[BoundServer, ...]:
        return tuple(server for group in self.groups for server in group.servers)

    @property
    def http_routes(self) -> str:
        """The route configuration of plaintext HTTP."""
        return names.gateway_http_routes(self.port, self.bind)

    def route_configurations(self) -> Iterator[tuple[str, tuple[BoundServer, ...]]]:
        """By name, whose hosts are in it: plaintext HTTP has one, each HTTPS server that takes TLS off its own."""
        for group in self.groups:
            if group.protocol.is_http:
                yield self.http_routes, group.servers
            else:
                yield from ((https_routes(server), (server,)) for server in group.servers if is_https(server.server))


def protocol_of(server: Server) -> Protocol:
    """The protocol that a server says."""
    return parse_protocol(server.port.protocol) if server.port else Protocol.UNSUPPORTED


def is_tls_server(server: Server) -> bool:
    """Whether TLS is terminated or told apart on the port; `httpsRedirect` on a plaintext HTTP port is not that."""
    protocol = protocol_of(server)
    return protocol.is_tls or (server.tls is not None and not protocol.is_http)


def is_terminated(server: Server) -> bool:
    """Whether TLS is taken off."""
    return is_tls_server(server) and server.tls is not None and not is_passed_through(server.tls)


def is_https(server: Server) -> bool:
    """Whether TLS is taken off and HTTP is in it."""
    return protocol_of(server) is Protocol.HTTPS and is_terminated(server)


def sni_hosts(server: BoundServer) -> tuple[str, ...]:
    """The names by which a server's TLS is told from others; none: it takes what no other one does."""
    hosts = {host for _, host in server.hosts} if server.server.tls is not None else set()
    return () if "*" in hosts else tuple(sorted(hosts))


def https_routes(server: BoundServer) -> str:
    """The route configuration of an HTTPS server."""
    port = server.server.port
    assert port is not None, "servers without a port are not merged"
    ref = server.origin.ref
    return names.gateway_https_routes(port.number, port.name, ref.name, ref.namespace, server.server.bind)


def servers_of_bytes(ports: Iterable[PortServers]) -> tuple[BoundServer, ...]:
    """Those whose connections the first TCP rule takes as a whole."""
    groups = (group for port in ports for group in port.groups if not group.protocol.is_http)
    servers = (server for group in groups for server in group.servers if not is_https(server.server))
    return tuple(one for one in servers if one.server.tls is None or not is_passed_through(one.server.tls))


def merged_servers(
    gateways: Iterable[BoundGateway], labels: Labels, targets: Sequence[ServiceTarget]
) -> tuple[tuple[PortServers, ...], tuple[Problem, ...]]:
    """The ports to listen on, by number and address. IST0145, IST0162 for servers that are left out."""
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


def listened_port(number: int, targets: Iterable[ServiceTarget], *, by_selector: bool) -> tuple[int, ...]:
    """The target ports of a Service port. For a Gateway bound by labels the first one found, and the number itself
    where no Service has it; Services may say by a label that they are not to be looked at."""
    found = [
        target.target
        for target in targets
        if target.port.number == number
        and not (by_selector and any(key == NO_TRANSLATION_LABEL for key, _ in target.service.labels))
    ]
    if by_selector:
        return (found[0] if found else number,)
    return tuple(sorted(set(found)))


Place = tuple[int, str]
"""Port and address."""


class _Merge:
    """Servers as they are joined."""

    def __init__(self) -> None:
        self._by_port: dict[int, BoundServer] = {}
        """The server that decided the protocol of a port."""
        self._by_place: dict[Place, list[BoundServer]] = {}
        self._beside_tls: set[Place] = set()
        """Where a server joined one with TLS: from then on only TLS may join."""
        self._tls_hosts: dict[Place, dict[tuple[str, str], BoundServer]] = {}
        self._sni: dict[Place, dict[str, BoundServer]] = {}
        """By SNI, the server whose filter chain has it; `*` is the one without a name."""
        self.problems: list[Problem] = []

    def result(self) -> tuple[PortServers, ...]:
        return tuple(
            PortServers(port=port, bind=bind, groups=_groups(servers))
            for (port, bind), servers in sorted(self._by_place.items())
        )

    def add(self, server: BoundServer, targets: Sequence[ServiceTarget], *, by_selector: bool) -> None:
        given = server.server.port
        assert given is not None, "checked by the caller"
        ports = listened_port(given.number, targets, by_selector=by_selector)
        if not ports:
            text = f"no Service of the Gateway has port {given.number}"
            self._leave_out(codes.PORT_NOT_IN_SERVICE, server, text, "add the port to the Service")
        elif by_selector and given.number and targets and all(one.port.number != given.number for one in targets):
            text = f"no Service of the gateway has port {given.number}: it can be reached at the pod only"
            self._leave_out(codes.PORT_NOT_IN_SERVICE, server, text, "add the port to the Service")
        for port in ports:
            self._add_at(port, server)

    def _add_at(self, port: int, server: BoundServer) -> None:
        place = (port, server.server.bind)
        if self._has_hosts_of_others(place, server):
            return
        first = self._by_port.get(port)
        rival = self._obstacle(first, server, place) if first else None
        if rival is not None:
            mine, theirs = protocol_of(server.server), protocol_of(rival.server)
            owned = f'{rival.origin.ref} has {_spelled(place, server.server)} with protocol "{theirs.value}"'
            text = f'{owned}; "{mine.value}" does not join it'
            hint = f"{_who_decides(rival, server)}; choose another port"
            self._leave_out(codes.CONFLICTING_GATEWAYS, server, text, hint)
            return
        if is_tls_server((first or server).server) and self._has_sni_of_others(place, server):
            return
        self._by_port.setdefault(port, server)
        self._by_place.setdefault(place, []).append(server)
        if first is not None and is_tls_server(first.server):
            self._beside_tls.add(place)

    def _has_hosts_of_others(self, place: Place, server: BoundServer) -> bool:
        """Of servers with a `tls`, be it a redirect, each host can be at a place once; others are left out whole."""
        if server.server.tls is None:
            return False
        taken = self._tls_hosts.setdefault(place, {})
        host = next((host for host in server.hosts if host in taken), None)
        if host is None:
            taken.update(dict.fromkeys(server.hosts, server))
            return False
        owned = f'{taken[host].origin.ref} has host "{host[1]}" on {_spelled(place, server.server)} already'
        text = f"{owned}: all of this server is left out"
        hint = f"{_who_decides(taken[host], server)}; name each host once"
        self._leave_out(codes.CONFLICTING_GATEWAYS, server, text, hint)
        return True

    def _has_sni_of_others(self, place: Place, server: BoundServer) -> bool:
        """Hosts of two namespaces are two hosts and one SNI: Istio makes two chains of one name, which Envoy refuses
        with the whole listener. So the first one has it, as of hosts that are equal."""
        if is_tls_server(server.server) and not is_terminated(server.server):
            return False
        taken = self._sni.setdefault(place, {})
        wanted = sni_hosts(server) or ("*",)
        name = next((name for name in wanted if name in taken), None)
        if name is None:
            taken.update(dict.fromkeys(wanted, server))
            return False
        what = f'the connections for "{name}"' if name != "*" else "all connections that name no other host"
        owned = f"{taken[name].origin.ref} has {what} on {_spelled(place, server.server)} already"
        text = f"{owned}: all of this server is left out"
        hint = f"{_who_decides(taken[name], server)}; an SNI carries no namespace: name each host once"
        self._leave_out(codes.CONFLICTING_GATEWAYS, server, text, hint)
        return True

    def _obstacle(self, first: BoundServer, server: BoundServer, place: Place) -> BoundServer | None:
        """The server that keeps this one from the place."""
        here = self._by_place.get(place, [])
        if not is_tls_server(first.server):
            rival = here[0] if here else None
            return None if rival is None or _can_join(rival.server, server.server) else rival
        plain = next((one for one in here if not is_tls_server(one.server)), None)
        if is_tls_server(server.server):
            return None
        if server.server.tls is None and place in self._beside_tls:
            return plain or first
        return plain

    def _leave_out(self, code: str, server: BoundServer, text: str, hint: str) -> None:
        self.problems.append(warning(code, at(server.origin, "port"), text, hint))


def _groups(servers: Iterable[BoundServer]) -> tuple[ServerGroup, ...]:
    """By protocol, each where its first server stands."""
    found: dict[Protocol, list[BoundServer]] = {}
    for server in servers:
        protocol = protocol_of(server.server)
        found.setdefault(Protocol.HTTP if protocol.is_http else protocol, []).append(server)
    return tuple(ServerGroup(protocol=protocol_of(group[0].server), servers=tuple(group)) for group in found.values())


def _spelled(place: Place, server: Server) -> str:
    """The place as the user writes it, and the port that is listened on where that is another."""
    port, bind = place
    number = server.port.number if server.port else port
    target = f" (target port {port})" if number != port else ""
    return f"port {number}{target} of {bind}" if bind else f"port {number}{target}"


def _who_decides(rival: BoundServer, server: BoundServer) -> str:
    return "the first server decides" if rival.gateway == server.gateway else "the oldest Gateway decides"


def _can_join(one: Server, other: Server) -> bool:
    """Whether two servers behind plaintext share a port and address."""
    return is_tls_server(one) is is_tls_server(other) and (
        is_tls_server(one) or (protocol_of(one).is_http and protocol_of(other).is_http)
    )
