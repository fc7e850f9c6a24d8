"""DestinationRules: hosts that are no service's, subsets without pods, policies that nothing activates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from meshgate.api import Labels, Origin, Problem, codes
from meshgate.mesh.analysis.beside import LabelIndex
from meshgate.mesh.analysis.indexes import ServiceIndex
from meshgate.mesh.destination_rules import BoundDestinationRule, BoundSubset
from meshgate.mesh.host import is_wildcard, matches
from meshgate.mesh.problems import at, warning
from meshgate.mesh.service import MeshService

_OF_THE_PLACE = ("topology.kubernetes.io/", "topology.istio.io/", "kubernetes.io/hostname")
"""Labels that an endpoint gets from where its pod runs, whatever the pod's labels are."""


class Sendings(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Subsets that some VirtualService sends to: by host in full."""

    subsets: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def by_host(self) -> Mapping[str, tuple[str, ...]]:
        return dict(self.subsets)


def rule_problems(rule: BoundDestinationRule, services: ServiceIndex, labels: LabelIndex) -> tuple[Problem, ...]:
    """IST0127, IST0173, IST0174."""
    if not _has_service(rule, services):
        text = f'no service "{rule.host}"'
        return (
            warning(codes.RULE_WITHOUT_SERVICE, Origin(rule.ref, "spec.host"), text, services.hint(rule.host)),
            *_without_workloads(rule, labels),
        )
    service = services.named(rule.host)
    empty = _empty_subsets(rule, service, labels) if service is not None else ()
    return (*empty, *_without_workloads(rule, labels))


def _has_service(rule: BoundDestinationRule, services: ServiceIndex) -> bool:
    if services.covering(rule.host) is not None:
        return True
    return is_wildcard(rule.host) and any(matches(rule.host, host) for host in services.by_host)


def _without_workloads(rule: BoundDestinationRule, labels: LabelIndex) -> Iterator[Problem]:
    wanted = rule.workload_selector
    if wanted and labels.namespaces and not labels.has(wanted, rule.namespace):
        text = f'no workload of namespace "{rule.namespace}" has the labels "{_told(wanted)}"'
        yield warning(codes.NO_WORKLOAD, Origin(rule.ref, "spec.workloadSelector"), text, "the rule counts for nobody")


def _empty_subsets(rule: BoundDestinationRule, service: MeshService, labels: LabelIndex) -> Iterator[Problem]:
    """Of a Service that selects pods; nothing is said where there are no workloads at all."""
    if service.registry != "Kubernetes" or not service.selector or not labels.namespaces:
        return
    for bound in rule.subsets:
        own = tuple(pair for pair in bound.subset.labels if not pair[0].startswith(_OF_THE_PLACE))
        wanted = tuple(sorted({**dict(service.selector), **dict(own)}.items()))
        if not labels.has(wanted, service.namespace):
            yield _empty_subset(bound, service, own)


def _empty_subset(bound: BoundSubset, service: MeshService, own: Labels) -> Problem:
    text = f'no pod of service "{service.hostname}" has the labels "{_told(own)}" of subset "{bound.subset.name}"'
    return warning(codes.SUBSET_WITHOUT_PODS, at(bound.origin, "labels"), text)


def idle_subset_problems(rule: BoundDestinationRule, sendings: Sendings) -> tuple[Problem, ...]:
    """MG0107: policies of subsets that no VirtualService sends to."""
    with_policy = [bound for bound in rule.subsets if bound.subset.traffic_policy is not None]
    if not with_policy:
        return ()
    by_host = sendings.by_host()
    hosts = [host for host in by_host if matches(rule.host, host)] if is_wildcard(rule.host) else [rule.host]
    used = {subset for host in hosts for subset in by_host.get(host, ())}
    return tuple(
        warning(
            codes.SUBSET_UNUSED,
            at(bound.origin, "trafficPolicy"),
            f'no VirtualService sends to subset "{bound.subset.name}", so its policy counts for nothing',
        )
        for bound in with_policy
        if bound.subset.name not in used
    )


def _told(labels: Labels) -> str:
    return ", ".join(f"{key}={value}" for key, value in labels)
