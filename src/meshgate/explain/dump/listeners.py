"""The listeners of a dump: `istioctl proxy-config listener`."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Raw, Struct

from meshgate.explain.dump.routes import Match, RouteConfiguration, VirtualHost
from meshgate.explain.dump.sections import Dump, resource_camel
from meshgate.explain.dump.table import Row, Table
from meshgate.proto.messages import Json

COLUMNS = ("Addresses", "Port", "Match", "Destination")
BRIEF_COLUMNS = ("Addresses", "Port", "Type")
HTTP = ".HttpConnectionManager"
TCP = ".TcpProxy"
BLACK_HOLE = "BlackHoleCluster"
NEITHER = "Non-HTTP/Non-TCP"
PROTOCOLS = {
    ("http/1.0", "http/1.1", "h2c"): "HTTP",
    ("istio", "istio-http/1.0", "istio-http/1.1", "istio-h2"): "Istio HTTP Plain",
    ("http/1.0", "http/1.1", "h2c", "istio-http/1.0", "istio-http/1.1", "istio-h2"): "HTTP TLS",
    ("istio-peer-exchange", "istio"): "TCP TLS",
}
"""Lists of application protocols that istioctl has a word for."""


class SocketAddress(Struct, frozen=True):
    address: str = ""
    port_value: int = 0


class Pipe(Struct, frozen=True):
    path: str = ""


class Address(Struct, frozen=True):
    socket_address: SocketAddress = SocketAddress()
    pipe: Pipe = Pipe()

    @property
    def host(self) -> str:
        return self.socket_address.address or self.pipe.path


class _AdditionalAddress(Struct, frozen=True):
    address: Address = Address()


class _PrefixRange(Struct, frozen=True):
    address_prefix: str = ""
    prefix_len: int = 0


class ChainMatch(Struct, frozen=True):
    """`listener.v3.FilterChainMatch`, as far as istioctl shows it."""

    server_names: tuple[str, ...] = ()
    transport_protocol: str = ""
    application_protocols: tuple[str, ...] = ()
    destination_port: int | None = None
    prefix_ranges: tuple[_PrefixRange, ...] = ()

    @property
    def text(self) -> str:
        """`ALL` where nothing is asked."""
        protocols = PROTOCOLS.get(self.application_protocols) or ",".join(self.application_protocols)
        port = "" if self.destination_port is None else f":{self.destination_port}"
        ranges = ",".join(f"{each.address_prefix}/{each.prefix_len}" for each in self.prefix_ranges)
        shown = (
            f"SNI: {','.join(self.server_names)}" if self.server_names else "",
            f"Trans: {self.transport_protocol}" if self.transport_protocol else "",
            f"App: {protocols}" if protocols else "",
            f"Addr: {ranges or '*'}{port}" if ranges or port else "",
        )
        return "; ".join(part for part in shown if part) or "ALL"


class _Rds(Struct, frozen=True):
    route_config_name: str = ""


class _Weighted(Struct, frozen=True):
    name: str = ""
    weight: int = 0


class _WeightedClusters(Struct, frozen=True):
    clusters: tuple[_Weighted, ...] = ()


class FilterConfig(Struct, frozen=True):
    """A filter's configuration; `type` says which of the fields mean something."""

    type: str = msgspec.field(name="@type", default="")
    rds: _Rds | None = None
    route_config: RouteConfiguration | None = None
    cluster: str = ""
    weighted_clusters: _WeightedClusters = _WeightedClusters()

    @property
    def is_http(self) -> bool:
        return self.type.endswith(HTTP)

    @property
    def is_tcp(self) -> bool:
        return self.type.endswith(TCP) and self.cluster != BLACK_HOLE

    @property
    def destination(self) -> str:
        """Empty for a filter that decides nothing."""
        if self.is_http:
            if self.route_config is not None:
                return inline_text(self.route_config)
            return f"Route: {self.rds.route_config_name}" if self.rds else "HTTP"
        if self.is_tcp:
            shares = ", ".join(f"{each.name} ({each.weight})" for each in self.weighted_clusters.clusters)
            return f"Clusters: {shares}" if shares else cluster_text(self.cluster)
        return ""


class _Filter(Struct, frozen=True):
    typed_config: FilterConfig = FilterConfig()


