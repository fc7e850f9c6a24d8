"""The analysis of a whole mesh: every check of every object, each remembered by what it reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from msgspec import Struct

from meshgate.api import Deployment, Namespace, Origin, Problem, Resource, Service, ServiceEntry, codes
from meshgate.mesh.analysis.beside import Beside, LabelIndex
from meshgate.mesh.analysis.credentials import credential_findings
from meshgate.mesh.analysis.deployments import Selectors, deployment_problems, is_in_mesh
from meshgate.mesh.analysis.destination_rules import Sendings, idle_subset_problems, rule_problems
from meshgate.mesh.analysis.destinations import destination_problems
from meshgate.mesh.analysis.gateways import binding_problems, selector_problems
from meshgate.mesh.analysis.idle_matches import idle_match_problems
from meshgate.mesh.analysis.indexes import GatewayIndex, ServiceIndex, SubsetIndex
from meshgate.mesh.analysis.mesh_rules import (
    SubsetHosts,
    bypassed_subset_problems,
    sent_to,
    shared_host_problems,
    subset_hosts,
)
from meshgate.mesh.analysis.peer_authentications import (
    foreign_port_problems,
    peer_authentication_problems,
    repeated_peer_authentication_problems,
)
from meshgate.mesh.analysis.policies import failover_problems, repeated_policy_problems
from meshgate.mesh.analysis.secrets_service import secrets_service_fault
from meshgate.mesh.analysis.services import entry_problems, port_name_problems, taken_host_problems
from meshgate.mesh.analysis.sidecars import rival_problems, sidecar_problems
from meshgate.mesh.analysis.way_out import loop_problems, origination_problems, unknown_host_problems
from meshgate.mesh.credentials import CredentialObjects
from meshgate.mesh.destination_rules import BoundDestinationRule
from meshgate.mesh.gateways import BoundGateway
from meshgate.mesh.memo import Memo
from meshgate.mesh.peer_authentications import BoundPeerAuthentication
from meshgate.mesh.problems import warning
from meshgate.mesh.service import MeshService
from meshgate.mesh.sidecars import BoundSidecar
from meshgate.mesh.snapshot import World
from meshgate.mesh.validity import Validity
from meshgate.mesh.virtual_services import BoundVirtualService

VirtualServices = tuple[BoundVirtualService, ...]
Rules = tuple[BoundDestinationRule, ...]


class Findings(Struct, frozen=True, kw_only=True):
    """What came out."""

    problems: tuple[Problem, ...]
    """Each once."""
    validities: tuple[Validity, ...]
    """Of certificates."""


def analysis(memo: Memo, world: World, beside: Beside) -> Findings:
    """What is wrong between objects; for `Memo.nest`."""
    domain = world.facts.config_domain
    services = memo.get(ServiceIndex, world.services, domain)
    labels = memo.get(LabelIndex, beside.labels)
    objects = memo.get(CredentialObjects, beside.credentials)
    provider_fault = memo.get(secrets_service_fault, world.mesh, services)
    credentials = memo.nest(
        credential_findings, world.gateways, world.destination_rules, objects, labels, provider_fault
    )
    found = [
        *memo.nest(_of_virtual_services, world.virtual_services, services, world.destination_rules, world.gateways),
        *memo.nest(_of_the_way_out, world.virtual_services, world.gateways, services, labels),
        *memo.nest(_of_rules, world.destination_rules, services, labels),
        *memo.get(repeated_policy_problems, world.destination_rules),
        *(problem for rule in world.destination_rules for problem in memo.get(failover_problems, rule)),
        *memo.nest(_of_idle_subsets, world.destination_rules, world.virtual_services, domain),
        *memo.get(taken_host_problems, world.services, services),
        *memo.nest(_of_gateways, world.gateways, labels),
        *memo.nest(
            _of_peer_authentications,
            world.peer_authentications,
            world.mesh.root_namespace,
            labels,
            world.services,
            beside,
        ),
        *memo.nest(_of_sidecars, world.sidecars, services, labels),
        *memo.nest(_of_services, beside.services),
        *memo.nest(_of_entries, beside.entries, labels),
        *memo.nest(_of_deployments, beside.deployments, beside.namespaces, world.services),
        *(problem for namespace in beside.namespaces for problem in _of_namespace(namespace)),
        *credentials.problems,
    ]
    return Findings(problems=tuple(dict.fromkeys(found)), validities=credentials.validities)


def _of_virtual_services(
    memo: Memo,
    virtual_services: VirtualServices,
    services: ServiceIndex,
    rules: Rules,
    bound_gateways: tuple[BoundGateway, ...],
) -> tuple[Problem, ...]:
    gateways = memo.get(GatewayIndex, bound_gateways)
    subsets = memo.get(SubsetIndex, rules)
    hosts = memo.same(subset_hosts(memo, virtual_services, services.domain))
    found = list(memo.get(shared_host_problems, virtual_services))
    for one in virtual_services:
        found += memo.nest(_of_virtual_service, one, services, subsets, gateways, hosts)
    return tuple(found)


def _of_virtual_service(
    memo: Memo,
    one: BoundVirtualService,
    services: ServiceIndex,
    subsets: SubsetIndex,
    gateways: GatewayIndex,
    hosts: SubsetHosts,
) -> tuple[Problem, ...]:
    return (
        *memo.get(destination_problems, one, services, subsets),
        *memo.get(binding_problems, one, gateways),
        *memo.get(idle_match_problems, one, gateways, services),
        *memo.get(bypassed_subset_problems, one, hosts, services.domain),
    )


def _of_the_way_out(
    memo: Memo,
    virtual_services: VirtualServices,
    bound_gateways: tuple[BoundGateway, ...],
    services: ServiceIndex,
    labels: LabelIndex,
) -> tuple[Problem, ...]:
    gateways = memo.get(GatewayIndex, bound_gateways)
    found: list[Problem] = []
    for one in virtual_services:
        found += memo.get(unknown_host_problems, one, services)
        found += memo.get(loop_problems, one, gateways, services, labels)
    return tuple(found)


def _of_gateways(memo: Memo, gateways: tuple[BoundGateway, ...], labels: LabelIndex) -> tuple[Problem, ...]:
    return tuple(problem for one in gateways for problem in memo.get(selector_problems, one, labels))


def _of_peer_authentications(
    memo: Memo,
    policies: tuple[BoundPeerAuthentication, ...],
    root: str,
    labels: LabelIndex,
    services: tuple[MeshService, ...],
    beside: Beside,
) -> tuple[Problem, ...]:
    found = [*memo.get(repeated_peer_authentication_problems, policies, root, labels)]
    for policy in policies:
        found += memo.get(peer_authentication_problems, policy, root, labels)
        if policy.ports:
            found += memo.get(foreign_port_problems, policy, services, beside.ports)
    return tuple(found)


def _of_sidecars(
    memo: Memo, sidecars: tuple[BoundSidecar, ...], services: ServiceIndex, labels: LabelIndex
) -> tuple[Problem, ...]:
    found = [*memo.get(rival_problems, sidecars, labels)]
    for sidecar in sidecars:
        found += memo.get(sidecar_problems, sidecar, services, labels)
    return tuple(found)


def _of_services(memo: Memo, services: tuple[Resource[Service], ...]) -> tuple[Problem, ...]:
    return tuple(problem for one in services for problem in memo.get(port_name_problems, one))


def _of_entries(memo: Memo, entries: tuple[Resource[ServiceEntry], ...], labels: LabelIndex) -> tuple[Problem, ...]:
    return tuple(problem for one in entries for problem in memo.get(entry_problems, one, labels))


def _of_rules(memo: Memo, rules: Rules, services: ServiceIndex, labels: LabelIndex) -> tuple[Problem, ...]:
    found: list[Problem] = []
    for rule in rules:
        found += memo.get(rule_problems, rule, services, labels)
        found += memo.get(origination_problems, rule, services)
    return tuple(found)


def _of_idle_subsets(memo: Memo, rules: Rules, virtual_services: VirtualServices, domain: str) -> tuple[Problem, ...]:
    subsets: dict[str, set[str]] = defaultdict(set)
    for virtual_service in virtual_services:
        for host, subset in memo.get(sent_to, virtual_service, domain):
            if subset:
                subsets[host].add(subset)
    in_order = ((host, tuple(sorted(names))) for host, names in sorted(subsets.items()))
    sendings = memo.same(Sendings(subsets=tuple(in_order)))
    return tuple(problem for rule in rules for problem in memo.get(idle_subset_problems, rule, sendings))


def _of_deployments(
    memo: Memo,
    deployments: tuple[Resource[Deployment], ...],
    namespaces: tuple[Resource[Namespace], ...],
    services: tuple[MeshService, ...],
) -> tuple[Problem, ...]:
    selectors = memo.get(Selectors, services)
    labels = {namespace.meta.name: dict(namespace.meta.labels) for namespace in namespaces}
    found: list[Problem] = []
    for one in deployments:
        if is_in_mesh(one, labels.get(one.meta.namespace, {})):
            selecting = selectors.of(one.meta.namespace, one.spec.template.metadata.labels)
            found += memo.get(deployment_problems, one, selecting)
    return tuple(found)


def _of_namespace(resource: Resource[Namespace]) -> Iterator[Problem]:
    """IST0123."""
    given = [name for name in ("istio-injection", "istio.io/rev") if resource.meta.label(name)]
    if len(given) > 1:
        text = f"the labels {' and '.join(given)} both say whether pods are injected; the first decides"
        yield warning(codes.INJECTION_LABELS, Origin(resource.ref, "metadata.labels"), text, "keep one of them")
