"""What a proxy's ports take: read from the filter chains of its listeners.

A chain that ends TLS, one that takes what comes in plaintext, one that hands TLS on as it is: a port has some of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import Literal

from msgspec import Struct

from meshgate.explain.authn.transports import Kind, Transport, server_transport
from meshgate.explain.simulate.configuration import unpack_as
from meshgate.plan import names
from meshgate.proto import v3

Role = Literal["sidecar", "router"]


class Accepted(Struct, frozen=True, kw_only=True, order=True):
    """One port, or one of several names that are served on it."""

    port: int
    """Of the workload; 0: every port that has nothing of its own."""
    server_names: tuple[str, ...] = ()
    """By SNI; none: whatever is asked for."""
    transports: tuple[Transport, ...] = ()
    """What is ended here; sorted, each once."""
    passes_tls: bool = False
    """TLS that is none of the proxy's goes on as it comes."""

    @property
    def takes(self) -> tuple[str, ...]:
        """In words."""
        kinds = dict.fromkeys(str(each.kind) for each in self.transports)
        return (*kinds, *(["TLS of its own"] if self.passes_tls else []))

    def mode(self, role: Role) -> str:
        """Istio's word: of a PeerAuthentication for a sidecar, of a server's TLS for a gateway (`plaintext`: none)."""
        kinds = {each.kind for each in self.transports}
        if others := sorted(kinds - {Kind.MTLS, Kind.PLAINTEXT}):
            return str(others[0])
        if role == "router":
            return self._servers_word(kinds)
        if Kind.MTLS in kinds:
            return "PERMISSIVE" if Kind.PLAINTEXT in kinds else "STRICT"
        return "DISABLE"

    def _servers_word(self, kinds: Collection[Kind]) -> str:
        if Kind.MTLS in kinds:
            return "ISTIO_MUTUAL"
        return "PASSTHROUGH" if self.passes_tls else str(Kind.PLAINTEXT)


def accepted(listeners: Iterable[bytes], role: Role) -> tuple[Accepted, ...]:
    """Of the listeners that others connect to; sorted by port and names."""
    found: dict[tuple[int, tuple[str, ...]], list[v3.FilterChain]] = defaultdict(list)
    for listener in map(v3.Listener.FromString, listeners):
        for port, chain in _chains(listener) if _is_served(listener, role) else ():
            found[port, tuple(chain.filter_chain_match.server_names)].append(chain)
    return tuple(_accepted(port, server_names, chains) for (port, server_names), chains in sorted(found.items()))


def _is_served(listener: v3.Listener, role: Role) -> bool:
    """A gateway's listeners are its servers', but for the doubles for the edge, which are sockets of a file system."""
    if role == "sidecar":
        return listener.traffic_direction == v3.TrafficDirection.INBOUND
    return listener.address.HasField("socket_address")


def _chains(listener: v3.Listener) -> Iterator[tuple[int, v3.FilterChain]]:
    captures = listener.name == names.VIRTUAL_INBOUND
    defaults = [listener.default_filter_chain] if listener.HasField("default_filter_chain") else []
    for chain in (*listener.filter_chains, *defaults):
        if not _is_black_hole(chain):
            bound = listener.address.socket_address.port_value
            yield (chain.filter_chain_match.destination_port.value if captures else bound), chain


def _is_black_hole(chain: v3.FilterChain) -> bool:
    proxies = (unpack_as(each.typed_config, v3.TcpProxy) for each in chain.filters)
    return any(proxy is not None and proxy.cluster == names.BLACK_HOLE for proxy in proxies)


def _accepted(port: int, server_names: tuple[str, ...], chains: Iterable[v3.FilterChain]) -> Accepted:
    passed_on = [each for each in chains if _passes_tls(each)]
    ended = [each for each in chains if not _passes_tls(each)]
    transports = {server_transport(each) for each in ended}
    return Accepted(
        port=port, server_names=server_names, transports=tuple(sorted(transports)), passes_tls=bool(passed_on)
    )


def _passes_tls(chain: v3.FilterChain) -> bool:
    """Only TLS names a server."""
    match = chain.filter_chain_match
    is_for_tls = match.transport_protocol == "tls" or bool(match.server_names)
    return is_for_tls and not chain.HasField("transport_socket")
