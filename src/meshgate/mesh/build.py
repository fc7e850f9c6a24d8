"""`build`: all objects and facts become one snapshot.

Everything is joined and indexed here once; what is left to a plan is what depends on the proxy. The order in which the
objects are given never matters. A memo (optional) keeps what is made from one object, so that an object that did not
change gives the same value, not just an equal one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from meshgate.api import (
    AnyResource,
    DestinationRule,
    Endpoints,
    EndpointSlice,
    Gateway,
    Namespace,
    PeerAuthentication,
    Pod,
    Problem,
    Resource,
    Resources,
    Service,
    ServiceEntry,
    Sidecar,
    SimpleLB,
    VirtualService,
    WorkloadEntry,
    of_type,
)
from meshgate.mesh.aliases import with_aliases
from meshgate.mesh.analysis import analysis, beside
from meshgate.mesh.destination_rules import BoundDestinationRule, bind_destination_rules
from meshgate.mesh.discovery import discovered
from meshgate.mesh.endpoints import (
    EndpointCollector,
    EndpointTable,
    Key,
    WorkloadIndex,
    collect_kubernetes,
    listed_endpoints,
)
from meshgate.mesh.facts import Facts
from meshgate.mesh.gateways import BoundGateway, bind_gateways
from meshgate.mesh.kubernetes_services import kubernetes_service
from meshgate.mesh.memo import Memo
from meshgate.mesh.peer_authentications import BoundPeerAuthentication, bind_peer_authentications
from meshgate.mesh.protocol import Protocol
from meshgate.mesh.service import FixedEndpoint, MeshEndpoint, MeshService, service_order
from meshgate.mesh.service_entries import RESOLVED_BY_NAME, service_entry_services
from meshgate.mesh.sidecars import BoundSidecar, bind_sidecars
from meshgate.mesh.snapshot import HeadlessAddresses, Snapshot, World
from meshgate.mesh.targets import AddressedTargets, selecting_by_namespace, targets_by_address
from meshgate.mesh.topology import DISTRIBUTION_ANNOTATION
from meshgate.mesh.trust import KnownEndpoints, may_refuse, service_trusts, with_refusals
from meshgate.mesh.virtual_services import BoundVirtualService, bind_virtual_services
from meshgate.mesh.visibility import Export
from meshgate.mesh.workload_entries import WorkloadEntries
from meshgate.mesh.workloads import Workload, workload_of

Collected = tuple[tuple[Key, tuple[MeshEndpoint, ...]], ...]
EntryServices = tuple[tuple[Resource[ServiceEntry], tuple[MeshService, ...]], ...]


def build(
    resources: Iterable[AnyResource], facts: Facts, memo: Memo | None = None
) -> tuple[Snapshot, tuple[Problem, ...]]:
    """The snapshot of all objects, and what is wrong with how they refer to each other (sorted, no errors)."""
    objects = discovered(resources if isinstance(resources, Resources) else Resources(resources), facts.mesh)
    mesh, memo = facts.mesh, memo or Memo()
    memo.turn()
    workloads = tuple(sorted((workload_of(pod) for pod in of_type(objects, Pod)), key=_workload_order))
    wishes = {
        one.meta.name: one.meta.annotation(DISTRIBUTION_ANNOTATION)
        for one in of_type(objects, Namespace)
        if one.meta.annotation(DISTRIBUTION_ANNOTATION)
    }
    entries = _entry_services(of_type(objects, ServiceEntry), facts, wishes, memo)
    workload_entries = WorkloadEntries(of_type(objects, WorkloadEntry), memo, facts.cluster_id)
    collector = EndpointCollector(WorkloadIndex(workloads), workload_entries, facts)
    services = _services(of_type(objects, Service), entries, facts, wishes, memo)
    policies = memo.nest(_peer_authentications, of_type(objects, PeerAuthentication))
    services = memo.same(tuple(_with_selected_names(one, collector) for one in services))
    services = memo.nest(_services_with_refusals, services, policies, mesh.root_namespace)
    collected = tuple(_endpoints(objects, entries, services, collector, memo).by_port.items())
    collected = _with_refusals(memo, collected, policies, mesh.root_namespace)
    endpoints, targets = memo.nest(_with_targets, services, collected)
    virtual_services, delegation_problems = memo.nest(
        _virtual_services, of_type(objects, VirtualService), facts, mesh.default_virtual_service_export_to
    )
    rules = memo.nest(
        _destination_rules, of_type(objects, DestinationRule), facts, mesh.default_destination_rule_export_to
    )
    world = World(
        facts=facts,
        mesh=mesh,
        services=services,
        virtual_services=virtual_services,
        gateways=memo.nest(_gateways, of_type(objects, Gateway)),
        destination_rules=rules,
        headless=_headless(services, endpoints),
        peer_authentications=policies,
        trusts=service_trusts(
            memo,
            services,
            KnownEndpoints(endpoints, collector.unready_accounts),
            mesh,
            policies,
            may_pass=memo.get(_lets_connections_pass, rules),
        ),
        sidecars=memo.nest(_sidecars, of_type(objects, Sidecar)),
    )
    world, around = memo.same(world), beside(objects)
    findings = memo.nest(analysis, world, around)
    snapshot = Snapshot(
        world=world,
        endpoints=endpoints,
        workloads={(workload.namespace, workload.name): workload for workload in workloads},
        selecting=selecting_by_namespace(services),
        targets_by_address=targets,
        credentials=around.credentials,
        validities=findings.validities,
    )
    return snapshot, tuple(sorted({*delegation_problems, *findings.problems}, key=str))


def _virtual_services(
    memo: Memo, resources: tuple[Resource[VirtualService], ...], facts: Facts, default_export: Export
) -> tuple[tuple[BoundVirtualService, ...], tuple[Problem, ...]]:
    return bind_virtual_services(resources, facts, default_export, memo)


def _gateways(memo: Memo, resources: tuple[Resource[Gateway], ...]) -> tuple[BoundGateway, ...]:
    return bind_gateways(resources, memo)


def _peer_authentications(
    memo: Memo, resources: tuple[Resource[PeerAuthentication], ...]
) -> tuple[BoundPeerAuthentication, ...]:
    return bind_peer_authentications(resources, memo)


def _destination_rules(
    memo: Memo, resources: tuple[Resource[DestinationRule], ...], facts: Facts, default_export: Export
) -> tuple[BoundDestinationRule, ...]:
    return bind_destination_rules(resources, facts, default_export, memo)


def _sidecars(memo: Memo, resources: tuple[Resource[Sidecar], ...]) -> tuple[BoundSidecar, ...]:
    return bind_sidecars(resources, memo)


def _lets_connections_pass(rules: tuple[BoundDestinationRule, ...]) -> bool:
    balancers = (policy.load_balancer for rule in rules for policy in rule.all_policies())
    return any(balancer is not None and balancer.simple is SimpleLB.PASSTHROUGH for balancer in balancers)


def _workload_order(workload: Workload) -> tuple[str, str]:
    return workload.namespace, workload.name


def _entry_services(
    resources: Iterable[Resource[ServiceEntry]], facts: Facts, wishes: Mapping[str, str], memo: Memo
) -> EntryServices:
    default = facts.mesh.default_service_export_to
    ordered = sorted(resources, key=lambda resource: resource.ref)
    return tuple(
        (one, memo.get(service_entry_services, one, facts.cluster_id, default, wishes.get(one.meta.namespace, "")))
        for one in ordered
    )


def _services(
    kubernetes: Sequence[Resource[Service]],
    entries: EntryServices,
    facts: Facts,
    wishes: Mapping[str, str],
    memo: Memo,
) -> tuple[MeshService, ...]:
    default = facts.mesh.default_service_export_to
    found = [
        memo.get(kubernetes_service, one, facts.cluster_domain, default, wishes.get(one.meta.namespace, ""))
        for one in kubernetes
    ]
    found.extend(service for _, services in entries for service in services)
    return memo.get(_in_order, tuple(found))


def _in_order(services: tuple[MeshService, ...]) -> tuple[MeshService, ...]:
    return with_aliases(sorted(services, key=service_order))


def _with_selected_names(service: MeshService, collector: EndpointCollector) -> MeshService:
    """A service that is resolved by name has the endpoints that it selects in itself."""
    if not service.selector or service.resolving not in RESOLVED_BY_NAME:
        return service
    selected = (
        FixedEndpoint(port=port.number, endpoint=endpoint)
        for port in service.ports
        for endpoint in collector.selected(service, port)
    )
    return msgspec.structs.replace(service, fixed=(*service.fixed, *selected))


def _services_with_refusals(
    memo: Memo, services: tuple[MeshService, ...], policies: tuple[BoundPeerAuthentication, ...], root_namespace: str
) -> tuple[MeshService, ...]:
    """Services with what policies say of the endpoints that they have in themselves."""
    if not may_refuse(policies):
        return services
    found = []
    for service in services:
        inner = tuple(fixed.endpoint for fixed in service.fixed)
        marked = memo.get(with_refusals, inner, service.namespace, policies, root_namespace)
        fixed = tuple(
            FixedEndpoint(port=one.port, endpoint=endpoint) for one, endpoint in zip(service.fixed, marked, strict=True)
        )
        found.append(service if marked == inner else msgspec.structs.replace(service, fixed=fixed))
    return tuple(found)


def _with_refusals(
    memo: Memo, collected: Collected, policies: tuple[BoundPeerAuthentication, ...], root_namespace: str
) -> Collected:
    """Endpoints with what policies say of them."""
    if not may_refuse(policies):
        return collected
    return tuple(
        (key, memo.get(with_refusals, endpoints, key[1], policies, root_namespace)) for key, endpoints in collected
    )


def _endpoints(
    objects: Sequence[AnyResource],
    entries: EntryServices,
    services: Iterable[MeshService],
    collector: EndpointCollector,
    memo: Memo,
) -> EndpointTable:
    kubernetes = sorted(of_type(objects, Service), key=lambda resource: resource.ref)
    collect_kubernetes(collector, kubernetes, of_type(objects, EndpointSlice), of_type(objects, Endpoints))
    for resource, entry_services in entries:
        collector.add_listed(memo.get(listed_endpoints, resource, entry_services, collector.cluster_id))
    for service in services:
        if service.selector:
            collector.add_selected(service)
    return collector.table()


def _with_targets(
    memo: Memo, services: tuple[MeshService, ...], found: Collected
) -> tuple[EndpointTable, AddressedTargets]:
    """The table of these endpoints, which is the same as long as they are, and what is behind each address."""
    table = EndpointTable(by_port=dict(found))
    return table, targets_by_address(memo, services, table)


def _headless(services: Iterable[MeshService], endpoints: EndpointTable) -> tuple[HeadlessAddresses, ...]:
    """Addresses that get listeners: those behind TCP ports of services that are passed through."""
    return tuple(
        HeadlessAddresses(
            hostname=service.hostname,
            namespace=service.namespace,
            port=port.number,
            addresses=tuple(dict.fromkeys(endpoint.address for endpoint in found)),
        )
        for service in services
        if service.resolving.value == "passthrough"
        for port in service.ports
        if not port.protocol.is_http
        and port.protocol is not Protocol.UDP
        and (found := endpoints.of(service.hostname, service.namespace, port.number))
    )
