"""Which filter chain takes the connection.

Envoy looks at one property after another. At each step the most specific value among the chains that are still in wins
and the others are out for good: there is no way back to a less specific chain if a later step finds nothing. A chain
that does not name the property is the least specific. One chain is left at the end, or none: then the default chain.

Two chains with the same match are refused by Envoy with the whole listener.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/listener/v3/listener_components.proto#config-listener-v3-filterchainmatch
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from meshgate.explain.simulate.call import Call
from meshgate.explain.simulate.connection import Connection, IpAddress
from meshgate.explain.simulate.deviations import Deviations
from meshgate.explain.simulate.result import Failure, Stop
from meshgate.proto import v3

Rank: TypeAlias = float | None
"""How specific a chain is in one property: None is out, 0 does not name it, more is more specific."""
Step: TypeAlias = "Callable[[v3.FilterChainMatch], Rank]"

_EXACT = float("inf")


def choose_filter_chain(
    listener: v3.Listener, connection: Connection, call: Call, deviations: Deviations
) -> v3.FilterChain | Stop:
    """The chain of this listener that takes the connection."""
    if listener.HasField("filter_chain_matcher"):
        return Stop(Failure.NOT_SIMULATED, "the listener has a filter_chain_matcher")
    chains: Sequence[v3.FilterChain] = listener.filter_chains
    for step in _steps(connection, call, deviations):
        chains = _most_specific(chains, step)
    if len(chains) > 1:
        return Stop(Failure.MULTIPLE_FILTER_CHAINS, ", ".join(repr(chain.name) for chain in chains))
    if chains:
        return chains[0]
    return listener.default_filter_chain if listener.HasField("default_filter_chain") else Stop(Failure.NO_FILTER_CHAIN)


def _steps(connection: Connection, call: Call, deviations: Deviations) -> tuple[Step, ...]:
    """In Envoy's order, which is fixed."""
    offered = connection.alpn
    sni = call.sni if deviations.sni_without_inspection else connection.sni
    client = ip_address(call.source_address) if call.source_address else None
    return (
        lambda match: _port_rank(match, connection.port),
        lambda match: _range_rank(match.prefix_ranges, connection.address, deviations),
        lambda match: _server_name_rank(match.server_names, sni, deviations),
        lambda match: _equal_rank(match.transport_protocol, connection.transport or "raw_buffer"),
        lambda match: _protocol_rank(match.application_protocols, offered),
        lambda match: _range_rank(match.direct_source_prefix_ranges, client, deviations),
        lambda match: _source_type_rank(match, connection.address, client),
        lambda match: _range_rank(match.source_prefix_ranges, client, deviations),
        lambda match: _source_port_rank(match.source_ports, call.source_port),
    )


def _most_specific(chains: Sequence[v3.FilterChain], step: Step) -> list[v3.FilterChain]:
    ranked = [(rank, chain) for chain in chains if (rank := step(chain.filter_chain_match)) is not None]
    highest = max((rank for rank, _ in ranked), default=None)
    return [chain for rank, chain in ranked if rank == highest]


def _port_rank(match: v3.FilterChainMatch, port: int) -> Rank:
    if not match.HasField("destination_port"):
        return 0
    return 1 if match.destination_port.value == port else None


def _range_rank(ranges: Iterable[v3.CidrRange], address: IpAddress | None, deviations: Deviations) -> Rank:
    """The length of the longest range that holds the address. No range at all is the range of all addresses.

    If one chain has a range of length 0 and another none, Envoy takes either, by the order of a hash table.
    """
    ranges = tuple(ranges)
    if not ranges:
        return 0
    networks = (_network(one) for one in ranges)
    lengths = [net.prefixlen for net in networks if address is not None and address in net]
    if deviations.prefix_zero_matches_nothing:
        lengths = [length for length in lengths if length]
    return max(lengths, default=None)


def _network(cidr: v3.CidrRange) -> IPv4Network | IPv6Network:
    """Bits behind the length are ignored."""
    return ip_network(f"{cidr.address_prefix}/{cidr.prefix_len.value}", strict=False)


def _server_name_rank(names: Iterable[str], sni: str, deviations: Deviations) -> Rank:
    """Exact, else the longest `*.` wildcard; a wildcard stands for one label or more."""
    names = tuple(names)
    if not names:
        return 0
    if sni and sni in names:
        return _EXACT
    suffixes = [name for name in names if name.startswith("*.") and sni.endswith(name[1:]) and len(sni) > len(name) - 1]
    if deviations.sni_without_inspection and "*" in names:
        suffixes.append("*")
    return max((len(name) for name in suffixes), default=None)


def _equal_rank(wanted: str, value: str) -> Rank:
    if not wanted:
        return 0
    return 1 if wanted == value else None


def _protocol_rank(wanted: Iterable[str], offered: tuple[str, ...]) -> Rank:
    """The client's order decides: its first protocol that any chain names."""
    wanted = tuple(wanted)
    if not wanted:
        return 0
    return max((len(offered) - at for at, protocol in enumerate(offered) if protocol in wanted), default=None)


def _source_type_rank(match: v3.FilterChainMatch, local: IpAddress, client: IpAddress | None) -> Rank:
    if match.source_type == v3.FilterChainMatch.ANY:
        return 0
    is_local = client is not None and (client.is_loopback or client == local)
    return 1 if is_local == (match.source_type == v3.FilterChainMatch.SAME_IP_OR_LOOPBACK) else None


def _source_port_rank(ports: Iterable[int], port: int) -> Rank:
    ports = tuple(ports)
    if not ports:
        return 0
    return 1 if port in ports else None
