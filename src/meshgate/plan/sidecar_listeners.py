"""A sidecar's outbound listeners: `0.0.0.0_<port>` for what services share, `<address>_<port>` for what is one's own.

Services are gone through in Istio's order; a chain whose match is already taken on a listener is left out. What no
chain takes is let through or refused as the mesh says. A Sidecar may have listeners of its own for some services.
(istio:pilot/pkg/networking/core/listener.go)
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct

from meshgate.api import Origin, Problem, codes
from meshgate.mesh import (
    EgressView,
    HeadlessAddresses,
    Memo,
    MeshService,
    Port,
    Protocol,
    Resolving,
    Scope,
    View,
    is_address,
    warning,
)
from meshgate.plan import names
from meshgate.plan.access_logs import listener_access_logs
from meshgate.plan.client import Client
from meshgate.plan.dynamic_dns import http_caches
from meshgate.plan.endpoints import UNIX
from meshgate.plan.inspectors import inspectors
from meshgate.plan.outbound_chains import OutboundChains, Place
from meshgate.plan.outbound_settings import OutboundSettings
from meshgate.plan.sidecar_routes import NeededRoutes
from meshgate.plan.tcp_filters import catch_all_proxy
from meshgate.plan.values import (
    Address,
    CidrRange,
    FilterChainMatch,
    FilterChainPlan,
    ListenerPlan,
    PipeAddress,
    SocketAddress,
)


def without_host_bits(match: FilterChainMatch | None) -> FilterChainMatch | None:
    """The match as Envoy compares it: of a range only the network counts."""
    if match is None or not match.prefix_ranges:
        return match
    networks = (
        ipaddress.ip_network(f"{given.address}/{given.prefix_length}", strict=False) for given in match.prefix_ranges
    )
    ranges = (CidrRange(address=str(one.network_address), prefix_length=one.prefixlen) for one in networks)
    return msgspec.structs.replace(match, prefix_ranges=tuple(ranges))


class Entry:
    """A listener in the making."""

    def __init__(self, address: str, port: int, *, is_bound: bool) -> None:
        self.address = address
        self.port = port
        self.is_bound = is_bound
        self.chains: dict[FilterChainMatch | None, FilterChainPlan] = {}
        self._names: dict[tuple[FilterChainMatch | None, str], FilterChainPlan] = {}
        """Whose an SNI is, by all that a match says besides."""
        self.sniffed: dict[str, MeshService] = {}
        """Services that have route configurations of their own here."""
        self.shares_routes = False
        """Whether it uses the route configuration of the port."""

    def add(self, chain: FilterChainPlan) -> FilterChainPlan | None:
        """Add a chain; gives one that already has its match, or some of its SNIs, if it is another.

        Envoy refuses a listener that has an SNI in two chains, whatever other names they have: the first keeps it.
        """
        match = chain.match
        if match is None or not match.server_names:
            existing = self.chains.setdefault(without_host_bits(match), chain)
            return None if existing is chain or existing == chain else existing
        besides = without_host_bits(msgspec.structs.replace(match, server_names=()))
        owners = {name: self._names.setdefault((besides, name), chain) for name in match.server_names}
        free = tuple(name for name, owner in owners.items() if owner is chain)
        if free:
            left = match if free == match.server_names else msgspec.structs.replace(match, server_names=free)
            self.chains[without_host_bits(left)] = msgspec.structs.replace(chain, match=left)
        return next((owner for owner in owners.values() if owner is not chain and owner != chain), None)


class OutboundListeners:
    """Lays out the listeners of one client, for one egress listener after the other: what the ones before have laid out
    is theirs alone."""

    def __init__(
        self,
        view: View,
        client: Client,
        settings: OutboundSettings,
        headless: Iterable[HeadlessAddresses],
        memo: Memo,
    ) -> None:
        self._views = view.listeners
        self._whole = memo.get(Scope, view)
        self._client = client
        self._settings = settings
        self._memo = memo
        self._headless = {(one.hostname, one.namespace, one.port): one.addresses for one in headless}
        self._wildcard = names.WILDCARD if client.has_ipv4 else names.WILDCARD_V6
        self._loopback = names.LOOPBACK if client.has_ipv4 else names.LOOPBACK_V6
        self.entries: dict[tuple[str, int], Entry] = {}
        self.problems: list[Problem] = []
        self._begin(self._views[0])

    def _begin(self, seen: EgressView) -> None:
        """Begin with an egress listener."""
        self._at = seen.place
        self._scope = self._memo.get(Scope, seen.view)
        self._chains = OutboundChains(self._scope, self._whole, self._client, self._settings, self._memo)
        self._locked = frozenset(self.entries) if seen.place.port is None else frozenset()

    def lay_out(self) -> None:
        """Go through all services of all egress listeners."""
        for seen in self._views:
            self._begin(seen)
            for service in self._scope.services:
                if service.resolving is not Resolving.ALIAS:
                    self._add_service(service)

    def _add_service(self, service: MeshService) -> None:
        if self._at.port is not None:
            self._add_port(service, self._at.port, 0)
            return
        owner = self._scope.by_host[service.hostname]
        for place, port in enumerate(service.ports):
            if owner.port_numbered(port.number) is not None:
                self._add_port(service, port, place)

    def _add_port(self, service: MeshService, port: Port, place: int) -> None:
        if port.protocol is Protocol.UDP:
            return
        if port.protocol.is_http:
            self._add_http(port, self._bind or self._wildcard)
        else:
            self._add_tcp(service, port, place)

    @property
    def _bind(self) -> str:
        """The address that an egress listener has for all of its services; empty: they have their own."""
        if self._at.bind:
            return self._at.bind
        if self._at.is_bound:
            return self._loopback
        return self._wildcard if self._at.port is not None else ""

    def listeners(self) -> Iterator[ListenerPlan]:
        """The listeners that were laid out."""
        for entry in self.entries.values():
            yield self._listener(entry)

    def needed_routes(self) -> Iterator[NeededRoutes]:
        """The route configurations that the listeners ask for."""
        for entry in self.entries.values():
            if entry.shares_routes:
                yield NeededRoutes(port=entry.port, socket="" if entry.port else entry.address)
            for service in entry.sniffed.values():
                yield NeededRoutes(port=entry.port, service=service)

    def _entry(self, address: str, port: int) -> Entry | None:
        """The listener at an address; None if it is another egress listener's."""
        if (address, port) in self._locked:
            return None
        return self.entries.setdefault((address, port), Entry(address, port, is_bound=self._at.is_bound))

    def _add_http(self, port: Port, address: str) -> None:
        entry = self._entry(address, port.number)
        if entry is not None and not entry.shares_routes:
            entry.shares_routes = True
            routes = str(port.number) if port.number else address
            number = port.number if self._at.port is None else self._at.takes_port
            caches = http_caches(self._scope.by_host.values(), number)
            entry.add(self._chains.http(names.listener(address, port.number), routes, port.protocol, caches))

    def _add_tcp(self, service: MeshService, port: Port, place_in_service: int) -> None:
        for place in self._places(service, port):
            entry = self._entry(place.address, port.number)
            if entry is None:
                continue
            for chain in self._chains.tcp(service, port, place):
                existing = entry.add(chain)
                if existing is not None:
                    self._report(service, place_in_service, entry, existing, chain)
            if port.protocol.is_sniffed:
                self._add_sniffed(service, port, entry)

    def _add_sniffed(self, service: MeshService, port: Port, entry: Entry) -> None:
        if entry.address == self._wildcard or not port.number:
            self._add_http(port, entry.address)
            return
        name = names.virtual_host(service.hostname, port.number)
        listener = names.listener(entry.address, port.number)
        if entry.add(self._chains.http(listener, name, port.protocol)) is None:
            entry.sniffed[name] = service

    def _places(self, service: MeshService, port: Port) -> Iterator[Place]:
        """Where a port is listened on: as a Sidecar says, at the service's addresses, else at those of its pods, else
        everywhere."""
        if self._bind:
            yield Place(address=self._bind)
            return
        if not service.addresses and service.resolving is Resolving.PASSTHROUGH:
            addresses = self._headless.get((service.hostname, service.namespace, port.number), ())
            for address in addresses:
                if is_address(address) and address != self._client.own_address:
                    yield Place(address=address)
            # a plain ServiceEntry takes everything; a headless Service that has no pods yet takes nothing
            if addresses or service.registry == "Kubernetes" or service.selector:
                return
        if not service.addresses:
            yield Place(address=self._wildcard)
        for address in service.addresses:
            yield Place(address=address) if is_address(address) else Place(address=self._wildcard, cidr=address)

    def _report(
        self, service: MeshService, port: int, entry: Entry, existing: FilterChainPlan, chain: FilterChainPlan
    ) -> None:
        owner = existing.origin.ref if existing.origin else "another service"
        names_of_both = _shared_names(existing, chain)
        if names_of_both and chain.origin is not None and chain.origin.ref.kind == "VirtualService":
            text = f"{owner} comes first and has the connections to {names_of_both} on port {entry.port}"
            self.problems.append(
                warning(codes.UNREACHABLE_RULE, chain.origin, text, "name each SNI host in one rule of a port")
            )
            return
        text = f'{owner} already has the connections to "{entry.address}:{entry.port}", so this port gets none of them'
        origin = Origin(service.origin.ref, f"spec.ports[{port}]")
        self.problems.append(warning(codes.SHADOWED_LISTENER, origin, text, "give the service an address of its own"))

    def _listener(self, entry: Entry) -> ListenerPlan:
        is_dual = entry.address == names.WILDCARD and self._client.has_ipv6
        chains = tuple(entry.chains.values())
        where = Bound(address=entry.address, port=entry.port, is_dual=is_dual, is_bound=entry.is_bound)
        return self._memo.get(outbound_listener, where, chains, self._settings)


