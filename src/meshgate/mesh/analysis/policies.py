"""DestinationRules that say what does not count: again what an older one says, or to fail over without outliers."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.api import LoadBalancerSettings, Origin, OutlierDetection, Problem, TrafficPolicy, codes
from meshgate.mesh.destination_rules import BoundDestinationRule
from meshgate.mesh.problems import at, warning
from meshgate.mesh.visibility import Export

_JOIN = "join the two rules"


class _Said:
    """What the rules for one host said so far, and which of them."""

    def __init__(self) -> None:
        self.policy: BoundDestinationRule | None = None
        self.subsets: dict[str, BoundDestinationRule] = {}


def repeated_policy_problems(rules: tuple[BoundDestinationRule, ...]) -> tuple[Problem, ...]:
    """MG0121: what is lost when rules of one namespace for one host (and the same clients) are joined, oldest first."""
    said: dict[tuple[str, str, Export, object], _Said] = {}
    found: list[Problem] = []
    for rule in rules:
        before = said.setdefault((rule.namespace, rule.host, rule.export, rule.workload_selector), _Said())
        found += _lost(rule, before)
        if before.policy is None and rule.policy is not None:
            before.policy = rule
        for bound in rule.subsets:
            before.subsets.setdefault(bound.subset.name, rule)
    return tuple(found)


def _lost(rule: BoundDestinationRule, before: _Said) -> Iterator[Problem]:
    if rule.policy is not None and before.policy is not None:
        text = f'{before.policy.ref} is older and has a policy for host "{rule.host}": that one alone counts'
        yield warning(codes.REPEATED_POLICY, rule.policy_origin, text, _JOIN)
    for bound in rule.subsets:
        older = before.subsets.get(bound.subset.name)
        if older is not None:
            text = f'{older.ref} is older and has a subset "{bound.subset.name}" of host "{rule.host}": that one counts'
            yield warning(codes.REPEATED_POLICY, bound.origin, text, f"{_JOIN}, or give the subset another name")


def failover_problems(rule: BoundDestinationRule) -> tuple[Problem, ...]:
    """MG0122: failing over that never happens, because nothing finds out that an endpoint fails."""
    host = rule.policy
    found = list(_of_policy(host, None, rule.policy_origin))
    for bound in rule.subsets:
        below = host.outlier_detection if host else None
        found += _of_policy(bound.subset.traffic_policy, below, at(bound.origin, "trafficPolicy"))
    return tuple(found)


def _of_policy(policy: TrafficPolicy | None, below: OutlierDetection | None, origin: Origin) -> Iterator[Problem]:
    """A policy of a host or subset (which has the host's outlier detection if none of its own), and of its ports."""
    if policy is None:
        return
    yield from _of_balancer(policy.load_balancer, policy.outlier_detection or below, origin)
    for place, port in enumerate(policy.port_level_settings):
        yield from _of_balancer(port.load_balancer, port.outlier_detection, at(origin, f"portLevelSettings[{place}]"))


def _of_balancer(
    balancer: LoadBalancerSettings | None, outliers: OutlierDetection | None, origin: Origin
) -> Iterator[Problem]:
    setting = balancer.locality_lb_setting if balancer else None
    if setting is None or setting.enabled is False or setting.distribute or outliers is not None:
        return
    for name, given in (("failover", setting.failover), ("failoverPriority", setting.failover_priority)):
        if given:
            text = f"without outlierDetection nothing fails over, so {name} counts for nothing"
            hint = "add outlierDetection beside loadBalancer"
            yield warning(codes.NO_FAILOVER, at(origin, f"loadBalancer.localityLbSetting.{name}"), text, hint)
