"""What the proxies of a namespace see: `exportTo` applied, host names made unique, rules found.

Two steps, because most namespaces see the same: a `View` is a value, equal for namespaces that see the same, so that it
is the key of what they share; a `Scope` is a view with its indexes. A Sidecar narrows the view of its proxies; without
one it is everything that is exported to the namespace.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import msgspec
from msgspec import Struct

from meshgate.api import Labels, LocalityLoadBalancerSetting
from meshgate.mesh.destination_rules import BoundDestinationRule, DestinationRuleIndex
from meshgate.mesh.host import MESH, HostIndex, is_wildcard, is_within
from meshgate.mesh.imports import imported_services, imported_virtual_services, preferred, services_sent_to
from meshgate.mesh.memo import Memo
from meshgate.mesh.service import MeshService
from meshgate.mesh.sidecars import CATCH_ALL, BoundSidecar, EgressListener, EgressPlace
from meshgate.mesh.snapshot import World
from meshgate.mesh.topology import Distribution
from meshgate.mesh.virtual_services import BoundVirtualService


class View(Struct, frozen=True, kw_only=True, cache_hash=True):
    """What a namespace sees."""

    services: tuple[MeshService, ...] = ()
    """In Istio's order; a host name may be there more than once."""
    virtual_services: tuple[BoundVirtualService, ...] = ()
    """In the order in which they count: those of the namespace itself that not all see, those that others export to
    it by name, those that all see."""
    rules: tuple[tuple[str, BoundDestinationRule], ...] = ()
    """By host, sorted: the DestinationRule that counts for it. Hosts are those of services, and those sent to."""
    egress: tuple[EgressView, ...] = ()
    """What the listeners of a Sidecar see, each for itself; none: one listener sees all of this."""

    @property
    def listeners(self) -> tuple[EgressView, ...]:
        """What each listener sees."""
        return self.egress or (EgressView(place=CATCH_ALL, view=self),)


class EgressView(Struct, frozen=True, kw_only=True, cache_hash=True):
    """What is seen at one egress listener."""

    place: EgressPlace
    view: View


HostOwners = tuple[tuple[str, str], ...]
"""Hosts, with the namespace of the service (empty for hosts that are none)."""

RulesByHost = tuple[tuple[str, BoundDestinationRule], ...]


def view_of(memo: Memo, world: World, namespace: str, labels: Labels) -> View:
    """What gateways of a namespace with these labels see."""
    services = memo.get(_visible_services, world.services, namespace)
    virtual_services = memo.get(_visible_virtual_services, world.virtual_services, namespace)
    rules = _rules(memo, world, (namespace, labels), services, virtual_services)
    return View(services=services, virtual_services=virtual_services, rules=rules)


def sidecar_view(memo: Memo, world: World, namespace: str, labels: Labels, sidecar: BoundSidecar | None) -> View:
    """What sidecars of a namespace with these labels see, which may have a Sidecar that says it."""
    services = memo.get(_visible_services, world.services, namespace)
    virtual_services = memo.get(_visible_virtual_services, world.virtual_services, namespace)
    if sidecar is None or not sidecar.egress:
        services = memo.get(preferred, services, namespace)
        rules = _rules(memo, world, (namespace, labels), services, virtual_services)
        return View(services=services, virtual_services=virtual_services, rules=rules)
    given = tuple(
        (
            listener,
            memo.get(imported_services, services, listener, namespace),
            memo.get(imported_virtual_services, virtual_services, listener, namespace),
        )
        for listener in sidecar.egress
    )
    known = memo.get(_by_host_and_namespace, services)
    all_services = memo.get(_collected, known, given, namespace, world.facts.config_domain)
    all_virtual_services = tuple(dict.fromkeys(one for _, _, found in given for one in found))
    rules = _rules(memo, world, (namespace, labels), all_services, all_virtual_services)
    egress = tuple(
        EgressView(place=one.place, view=View(services=seen, virtual_services=routed, rules=rules))
        for one, seen, routed in given
    )
    return View(services=all_services, virtual_services=all_virtual_services, rules=rules, egress=egress)


def _rules(
    memo: Memo,
    world: World,
    client: tuple[str, Labels],
    services: tuple[MeshService, ...],
    virtual_services: tuple[BoundVirtualService, ...],
) -> RulesByHost:
    """The DestinationRules for clients of a namespace with these labels."""
    namespace, labels = client
    hosts = memo.nest(_host_owners, services, virtual_services)
    common = memo.nest(_common_rules, hosts, world.destination_rules, world.mesh.root_namespace)
    index = memo.get(DestinationRuleIndex, world.destination_rules, world.mesh.root_namespace)
    special = _covered(index.special_hosts(namespace), hosts)
    if not special:
        return common
    rules = dict(common)
    for host, owner in special:
        rule = index.find(host, owner, namespace, labels)
        if rule is not None:
            rules[host] = rule
        else:
            rules.pop(host, None)
    return tuple(sorted(rules.items(), key=_host))


