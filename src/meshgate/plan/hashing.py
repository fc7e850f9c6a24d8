"""Consistent hashing: a DestinationRule's load balancer decides what routes must hash.

(istio:pilot/pkg/networking/core/route/route.go#hashForHTTPDestination)
"""

from __future__ import annotations

from meshgate.api import ConsistentHashLB, TrafficPolicy
from meshgate.mesh import BoundDestinationRule
from meshgate.plan.values import HashCookie, HashHeader, HashPolicy, HashQuery, HashSourceIp


def consistent_hash(rule: BoundDestinationRule | None, subset: str, port: int) -> ConsistentHashLB | None:
    """The first setting that is there: of the subset's port, the subset, the host's port, the host."""
    if rule is None:
        return None
    named = next(
        (bound.subset.traffic_policy for bound in rule.subsets if bound.subset.name == subset and subset), None
    )
    for policy in (named, rule.policy):
        found = _of_port(policy, port) or _of_policy(policy)
        if found is not None:
            return found
    return None


def _of_port(policy: TrafficPolicy | None, port: int) -> ConsistentHashLB | None:
    for settings in policy.port_level_settings if policy else ():
        if settings.port == port and settings.load_balancer is not None:
            return settings.load_balancer.consistent_hash
    return None


def _of_policy(policy: TrafficPolicy | None) -> ConsistentHashLB | None:
    return policy.load_balancer.consistent_hash if policy and policy.load_balancer else None


def hash_policies(settings: ConsistentHashLB | None) -> tuple[HashPolicy, ...]:
    """What a route hashes."""
    if settings is None:
        return ()
    if settings.http_header_name:
        return (HashHeader(name=settings.http_header_name),)
    if settings.http_cookie is not None:
        cookie = settings.http_cookie
        attributes = tuple((attribute.name, attribute.value) for attribute in cookie.attributes)
        return (HashCookie(name=cookie.name, ttl=cookie.ttl, path=cookie.path, attributes=attributes),)
    if settings.use_source_ip:
        return (HashSourceIp(),)
    if settings.http_query_parameter_name:
        return (HashQuery(name=settings.http_query_parameter_name),)
    return ()
