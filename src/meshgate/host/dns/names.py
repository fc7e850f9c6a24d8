"""Which records a name has: the mesh's names as Kubernetes has them, ServiceEntry hosts as Istio's DNS proxy has them.

Pure: an `Index` is made from a `DnsTable` and answers questions.

    web.shop.svc.cluster.local                  A     cluster address; headless: its endpoints; ExternalName: CNAME
    web-0.web.shop.svc.cluster.local            A     an endpoint of a headless Service
    _http._tcp.web.shop.svc.cluster.local       SRV   a named port
    10-244-0-7.shop.pod.cluster.local           A     the address in the name
    10.0.96.10.in-addr.arpa                     PTR   the Service, or the endpoint of a headless one
    edition.cnn.com, x.wikipedia.org            A     ServiceEntry hosts, only for applications (`virtual`)

A name that exists without records of the type asked for has an empty answer (NODATA), a name of ours that doesn't
exist is NXDOMAIN and not asked upstream. Everything else is upstream's. Specification:
https://github.com/kubernetes/dns/blob/master/docs/specification.md; istio:pkg/dns/client/dns.go
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, ip_address
from itertools import takewhile
from typing import Final, Literal, NamedTuple

from meshgate.host.dns.table import DnsTable, HostName, ServiceName

RecordType = Literal["A", "AAAA", "CNAME", "PTR", "SRV", "TXT"]

SCHEMA_VERSION: Final = "1.1.0"
_LONGEST_CHAIN = 8
_REVERSE = ".in-addr.arpa"
_DASHED = re.compile(r"(\d{1,3})-(\d{1,3})-(\d{1,3})-(\d{1,3})")


class Record(NamedTuple):
    """One record. Names are lower case and without the final dot."""

    name: str
    type: RecordType
    value: str
    """As in a zone file."""


class Here(NamedTuple):
    """Answered from the table."""

    exists: bool
    """False: NXDOMAIN. True without records: NODATA."""
    records: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()
    """What the asker will want next: the addresses of SRV targets."""


class Upstream(NamedTuple):
    """Not ours: the question goes upstream as it is."""


class Chain(NamedTuple):
    """An alias whose target isn't ours: these records, and upstream's answer for the target."""

    records: tuple[Record, ...]
    target: str


Answer = Here | Upstream | Chain

_Node = dict[str, tuple[Record, ...]]
"""A name's records by type."""


class Index:
    """A table made ready for questions: each is answered in constant time."""

    def __init__(self, table: DnsTable) -> None:
        self.domain = table.cluster_domain.lower()
        self._networks = tuple(IPv4Network(network) for network in table.networks)
        self._nodes = _nodes(table, self.domain)
        self._hosts: dict[str, list[HostName]] = defaultdict(list)
        for host in table.hosts:
            self._hosts[host.name.lower().rstrip(".")].append(host)

    def answer(self, name: str, kind: str, *, namespace: str, virtual: bool) -> Answer:
        """The answer for a pod of that namespace. `virtual`: ServiceEntry hosts have addresses (not for Envoy)."""
        return self._answer(name.lower().rstrip("."), kind, namespace, virtual, _LONGEST_CHAIN)

    def is_ours(self, name: str) -> bool:
        """Whether the name is in the cluster's domain."""
        return name == self.domain or name.endswith("." + self.domain)

    def _answer(self, name: str, kind: str, namespace: str, virtual: bool, steps: int) -> Answer:
        node = self._nodes.get(name)
        if node is not None:
            alias = node.get("CNAME")
            if alias and kind != "CNAME":
                return self._follow(alias, kind, namespace, virtual, steps)
            return self._here(node, kind)
        host = self._host(name, namespace) if virtual else None
        if host is not None:
            return _host_answer(name, host, kind)
        if self.is_ours(name):
            return self._pod_address(name, kind)
        if name.endswith(_REVERSE) and self._is_own_address(name):
            return Here(exists=False)
        return Upstream()

    def _follow(self, alias: tuple[Record, ...], kind: str, namespace: str, virtual: bool, steps: int) -> Answer:
        target = alias[0].value.rstrip(".")
        if steps == 0:  # a circle of ExternalNames
            return Here(exists=True, records=alias)
        match self._answer(target, kind, namespace, virtual, steps - 1):
            case Here(exists, records, additional):
                return Here(exists, alias + records, additional)
            case Chain(records, further):
                return Chain(alias + records, further)
            case Upstream():
                return Chain(alias, target)

    def _here(self, node: _Node, kind: str) -> Here:
        records = tuple(one for some in node.values() for one in some) if kind == "ANY" else node.get(kind, ())
        if kind != "SRV":
            return Here(True, records)
        targets = dict.fromkeys(record.value.split()[-1].rstrip(".") for record in records)
        return Here(True, records, tuple(one for target in targets for one in self._nodes[target].get("A", ())))

    def _host(self, name: str, namespace: str) -> HostName | None:
        """The host of a ServiceEntry: the exact name first, then the wildcard with the most labels."""
        _, _, parent = name.partition(".")
        for candidate in (name, *(f"*.{suffix}" for suffix in _suffixes(parent))):
            visible = [host for host in self._hosts.get(candidate, ()) if {"*", namespace} & set(host.visible_in)]
            if visible:
                return min(visible, key=lambda host: (host.namespace != namespace, host.namespace))
        return None

    def _pod_address(self, name: str, kind: str) -> Here:
        """`10-244-0-7.shop.pod.cluster.local`: computed, not stored."""
        labels = name.removesuffix("." + self.domain).split(".")
        if len(labels) != 3 or labels[2] != "pod" or f"{labels[1]}.svc.{self.domain}" not in self._nodes:
            return Here(exists=False)
        match = _DASHED.fullmatch(labels[0])
        address = _address(".".join(match.groups())) if match else None
        if address is None:
            return Here(exists=False)
        return Here(True, (Record(name, "A", str(address)),) if kind in ("A", "ANY") else ())

    def _is_own_address(self, name: str) -> bool:
        address = _address(".".join(reversed(name.removesuffix(_REVERSE).split("."))))
        return address is not None and any(address in network for network in self._networks)