Seen = tuple[EgressListener, tuple[MeshService, ...], tuple[BoundVirtualService, ...]]
"""A listener, and what is seen at it."""


class _ByHostAndNamespace:
    """Services by host and namespace; itself a key of memos, as the one object that is made for some services."""

    def __init__(self, services: tuple[MeshService, ...]) -> None:
        owners: dict[str, list[MeshService]] = defaultdict(list)
        for service in services:
            owners[service.namespace].append(service)
        self.found: dict[str, dict[str, MeshService]] = defaultdict(dict)
        for namespace, owned in owners.items():
            for host, service in merged_by_host(owned).items():
                self.found[host][namespace] = service


def _by_host_and_namespace(services: tuple[MeshService, ...]) -> _ByHostAndNamespace:
    return _ByHostAndNamespace(services)


def _collected(
    known: _ByHostAndNamespace, given: tuple[Seen, ...], namespace: str, domain: str
) -> tuple[MeshService, ...]:
    """What is seen at any listener: what they name first, then what its VirtualServices send to."""
    found: list[MeshService] = []
    for listener, services, virtual_services in given:
        found += services
        found += services_sent_to(virtual_services, known.found, listener, namespace, domain)
    return tuple(merged_by_host(found).values())


def _host(pair: tuple[str, BoundDestinationRule]) -> str:
    return pair[0]


def _host_owners(
    memo: Memo, services: tuple[MeshService, ...], virtual_services: tuple[BoundVirtualService, ...]
) -> HostOwners:
    owners = {host: service.namespace for host, service in memo.get(merged_by_host, services).items()}
    for virtual_service in virtual_services:
        for host in virtual_service.destinations:
            owners.setdefault(host, "")
    return tuple(sorted(owners.items()))


def _common_rules(
    memo: Memo, hosts: HostOwners, rules: tuple[BoundDestinationRule, ...], root_namespace: str
) -> RulesByHost:
    """What a namespace finds that has no rules of its own: most have none, or few."""
    index = memo.get(DestinationRuleIndex, rules, root_namespace)
    found = ((host, index.find(host, owner, "", ())) for host, owner in hosts)
    return tuple((host, rule) for host, rule in found if rule is not None)


def _covered(special: frozenset[str], hosts: HostOwners) -> HostOwners:
    """The hosts that are among the special ones, or within a wildcard of them."""
    if not special:
        return ()
    wildcards = [host for host in special if is_wildcard(host)]
    return tuple(
        (host, owner)
        for host, owner in hosts
        if host in special or any(is_within(host, wildcard) for wildcard in wildcards)
    )


def _visible_services(services: tuple[MeshService, ...], namespace: str) -> tuple[MeshService, ...]:
    found = tuple(service for service in services if service.is_visible_in(namespace))
    return services if len(found) == len(services) else found


def _visible_virtual_services(
    virtual_services: tuple[BoundVirtualService, ...], namespace: str
) -> tuple[BoundVirtualService, ...]:
    def publicity(virtual_service: BoundVirtualService) -> int:
        if "*" in virtual_service.export:
            return 2
        return 0 if virtual_service.namespace == namespace else 1

    return tuple(sorted((one for one in virtual_services if one.is_visible_in(namespace)), key=publicity))


class Scope:
    """A view with its indexes. Read only after it is made."""

    def __init__(self, view: View) -> None:
        self.services = view.services
        self.by_host = merged_by_host(view.services)
        """One service for each host name."""
        self.by_port = _by_port(self.by_host)
        """By port number: the services that have the port, by host name."""
        self._by_gateway = _by_gateway(view.virtual_services)
        self._rules = dict(view.rules)
        self.wildcard_winner = _wildcard_winners(self.virtual_services_of(MESH), self.by_host)
        """For each service's host the VirtualService that counts for it, if a wildcard host is in play at all."""

    def virtual_services_of(self, gateway: str) -> tuple[BoundVirtualService, ...]:
        """The VirtualServices for a gateway (`namespace/name` or `mesh`), in the order in which they count."""
        return self._by_gateway.get(gateway, ())

    def rule_for_host(self, host: str) -> BoundDestinationRule | None:
        """The DestinationRule that counts for traffic to a host."""
        return self._rules.get(host)


def merged_by_host(services: Iterable[MeshService]) -> dict[str, MeshService]:
    """One service for each host: Kubernetes' before others, the oldest first; entries of one namespace are joined.

    (istio:pilot/pkg/model/sidecar.go#appendSidecarServices)
    """
    found: dict[str, MeshService] = {}
    for service in services:
        existing = found.get(service.hostname)
        if existing is None or (existing.registry, service.registry) == ("External", "Kubernetes"):
            found[service.hostname] = service
        elif _can_join(existing, service):
            found[service.hostname] = _joined(existing, service)
    return found