class Chain(Struct, frozen=True):
    filter_chain_match: ChainMatch = ChainMatch()
    filters: tuple[_Filter, ...] = ()

    @property
    def destination(self) -> str:
        told = (each.typed_config.destination for each in self.filters)
        return next((text for text in told if text), NEITHER)


class Listener(Struct, frozen=True):
    """`listener.v3.Listener`, as far as it is shown."""

    name: str = ""
    address: Address = Address()
    additional_addresses: tuple[_AdditionalAddress, ...] = ()
    filter_chains: tuple[Chain, ...] = ()
    default_filter_chain: Chain | None = None

    @property
    def chains(self) -> tuple[Chain, ...]:
        return (*self.filter_chains, *([self.default_filter_chain] if self.default_filter_chain else []))

    @property
    def hosts(self) -> tuple[str, ...]:
        return (self.address.host, *(each.address.host for each in self.additional_addresses))

    @property
    def port(self) -> int:
        return self.address.socket_address.port_value

    @property
    def type(self) -> str:
        filters = [each.typed_config for chain in self.chains for each in chain.filters]
        words = [
            word
            for word, there in (("HTTP", any(f.is_http for f in filters)), ("TCP", any(f.is_tcp for f in filters)))
            if there
        ]
        return "+".join(words) or "UNKNOWN"


class ListenerFilter(Struct, frozen=True, kw_only=True):
    """What is empty selects all; letters' case does not matter."""

    address: str = ""
    port: int = 0
    type: str = ""

    def admits(self, listener: Listener) -> bool:
        hosts = {host.lower() for host in listener.hosts}
        return (
            (not self.address or self.address.lower() in hosts)
            and self.port in (0, listener.port)
            and self.type.lower() in ("", listener.type.lower())
        )


ALL = ListenerFilter()


def listener_table(dump: Dump, wanted: ListenerFilter = ALL, *, verbose: bool = True, kinds: bool = False) -> Table:
    """A line for each filter chain, or for each listener if it is not `verbose`; by port, address and type."""
    columns = COLUMNS if verbose else BRIEF_COLUMNS
    rows = [row for listener, _ in _listeners(dump, wanted) for row in _rows(listener, verbose=verbose, kinds=kinds)]
    return Table(columns=("Name", *columns) if kinds else columns, rows=tuple(rows))


def listener_json(dump: Dump, wanted: ListenerFilter = ALL) -> list[Json]:
    return [resource_camel(raw) for _, raw in _listeners(dump, wanted)]


def _listeners(dump: Dump, wanted: ListenerFilter) -> Iterator[tuple[Listener, Raw]]:
    raws = dump.bodies("ListenersConfigDump", "dynamic_listeners", "static_listeners")
    read = ((dump.read(raw, Listener), raw) for raw in raws)
    found = [(listener, raw) for listener, raw in read if wanted.admits(listener)]
    yield from sorted(found, key=lambda pair: (pair[0].port, pair[0].hosts, pair[0].type, pair[0].name))


def _rows(listener: Listener, *, verbose: bool, kinds: bool) -> Iterator[Row]:
    head = (f"listener/{listener.name}",) if kinds else ()
    head = (*head, ",".join(listener.hosts), str(listener.port))
    if not verbose:
        yield (*head, listener.type)
        return
    # stable, so chains with the same destination stay in Envoy's order
    for chain in sorted(listener.chains, key=lambda chain: chain.destination, reverse=True):
        yield (*head, chain.filter_chain_match.text, chain.destination)


def cluster_text(cluster: str) -> str:
    """Istio's own clusters have `Cluster` in their names and stand for themselves."""
    return cluster if "Cluster" in cluster else f"Cluster: {cluster}"


def inline_text(configuration: RouteConfiguration) -> str:
    """Routes that are written in the listener; where all goes to one cluster, that cluster."""
    match configuration.virtual_hosts:
        case [VirtualHost(domains=("*",), routes=(only,))] if only.match == Match(prefix="/") and only.route:
            if only.route.cluster:
                return cluster_text(only.route.cluster)
    return f"Inline Route: {'; '.join(map(_host_text, configuration.virtual_hosts))}"


def _host_text(host: VirtualHost) -> str:
    routes = ", ".join(route.match.text for route in host.routes)
    return routes if host.domains == ("*",) else f"{'/'.join(host.domains)} {routes}"
