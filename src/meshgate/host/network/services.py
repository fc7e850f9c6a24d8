"""Services' virtual addresses for clients without a sidecar and for the host: translated in the router, by nftables.

    PREROUTING   nat      ip daddr . l4proto . th dport vmap @services      one chain for each port with endpoints
      svc-…               dnat to numgen random mod N map { 0: address . port, … }, or to jhash ip saddr mod N map …
    REFUSE       filter   ip daddr @addresses  reject                       what no chain has translated
    POSTROUTING  nat      ip saddr . ip daddr @hairpins  snat to router     a pod reaches itself through its Service

Connection tracking keeps a connection at its endpoint and turns the replies back, which pass the router too. A change
is the difference to what is there, in one batch: no connection ever meets half of it. `ServiceRules` holds what is
there. After a restart it isn't known: a second table takes over, and then the first one is deleted (with one batch
for both, a packet could pass the new table before the change and the old one after it).
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import Final, NamedTuple

from msgspec import Struct

from meshgate.aio import Latest
from meshgate.host.network.conntrack import Conntrack
from meshgate.host.network.expressions import (
    Protocol,
    endpoint_of_client,
    endpoint_value,
    from_to_pair_in,
    jump_data,
    random_endpoint,
    reject_as_unreachable,
    reject_with_reset,
    service_key,
    service_verdict,
    source_becomes,
    to_address_in,
    translate_to,
    with_protocol,
)
from meshgate.host.network.nftables import (
    DESTINATION_NAT,
    INET_PROTOCOL,
    IPV4_ADDRESS,
    NUMBER,
    PORT,
    SOURCE_NAT,
    Batch,
    Element,
    Hook,
    NftablesSocket,
    SetType,
    value_data,
)
from meshgate.host.network.router import Router

TABLES: Final = ("meshgate-services-a", "meshgate-services-b")
"""One of them; both for the moment in which one takes over from the other."""

_AFTER_TRANSLATION = DESTINATION_NAT + 10
_SERVICES = SetType((IPV4_ADDRESS, INET_PROTOCOL, PORT), "verdict")
_ADDRESSES = SetType((IPV4_ADDRESS,))
_PAIRS = SetType((IPV4_ADDRESS, IPV4_ADDRESS))
_ENDPOINTS = SetType((NUMBER,), (IPV4_ADDRESS, PORT))


class Endpoint(NamedTuple):
    """Where a connection goes in the end."""

    address: str
    port: int


class ServicePort(Struct, frozen=True, kw_only=True):
    """One port of a Service at its virtual addresses."""

    service: str
    """`namespace/name`: with protocol and port the name of its chain."""
    addresses: tuple[str, ...]
    """Cluster addresses and those of the LoadBalancer. Here and in endpoints only those of IPv4 have effect."""
    protocol: Protocol = "tcp"
    port: int
    endpoints: tuple[Endpoint, ...] = ()
    """The ready ones; without any, connections are refused."""
    by_client: bool = False
    """`sessionAffinity: ClientIP`: a client's connections go to one endpoint, as long as the endpoints are these."""


ServiceTable = tuple[ServicePort, ...]
"""All ports of all Services that have virtual addresses."""


class _Chain(NamedTuple):
    """What a chain does."""

    endpoints: tuple[Endpoint, ...]
    by_client: bool


class _Rules(NamedTuple):
    """What the table holds: a value, so that two of them can be compared."""

    chains: Mapping[str, _Chain]
    services: Mapping[bytes, str]
    addresses: frozenset[bytes]
    hairpins: frozenset[bytes]


_NOTHING = _Rules({}, {}, frozenset(), frozenset())


class ServiceRules:
    """Keeps the router's table equal to the newest `ServiceTable`."""

    def __init__(self, router: Router, router_address: IPv4Address) -> None:
        self._router_address = router_address
        self._nftables = router.namespace.run(NftablesSocket)
        self._conntrack = router.namespace.run(Conntrack)
        self._present: _Rules | None = None
        self._name = TABLES[0]
        self._table: ServiceTable = ()

    async def run(self, tables: Latest[ServiceTable], *, ready: asyncio.Event) -> None:
        """Apply each table as it comes; until cancelled."""
        try:
            async for table in tables:
                await asyncio.to_thread(self.apply, table)
                ready.set()
        finally:
            self.close()

    def apply(self, table: ServiceTable) -> None:
        """Make the rules those of the table, or raise a `NetlinkFault` and change nothing. Blocks for milliseconds."""
        wanted = _rules(table)
        if self._present is None:
            self._take_over(wanted)
        elif batch := change_batch(self._name, self._present, wanted):
            self._nftables.commit("services", batch)
        self._present = wanted
        before, self._table = self._table, table
        self._forget_udp(before, table)

    def _take_over(self, wanted: _Rules) -> None:
        """A table beside the one of a control plane before us, which serves until ours does."""
        there = [name for name in TABLES if name in self._nftables.tables()]
        if len(there) == len(TABLES):  # killed at this very point: either will do for the moment
            self._delete(there.pop())
        self._name = next(name for name in TABLES if name not in there)
        self._nftables.commit("services", whole_batch(self._name, wanted, self._router_address))
        for name in there:
            self._delete(name)

    def _delete(self, name: str) -> None:
        batch = Batch()
        batch.delete_table(name)
        self._nftables.commit("services", batch)

    def close(self) -> None:
        self._nftables.close()
        self._conntrack.close()

    def _forget_udp(self, before: ServiceTable, now: ServiceTable) -> None:
        """A UDP client that goes on sending would be kept at an endpoint that is gone."""
        gone = _udp_paths(before) - _udp_paths(now)
        if gone:
            self._conntrack.forget_udp(gone)