def _can_join(one: MeshService, other: MeshService) -> bool:
    return (
        one.registry == other.registry
        and one.namespace == other.namespace
        and one.export == other.export
        and one.resolving is other.resolving
        and one.selector == other.selector
    )


def _joined(one: MeshService, other: MeshService) -> MeshService:
    """Both have a say in what is behind a port that they call alike; else the port is the older one's. They may be
    one service, too, of which listeners of a Sidecar see different ports."""
    names = {port.number: port.name for port in one.ports}
    gone = {port.number for port in other.ports if names.get(port.number, port.name) != port.name}
    return msgspec.structs.replace(
        one,
        ports=one.ports + tuple(port for port in other.ports if port.number not in names),
        addresses=tuple(dict.fromkeys(one.addresses + other.addresses)),
        fixed=tuple(dict.fromkeys((*one.fixed, *(fixed for fixed in other.fixed if fixed.port not in gone)))),
    )


def _by_port(services: Mapping[str, MeshService]) -> dict[int, dict[str, MeshService]]:
    found: dict[int, dict[str, MeshService]] = defaultdict(dict)
    for host, service in services.items():
        for port in service.ports:
            found[port.number][host] = service
    return dict(found)


def _by_gateway(virtual_services: Iterable[BoundVirtualService]) -> dict[str, tuple[BoundVirtualService, ...]]:
    found: dict[str, list[BoundVirtualService]] = defaultdict(list)
    for virtual_service in virtual_services:
        for gateway in dict.fromkeys(virtual_service.gateways):
            found[gateway].append(virtual_service)
    return {gateway: tuple(bound) for gateway, bound in found.items()}


def _wildcard_winners(
    virtual_services: Iterable[BoundVirtualService], services: Iterable[str]
) -> dict[str, BoundVirtualService]:
    """For each service the VirtualService with the most specific host; hosts that are no wildcards count, too."""
    index: HostIndex[BoundVirtualService] = HostIndex()
    has_wildcard = False
    for virtual_service in virtual_services:
        for host in virtual_service.hosts:
            index.add(host, virtual_service)
            has_wildcard = has_wildcard or is_wildcard(host)
    if not has_wildcard:
        return {}
    winners = ((host, index.most_specific(host)) for host in services)
    return {host: winner for host, winner in winners if winner is not None}


class ClientSelectors(Struct, frozen=True, kw_only=True, cache_hash=True):
    """On what of a client anything depends at all: proxies that differ in nothing else are planned alike."""

    label_keys: frozenset[str]
    namespaces: frozenset[str]
    """Those that some match names as its source."""
    place_keys: frozenset[str] | None = None
    """The labels by which clients prefer endpoints; None: it does not matter at all where a client is."""


def client_selectors(
    virtual_services: tuple[BoundVirtualService, ...],
    rules: tuple[BoundDestinationRule, ...],
    place_keys: frozenset[str] | None = None,
) -> ClientSelectors:
    """What the matches of VirtualServices and the selectors of DestinationRules look at."""
    sources = [source for virtual_service in virtual_services for source in _sources(virtual_service)]
    selected = [labels for labels, _ in sources] + [rule.workload_selector or () for rule in rules]
    return ClientSelectors(
        label_keys=frozenset(key for labels in selected for key, _ in labels),
        namespaces=frozenset(namespace for _, namespace in sources if namespace),
        place_keys=place_keys,
    )


def place_keys(
    rules: tuple[BoundDestinationRule, ...],
    services: tuple[MeshService, ...],
    setting: LocalityLoadBalancerSetting | None,
) -> frozenset[str] | None:
    """The labels in `failoverPriority`; None where nothing prefers endpoints by where they are.

    Without a setting of its own, a policy that has outlier detection fails over as the mesh says.
    """
    policies = [policy for rule in rules for policy in rule.all_policies()]
    settings = [policy.load_balancer.locality_lb_setting for policy in policies if policy.load_balancer]
    given = [one for one in (*settings, setting) if one is not None]
    distributions = {service.distribution for service in services} - {Distribution.ANY}
    is_default = any(policy.outlier_detection is not None for policy in policies)
    if not (distributions or is_default or any(one.distribute for one in given)):
        return None
    keys = (key.partition("=")[0] for one in given for key in one.failover_priority)
    return frozenset((*keys, *(key for one in distributions for key in one.labels)))


def _sources(virtual_service: BoundVirtualService) -> Iterator[tuple[Labels, str]]:
    for http in virtual_service.http:
        yield from ((match.source_labels, match.source_namespace) for match in http.route.match)
    for tcp in virtual_service.tcp:
        yield from ((match.source_labels, match.source_namespace) for match in tcp.route.match)
    for tls in virtual_service.tls:
        yield from ((match.source_labels, match.source_namespace) for match in tls.route.match)
