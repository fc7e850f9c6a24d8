"""Filter chain matching as Envoy's own code has it: maps in maps, one per property, as an oracle for the sieve.

`source/common/listener_manager/filter_chain_manager_impl.cc`: `addFilterChains` fills the maps, `findFilterChain` goes
down.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from meshgate.explain import Call, Failure
from meshgate.explain.simulate.connection import Connection, IpAddress
from meshgate.proto import v3

Network = IPv4Network | IPv6Network
Key = tuple[int, Network, str, str, str, Network, int, Network, int]

_EVERYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))


def choose_by_nested_maps(listener: v3.Listener, connection: Connection, call: Call) -> str | Failure:
    """The chosen chain's name; chains with a common key are the caller's to leave out."""
    keys = {key: chain.name for chain in listener.filter_chains for key in _keys(chain.filter_chain_match)}
    level: list[Key] = list(keys)
    client = ip_address(call.source_address)
    wanted: list[list[object]] = [
        [connection.port, 0],
        _ranges({key[1] for key in level}, connection.address),
        [connection.sni, *_wildcards(connection.sni), ""],
        [connection.transport or "raw_buffer", ""],
        [*connection.alpn, ""],
        _ranges({key[5] for key in level}, client),
        [1 if client.is_loopback or client == connection.address else 2, 0],
        _ranges({key[7] for key in level}, client),
        [call.source_port, 0],
    ]
    for at, values in enumerate(wanted):
        present = {key[at] for key in level}
        first = next((value for value in values if value in present), None)
        level = [key for key in level if key[at] == first]
    return keys[level[0]] if level else Failure.NO_FILTER_CHAIN


def _keys(match: v3.FilterChainMatch) -> Iterator[Key]:
    for network in _networks(match.prefix_ranges):
        for name in match.server_names or [""]:
            for protocol in match.application_protocols or [""]:
                for direct in _networks(match.direct_source_prefix_ranges):
                    for source in _networks(match.source_prefix_ranges):
                        for port in match.source_ports or [0]:
                            yield (
                                match.destination_port.value,
                                network,
                                name.removeprefix("*"),
                                match.transport_protocol,
                                protocol,
                                direct,
                                match.source_type,
                                source,
                                port,
                            )


def _networks(ranges: Iterable[v3.CidrRange]) -> tuple[Network, ...]:
    given = tuple(ip_network(f"{one.address_prefix}/{one.prefix_len.value}", strict=False) for one in ranges)
    return given or _EVERYWHERE


def _ranges(networks: set[Network], address: IpAddress) -> list[object]:
    return [net for net in sorted(networks, key=lambda net: -net.prefixlen) if address in net]


def _wildcards(name: str) -> list[str]:
    labels = name.split(".")
    return ["." + ".".join(labels[at:]) for at in range(1, len(labels))]


def has_common_keys(listener: v3.Listener) -> bool:
    """Whether two chains would stand at the same place: Envoy refuses such a listener."""
    keys = [key for chain in listener.filter_chains for key in set(_keys(chain.filter_chain_match))]
    return len(keys) > len(set(keys))