def _host_answer(name: str, host: HostName, kind: str) -> Answer:
    if kind not in ("A", "AAAA"):
        return Upstream()  # as Istio's: only addresses are virtual
    version = 4 if kind == "A" else 6
    addresses = filter(is_address, host.addresses)
    fitting = [address for address in addresses if ip_address(address).version == version]
    return Here(True, tuple(Record(name, "A" if version == 4 else "AAAA", address) for address in fitting))


def _nodes(table: DnsTable, domain: str) -> dict[str, _Node]:
    found: dict[str, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in _records(table, domain):
        found[record.name][record.type].append(record)
    for namespace in table.namespaces:
        found[f"{namespace.lower()}.svc.{domain}"]  # exists, without records
    nodes: dict[str, _Node] = {
        name: {kind: tuple(dict.fromkeys(some)) for kind, some in records.items()} for name, records in found.items()
    }
    # the names between a record and the domain exist too, else asking for one would deny all below it (RFC 8020)
    for name in (*nodes, f"svc.{domain}", f"pod.{domain}"):
        for between in _names_between(name, domain):
            nodes.setdefault(between, {})
    return nodes


def _names_between(name: str, domain: str) -> Iterator[str]:
    """The name and those above it down to the domain; none for a name of another domain."""
    if name.endswith("." + domain):
        yield from takewhile(lambda suffix: suffix.endswith(domain), _suffixes(name))


def _records(table: DnsTable, domain: str) -> Iterator[Record]:
    yield Record(f"dns-version.{domain}", "TXT", f'"{SCHEMA_VERSION}"')
    for service in table.services:
        name = f"{service.name}.{service.namespace}.svc.{domain}".lower()
        if service.external_name:
            yield Record(name, "CNAME", service.external_name.lower().rstrip(".") + ".")
        elif service.addresses:
            yield from _cluster_addresses(service, name)
        else:
            yield from _endpoints(service, name)


def _cluster_addresses(service: ServiceName, name: str) -> Iterator[Record]:
    for address in filter(is_address, service.addresses):
        yield from _address_records(name, address)
    yield from _ports(service, name, [name])


def _endpoints(service: ServiceName, name: str) -> Iterator[Record]:
    targets = []
    # an endpoint's address may be a name (`addressType: FQDN`), which has no record here
    endpoints = [endpoint for endpoint in service.endpoints if is_address(endpoint.address)]
    for endpoint in sorted(endpoints, key=lambda endpoint: endpoint.address):
        target = f"{endpoint.hostname or endpoint.address.replace('.', '-').replace(':', '-')}.{name}".lower()
        targets.append(target)
        yield Record(name, _type_of(endpoint.address), endpoint.address)
        yield from _address_records(target, endpoint.address)
    yield from _ports(service, name, targets)
    # a headless Service without endpoints has no records, as in Kubernetes: its name doesn't exist


def _ports(service: ServiceName, name: str, targets: list[str]) -> Iterator[Record]:
    weight = max(100 // max(len(targets), 1), 1)
    for port in service.ports:
        for target in targets:
            value = f"0 {weight} {port.port} {target}."
            yield Record(name, "SRV", value)
            if port.name:
                yield Record(f"_{port.name}._{port.protocol}.{name}".lower(), "SRV", value)


def _address_records(name: str, address: str) -> Iterable[Record]:
    return (Record(name, _type_of(address), address), Record(ip_address(address).reverse_pointer, "PTR", name + "."))


def _type_of(address: str) -> Literal["A", "AAAA"]:
    return "A" if ip_address(address).version == 4 else "AAAA"


def _suffixes(name: str) -> Iterator[str]:
    """The name and all that follows one of its dots."""
    while name:
        yield name
        _, _, name = name.partition(".")


def is_address(text: str) -> bool:
    """Whether it is an address of IPv4 or IPv6."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _address(text: str) -> IPv4Address | None:
    try:
        return IPv4Address(text)
    except ValueError:
        return None
