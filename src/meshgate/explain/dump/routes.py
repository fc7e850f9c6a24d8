"""The route configurations of a dump: `istioctl proxy-config route`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Raw, Struct

from meshgate.explain.dump.names import Metadata
from meshgate.explain.dump.sections import Dump, resource_camel
from meshgate.explain.dump.table import Row, Table
from meshgate.proto.messages import Json

COLUMNS = ("Name", "VHost Name", "Domains", "Match", "Virtual Service")
BRIEF_COLUMNS = ("Name", "Virtual Hosts")
PASSTHROUGH = "PassthroughCluster"
SHOWN_DOMAINS = 2


class Regex(Struct, frozen=True):
    regex: str = ""


class Match(Struct, frozen=True):
    """`route.v3.RouteMatch`: the path; the rest is in the JSON."""

    prefix: str = ""
    path: str = ""
    path_separated_prefix: str = ""
    safe_regex: Regex = Regex()

    @property
    def text(self) -> str:
        shown = (
            f"{self.prefix}*" if self.prefix else "",
            self.path,
            f"{self.path_separated_prefix}/*" if self.path_separated_prefix else "",
            f"regex {self.safe_regex.regex}" if self.safe_regex.regex else "",
        )
        return " ".join(part for part in shown if part)


class Action(Struct, frozen=True):
    cluster: str = ""


class Route(Struct, frozen=True):
    match: Match = Match()
    route: Action | None = None
    metadata: Metadata = Metadata()


class VirtualHost(Struct, frozen=True):
    name: str = ""
    domains: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()


class RouteConfiguration(Struct, frozen=True):
    """`route.v3.RouteConfiguration`, as far as it is shown."""

    name: str = ""
    virtual_hosts: tuple[VirtualHost, ...] = ()

    @property
    def order(self) -> tuple[bool, int, str]:
        """Ports by number, then the others by name."""
        is_port = self.name.isdecimal()
        return not is_port, int(self.name) if is_port else 0, self.name


class RouteFilter(Struct, frozen=True, kw_only=True):
    name: str = ""
    """The whole name; empty selects all."""


ALL = RouteFilter()


def route_table(dump: Dump, wanted: RouteFilter = ALL, *, verbose: bool = True, kinds: bool = False) -> Table:
    """A line for each route, or for each configuration if it is not `verbose`.

    Routes keep Envoy's order, for it decides.
    """
    found = [configuration for configuration, _ in _configurations(dump, wanted)]
    prefix = "route/" if kinds else ""
    if not verbose:
        brief = tuple((f"{prefix}{each.name}", str(len(each.virtual_hosts))) for each in found)
        return Table(columns=BRIEF_COLUMNS, rows=brief)
    rows = tuple((f"{prefix}{each.name}", *row) for each in found for row in _rows(each))
    return Table(columns=COLUMNS, rows=rows)


def route_json(dump: Dump, wanted: RouteFilter = ALL) -> list[Json]:
    return [resource_camel(raw) for _, raw in _configurations(dump, wanted)]


def _configurations(dump: Dump, wanted: RouteFilter) -> Iterator[tuple[RouteConfiguration, Raw]]:
    raws = dump.bodies("RoutesConfigDump", "dynamic_route_configs", "static_route_configs")
    read = ((dump.read(raw, RouteConfiguration), raw) for raw in raws)
    found = [(each, raw) for each, raw in read if wanted.name in ("", each.name)]
    yield from sorted(found, key=lambda pair: (pair[0].order, bytes(pair[1])))


def _rows(configuration: RouteConfiguration) -> Iterator[Row]:
    for host in configuration.virtual_hosts:
        domains = domains_text(host.domains)
        if not host.routes:
            yield host.name, domains, "/*", "404"
        for route in host.routes:
            if route.route is None or route.route.cluster != PASSTHROUGH:
                yield host.name, domains, route.match.text, route.metadata.managed_by


def domains_text(domains: Sequence[str]) -> str:
    """The first two domains that say something new: neither with a port nor a longer form of one that is there.

    >>> domains_text(["web.shop.svc.cluster.local", "web", "web.shop.svc", "web.shop", "10.96.0.7"])
    'web, web.shop + 1 more...'
    """
    if len(domains) < 2:
        return "".join(domains)
    without_port = [domain for domain in domains if not _has_port(domain)]
    known = set(without_port)
    shown = [domain for domain in without_port if not _is_longer_form(domain, known)]
    more = len(shown) - SHOWN_DOMAINS
    text = ", ".join(shown[:SHOWN_DOMAINS])
    return f"{text} + {more} more..." if more > 0 else text


def _has_port(domain: str) -> bool:
    """An IPv6 address in brackets has colons and no port."""
    return ":" in domain and not domain.endswith("]")


def _is_longer_form(domain: str, known: set[str]) -> bool:
    suffixes = (".svc.cluster.local", ".svc")
    return any(domain.endswith(suffix) and domain.removesuffix(suffix) in known for suffix in suffixes)