def _udp_paths(table: ServiceTable) -> frozenset[tuple[IPv4Address, int, IPv4Address]]:
    return frozenset(
        (virtual, port.port, endpoint)
        for port in table
        if port.protocol == "udp"
        for virtual in map(_ipv4, port.addresses)
        for endpoint in (_ipv4(each.address) for each in port.endpoints)
        if virtual and endpoint
    )


def whole_batch(table: str, rules: _Rules, router: IPv4Address) -> Batch:
    """A new table."""
    batch = Batch()
    batch.add_table(table)
    batch.add_set(table, "services", _SERVICES)
    batch.add_set(table, "addresses", _ADDRESSES)
    batch.add_set(table, "hairpins", _PAIRS)
    batch.add_chain(table, "PREROUTING", Hook("nat", "prerouting", DESTINATION_NAT))
    batch.add_rule(table, "PREROUTING", service_verdict("services"))
    batch.add_chain(table, "REFUSE", Hook("filter", "prerouting", _AFTER_TRANSLATION))
    batch.add_rule(table, "REFUSE", with_protocol("tcp") + to_address_in("addresses") + reject_with_reset())
    batch.add_rule(table, "REFUSE", with_protocol("udp") + to_address_in("addresses") + reject_as_unreachable())
    batch.add_chain(table, "POSTROUTING", Hook("nat", "postrouting", SOURCE_NAT))
    batch.add_rule(table, "POSTROUTING", from_to_pair_in("hairpins") + source_becomes(router))
    _add_change(batch, table, _NOTHING, rules)
    return batch


def change_batch(table: str, old: _Rules, new: _Rules) -> Batch:
    """What turns one into the other; empty if they are equal."""
    batch = Batch()
    _add_change(batch, table, old, new)
    return batch


def _add_change(batch: Batch, table: str, old: _Rules, new: _Rules) -> None:
    """Chains come before the elements that name them and go after those."""
    for chain, content in sorted(new.chains.items()):
        known = old.chains.get(chain)
        if known == content:
            continue
        if known is None:
            batch.add_chain(table, chain)
        else:
            batch.flush_chain(table, chain)
        _add_endpoints(batch, table, chain, content)
    changed = {key for key, chain in old.services.items() if new.services.get(key) != chain}
    batch.delete_elements(table, "services", sorted(changed))
    added = sorted(item for item in new.services.items() if old.services.get(item[0]) != item[1])
    batch.add_elements(table, "services", [Element(key, jump_data(chain)) for key, chain in added])
    for name, before, now in (("addresses", old.addresses, new.addresses), ("hairpins", old.hairpins, new.hairpins)):
        batch.delete_elements(table, name, sorted(before - now))
        batch.add_elements(table, name, [Element(key) for key in sorted(now - before)])
    for chain in sorted(old.chains.keys() - new.chains.keys()):
        batch.delete_chain(table, chain)


def _add_endpoints(batch: Batch, table: str, chain: str, content: _Chain) -> None:
    endpoints = content.endpoints
    numbered = [
        Element(number.to_bytes(4, sys.byteorder), value_data(endpoint_value(IPv4Address(address), port)))
        for number, (address, port) in enumerate(endpoints)
    ]
    name, set_id = batch.add_anonymous_set(table, _ENDPOINTS, numbered)
    chosen = endpoint_of_client if content.by_client else random_endpoint
    batch.add_rule(table, chain, chosen(len(endpoints), name, set_id))
    # A packet that met the rules just before a change may look into their map just after it, when its elements are void
    # already, and would be refused: the rule that follows needs no map.
    batch.add_rule(table, chain, translate_to(IPv4Address(endpoints[0].address), endpoints[0].port))


def _rules(table: ServiceTable) -> _Rules:
    chains: dict[str, _Chain] = {}
    services: dict[bytes, str] = {}
    addresses: set[bytes] = set()
    hairpins: set[bytes] = set()
    for port in table:
        virtual = [address for text in port.addresses if (address := _ipv4(text))]
        addresses.update(address.packed for address in virtual)
        endpoints = tuple(sorted({endpoint for endpoint in port.endpoints if _ipv4(endpoint.address)}))
        if not endpoints:
            continue
        chain = f"svc-{port.service}/{port.protocol}/{port.port}"
        chains[chain] = _Chain(endpoints, port.by_client)
        services.update((service_key(address, port.protocol, port.port), chain) for address in virtual)
        hairpins.update(IPv4Address(endpoint.address).packed * 2 for endpoint in endpoints)
    return _Rules(chains, services, frozenset(addresses), frozenset(hairpins))


def _ipv4(text: str) -> IPv4Address | None:
    """None for IPv6 and for names, which users may write in Endpoints: no packet of the mesh has such an address."""
    try:
        return IPv4Address(text)
    except ValueError:
        return None
