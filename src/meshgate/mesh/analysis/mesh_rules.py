"""Rules of the mesh: hosts that two VirtualServices have, and subsets that requests through a gateway pass by."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from meshgate.api import Origin, Problem, Ref, codes
from meshgate.mesh.analysis.destinations import placed_destinations, placed_in_rule
from meshgate.mesh.host import MESH, full_name
from meshgate.mesh.memo import Memo
from meshgate.mesh.problems import at, warning
from meshgate.mesh.virtual_services import BoundVirtualService

Sent = tuple[str, str]
"""A host in full, and a subset."""


def shared_host_problems(virtual_services: tuple[BoundVirtualService, ...]) -> tuple[Problem, ...]:
    """IST0109. Sidecars use the oldest of several alone."""
    return tuple(_shared_hosts(virtual_services))


def _shared_hosts(virtual_services: tuple[BoundVirtualService, ...]) -> Iterator[Problem]:
    owners: dict[str, BoundVirtualService] = {}
    for virtual_service in virtual_services:
        if MESH not in virtual_service.gateways:
            continue
        for place, host in enumerate(virtual_service.hosts):
            owner = owners.setdefault(host, virtual_service)
            shared = set(owner.export) & set(virtual_service.export)
            if owner is not virtual_service and shared:
                yield warning(
                    codes.CONFLICTING_MESH_HOSTS,
                    Origin(virtual_service.ref, f"spec.hosts[{place}]"),
                    f'{owner.ref} has host "{host}", too, and is older: sidecars use that one alone',
                    "join the two, or give one of them gateways",
                )


class SubsetHosts(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Hosts whose requests the mesh's rules send to subsets of theirs, with the VirtualService that does."""

    owners: tuple[tuple[str, Ref], ...] = ()


def subset_hosts(memo: Memo, virtual_services: tuple[BoundVirtualService, ...], domain: str) -> SubsetHosts:
    """Those of VirtualServices for sidecars alone; of several for a host the oldest."""
    found: dict[str, Ref] = {}
    for virtual_service in virtual_services:
        sendings = memo.get(sent_to, virtual_service, domain) if virtual_service.gateways == (MESH,) else ()
        for host in {host for host, subset in sendings if subset}.intersection(virtual_service.hosts):
            found.setdefault(host, virtual_service.ref)
    return SubsetHosts(owners=tuple(sorted(found.items())))


def sent_to(virtual_service: BoundVirtualService, domain: str) -> tuple[Sent, ...]:
    """All that it sends to, each once."""
    return tuple(
        dict.fromkeys(
            (full_name(destination.host, namespace, domain).lower(), destination.subset)
            for destination, _, namespace in placed_destinations(virtual_service)
        )
    )


def bypassed_subset_problems(
    virtual_service: BoundVirtualService, hosts: SubsetHosts, domain: str
) -> tuple[Problem, ...]:
    """IST0140: of a VirtualService for gateways alone."""
    if MESH in virtual_service.gateways:
        return ()
    owners = dict(hosts.owners)
    return tuple(
        warning(
            codes.MESH_RULES_UNUSED,
            at(origin, "host"),
            f'the subsets of {owners[host]} for host "{host}" do not count for requests through a gateway',
            "name a subset here, too",
        )
        for rule in virtual_service.http
        for destination, origin in placed_in_rule(rule)
        if not destination.subset and (host := full_name(destination.host, rule.namespace, domain).lower()) in owners
    )