def _shared_names(one: FilterChainPlan, other: FilterChainPlan) -> str:
    """The SNIs that two chains have in common, for a text."""
    of_one = one.match.server_names if one.match else ()
    of_other = other.match.server_names if other.match else ()
    return ", ".join(f'"{name}"' for name in of_one if name in of_other)


class Bound(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Where a listener listens."""

    address: str
    port: int
    is_dual: bool
    is_bound: bool

    @property
    def address_plan(self) -> Address:
        if self.address.startswith(UNIX):
            return PipeAddress(path=self.address.removeprefix(UNIX))
        return SocketAddress(address=self.address, port=self.port)


def outbound_listener(where: Bound, chains: tuple[FilterChainPlan, ...], settings: OutboundSettings) -> ListenerPlan:
    """The listener of some chains; the one of them that takes everything is the default if there are others."""
    takes_all = next((chain for chain in chains if chain.match is None), None)
    default = None
    if takes_all is None:
        default = fall_through(settings)
    elif len(chains) > 1:
        chains = tuple(chain for chain in chains if chain is not takes_all)
        default = takes_all
    return ListenerPlan(
        name=names.listener(where.address, where.port),
        address=where.address_plan,
        additional_addresses=(SocketAddress(address=names.WILDCARD_V6, port=where.port),) if where.is_dual else (),
        filter_chains=chains,
        default_filter_chain=default,
        listener_filters=inspectors(chains),
        direction="OUTBOUND",
        bind_to_port=where.is_bound,
        listener_filters_timeout=settings.mesh.protocol_detection_timeout,
        continue_on_listener_filters_timeout=True,
        access_logs=listener_access_logs(settings.mesh),
        origin=next((chain.origin for chain in (*chains, default) if chain and chain.origin), None),
    )


def fall_through(settings: OutboundSettings) -> FilterChainPlan:
    """The chain of an outbound listener for all that its other chains do not take."""
    return FilterChainPlan(
        name=names.PASSTHROUGH_FILTER_CHAIN,
        match=FilterChainMatch(),
        filters=(catch_all_proxy(settings),),
    )
