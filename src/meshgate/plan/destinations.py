"""Destinations: which cluster a host, subset and port of a rule mean (istio:route.go#GetDestinationCluster).

The facts about the hosts are looked up before a rule is translated, so that the translation depends on nothing else
and can be remembered.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from meshgate.api import ConsistentHashLB, Destination
from meshgate.mesh import (
    BoundDestinationRule,
    BoundVirtualService,
    MeshService,
    Resolving,
    Scope,
    full_name,
    http_destinations,
)
from meshgate.plan import names
from meshgate.plan.hashing import consistent_hash


class HostFacts(Struct, frozen=True, kw_only=True, cache_hash=True, gc=False):
    """What a rule needs to know of a host that it sends to."""

    concrete: str
    """The host itself, or the one of which it is an alias."""
    only_port: int = 0
    """The number of its port if it has just one."""


class Destinations(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Facts about hosts, and the hashing of destinations, for the rules of one VirtualService."""

    hosts: tuple[tuple[str, HostFacts], ...] = ()
    hashes: tuple[tuple[tuple[str, str, int], ConsistentHashLB], ...] = ()
    """By host, subset and port."""

    def cluster(self, destination: Destination, namespace: str, domain: str, port: int) -> str:
        """The cluster. The port is the one given, else the host's only one, else the one that was called."""
        host = full_name(destination.host, namespace, domain).lower()
        facts = next((facts for name, facts in self.hosts if name == host), HostFacts(concrete=host))
        return names.outbound_cluster(destination.port or facts.only_port or port, destination.subset, facts.concrete)

    def hash_of(self, destination: Destination, namespace: str, domain: str) -> ConsistentHashLB | None:
        """What requests to it are hashed by."""
        key = (full_name(destination.host, namespace, domain).lower(), destination.subset, destination.port)
        return next((found for name, found in self.hashes if name == key), None)


class KnownHosts(Struct, frozen=True, kw_only=True, cache_hash=True):
    """What a scope says of some hosts, as a value: what depends on nothing else can be remembered by it."""

    services: tuple[tuple[str, MeshService], ...]
    rules: tuple[tuple[str, BoundDestinationRule], ...]

    @property
    def by_host(self) -> Mapping[str, MeshService]:
        return dict(self.services)

    def rule_for_host(self, host: str) -> BoundDestinationRule | None:
        return dict(self.rules).get(host)


def known_hosts(virtual_service: BoundVirtualService, scope: Scope) -> KnownHosts:
    """What is known of the hosts that a VirtualService sends to, and of those that they are other names of."""
    given = ((host, scope.by_host.get(host)) for host in virtual_service.destinations)
    services = {host: service for host, service in given if service is not None}
    for service in tuple(services.values()):
        meant = scope.by_host.get(service.alias_of) if service.resolving is Resolving.ALIAS else None
        if meant is not None:
            services[service.alias_of] = meant
    rules = ((host, scope.rule_for_host(host)) for host in virtual_service.destinations)
    return KnownHosts(
        services=tuple(services.items()), rules=tuple((host, rule) for host, rule in rules if rule is not None)
    )


def destinations_of(
    virtual_service: BoundVirtualService, scope: Scope | KnownHosts, domain: str, *, called_port_only: bool
) -> Destinations:
    """The facts for all HTTP destinations of a VirtualService.

    `called_port_only`: as sidecars have it, that look only at services of the port that was called, so a host's only
    port says nothing (istio:BuildSidecarOutboundVirtualHosts).
    """
    hosts: dict[str, HostFacts] = {}
    hashes: dict[tuple[str, str, int], ConsistentHashLB] = {}
    given = ((one, rule.namespace) for rule in virtual_service.http for one in http_destinations(rule.route))
    for destination, namespace in given:
        host = full_name(destination.host, namespace, domain).lower()
        facts = host_facts(scope, host)
        if facts is not None:
            hosts[host] = HostFacts(concrete=facts.concrete) if called_port_only else facts
        found = consistent_hash(scope.rule_for_host(host), destination.subset, destination.port)
        if found is not None:
            hashes[host, destination.subset, destination.port] = found
    return Destinations(hosts=tuple(sorted(hosts.items())), hashes=tuple(sorted(hashes.items())))


def host_facts(scope: Scope | KnownHosts, host: str) -> HostFacts | None:
    """What is known of a host; None for one that is no service's."""
    service = scope.by_host.get(host)
    if service is not None and service.resolving is Resolving.ALIAS:
        concrete = scope.by_host.get(service.alias_of)
        if concrete is None:
            return HostFacts(concrete=service.alias_of)
        service = concrete
    if service is None:
        return None
    only = service.ports[0].number if len(service.ports) == 1 else 0
    return HostFacts(concrete=service.hostname, only_port=only)
