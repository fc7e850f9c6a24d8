"""DestinationRules by host, merged and looked up as Istio does.

Rules of one namespace for one host are merged (subsets are joined, the first top-level policy counts). A proxy finds
its rule in its own namespace, else in that of the service, else in the root namespace; in each the most specific host
counts. (istio:pilot/pkg/model/destination_rule.go, push_context.go#destinationRule)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct

from meshgate.api import (
    DestinationRule,
    Labels,
    Origin,
    PortTrafficPolicy,
    Ref,
    Resource,
    Subset,
    TrafficPolicy,
    is_subset,
)
from meshgate.mesh.facts import Facts
from meshgate.mesh.host import HostIndex, full_name
from meshgate.mesh.memo import Memo
from meshgate.mesh.virtual_services import config_order
from meshgate.mesh.visibility import EVERYWHERE, Export, is_visible, resolve_export


class BoundSubset(Struct, frozen=True, kw_only=True, cache_hash=True, gc=False):
    """A subset, and where it is written."""

    subset: Subset
    origin: Origin


class BoundDestinationRule(Struct, frozen=True, kw_only=True, cache_hash=True):
    """All that the rules of one namespace say about one host."""

    ref: Ref
    """Of the oldest of them."""
    host: str
    export: Export
    policy: TrafficPolicy | None = None
    policy_origin: Origin
    subsets: tuple[BoundSubset, ...] = ()
    workload_selector: Labels | None = None
    """Labels of the proxies that it is for; None: all."""

    @property
    def namespace(self) -> str:
        return self.ref.namespace

    def all_policies(self) -> Iterator[TrafficPolicy | PortTrafficPolicy]:
        """Those of the host, of subsets and of ports."""
        for policy in (self.policy, *(bound.subset.traffic_policy for bound in self.subsets)):
            if policy is not None:
                yield policy
                yield from policy.port_level_settings


def bind_destination_rules(
    resources: Iterable[Resource[DestinationRule]], facts: Facts, default_export: Export, memo: Memo
) -> tuple[BoundDestinationRule, ...]:
    """All rules in Istio's order, not merged yet."""
    ordered = sorted(resources, key=lambda one: config_order(one.meta.creation, one.meta.namespace, one.meta.name))
    return tuple(memo.get(_bind, resource, facts.config_domain, default_export) for resource in ordered)


def _bind(resource: Resource[DestinationRule], domain: str, default_export: Export) -> BoundDestinationRule:
    spec, namespace = resource.spec, resource.meta.namespace
    return BoundDestinationRule(
        ref=resource.ref,
        host=full_name(spec.host, namespace, domain).lower(),
        export=resolve_export(spec.export_to, namespace, default_export),
        policy=spec.traffic_policy,
        policy_origin=resource.origin("spec.trafficPolicy"),
        subsets=tuple(
            BoundSubset(subset=subset, origin=resource.origin(f"spec.subsets[{place}]"))
            for place, subset in enumerate(spec.subsets)
        ),
        workload_selector=None if spec.workload_selector is None else spec.workload_selector.match_labels,
    )


RulesByHost = dict[str, list[BoundDestinationRule]]


class DestinationRuleIndex:
    """Finds the rule for a host, as seen from a namespace."""

    def __init__(self, rules: Iterable[BoundDestinationRule], root_namespace: str) -> None:
        self._root = root_namespace
        local: dict[str, RulesByHost] = defaultdict(dict)
        exported: dict[str, RulesByHost] = defaultdict(dict)
        root_only: RulesByHost = {}
        for rule in rules:
            _merge_into(local[rule.namespace], rule)
            if rule.export != (rule.namespace,):
                _merge_into(exported[rule.namespace], rule)
            elif rule.namespace == root_namespace:
                _merge_into(root_only, rule)
        self._local_hosts = {namespace: frozenset(found) for namespace, found in local.items()}
        self._local_hosts[root_namespace] = frozenset(root_only) | {
            # the others of the root namespace are for everybody, these for its own proxies
            host
            for host, found in exported.get(root_namespace, {}).items()
            if any(rule.workload_selector is not None for rule in found)
        }
        self._limited_hosts = frozenset(
            rule.host
            for found in exported.values()
            for rules in found.values()
            for rule in rules
            if rule.export != EVERYWHERE
        )
        self._local = {namespace: _index(found) for namespace, found in local.items()}
        self._exported = {namespace: _index(found) for namespace, found in exported.items()}
        self._root_only = _index(root_only)

    def special_hosts(self, client_namespace: str) -> frozenset[str]:
        """Hosts and wildcards for which a namespace may find another rule than one that has none of its own."""
        return self._local_hosts.get(client_namespace, frozenset()) | self._limited_hosts

    def find(
        self, host: str, service_namespace: str, client_namespace: str, client_labels: Labels
    ) -> BoundDestinationRule | None:
        """The one rule that counts for a client's traffic to a host."""
        return _select(self._candidates(host, service_namespace, client_namespace), client_namespace, client_labels)

    def find_for_all(self, host: str, service_namespace: str, client_namespace: str) -> BoundDestinationRule | None:
        """The same among rules that are not for selected workloads: those count for what goes out only."""
        rules = self._candidates(host, service_namespace, client_namespace)
        return _select([rule for rule in rules if rule.workload_selector is None], client_namespace, ())

    def _candidates(self, host: str, service_namespace: str, client_namespace: str) -> list[BoundDestinationRule]:
        # a proxy in the root namespace first asks the service's: what stands in the root namespace is for everybody
        own = self._root_only if client_namespace == self._root else self._local.get(client_namespace)
        found = own.most_specific(host) if own else None
        if found:
            return found
        for namespace in (service_namespace, self._root):
            index = self._exported.get(namespace)
            found = index.most_specific(host) if index else None
            visible = [rule for rule in found or () if is_visible(rule.export, client_namespace)]
            if visible:
                return visible
        return []


def _select(
    rules: list[BoundDestinationRule], client_namespace: str, client_labels: Labels
) -> BoundDestinationRule | None:
    """A rule for just this workload goes before those for all; it counts in its own namespace only."""
    for_all = None
    for rule in rules:
        if rule.workload_selector is None:
            for_all = rule
        elif rule.namespace == client_namespace and is_subset(rule.workload_selector, client_labels):
            return rule
    return for_all


def _index(rules: RulesByHost) -> HostIndex[list[BoundDestinationRule]]:
    index: HostIndex[list[BoundDestinationRule]] = HostIndex()
    for host, found in rules.items():
        index.add(host, found)
    return index


def _merge_into(rules: RulesByHost, rule: BoundDestinationRule) -> None:
    """Merge a rule with those of its host, or put it beside them where it is for other clients."""
    found = rules.setdefault(rule.host, [])
    beside = True
    for place, existing in enumerate(found):
        equal_export = existing.export == rule.export
        if not equal_export and not _is_wider(rule.export, existing.export):
            continue
        if existing.workload_selector is not None and existing.workload_selector != rule.workload_selector:
            continue
        if rule.workload_selector == existing.workload_selector and equal_export:
            beside = False
        if rule.workload_selector is None or rule.workload_selector == existing.workload_selector:
            found[place] = _merged(existing, rule)
    if beside:
        found.append(rule)


def _is_wider(one: Export, other: Export) -> bool:
    return one == EVERYWHERE or (other != EVERYWHERE and set(one) >= set(other))


def _merged(first: BoundDestinationRule, second: BoundDestinationRule) -> BoundDestinationRule:
    names = {one.subset.name for one in first.subsets}
    takes_policy = first.policy is None and second.policy is not None
    return msgspec.structs.replace(
        first,
        subsets=first.subsets + tuple(one for one in second.subsets if one.subset.name not in names),
        policy=second.policy if takes_policy else first.policy,
        policy_origin=second.policy_origin if takes_policy else first.policy_origin,
    )
