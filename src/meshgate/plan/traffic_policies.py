"""Which parts of a DestinationRule count for one port of one subset.

A subset's parts replace the host's, part by part. Settings for a port replace all parts above them, also by nothing:
they inherit nothing. (istio:pilot/pkg/networking/util.go#MergeSubsetTrafficPolicy)
"""

from __future__ import annotations

from msgspec import Struct

from meshgate.api import (
    ClientTLSSettings,
    ConnectionPoolSettings,
    LoadBalancerSettings,
    Origin,
    OutlierDetection,
    ProxyProtocol,
    RetryBudget,
    TrafficPolicy,
)
from meshgate.mesh import BoundDestinationRule, at


class EffectivePolicy(Struct, frozen=True, kw_only=True, cache_hash=True):
    """What counts."""

    load_balancer: LoadBalancerSettings | None = None
    connection_pool: ConnectionPoolSettings | None = None
    outlier_detection: OutlierDetection | None = None
    tls: ClientTLSSettings | None = None
    proxy_protocol: ProxyProtocol | None = None
    retry_budget: RetryBudget | None = None
    tls_origin: Origin | None = None
    """Where `tls` is written."""


NO_POLICY = EffectivePolicy()


def effective_policy(rule: BoundDestinationRule | None, subset: str, port: int) -> EffectivePolicy:
    """What counts for a port of the host, or of one of its subsets."""
    if rule is None:
        return NO_POLICY
    policy = _layer(NO_POLICY, rule.policy, rule.policy_origin, port)
    bound = next((bound for bound in rule.subsets if bound.subset.name == subset), None) if subset else None
    if bound is None:
        return policy
    return _layer(policy, bound.subset.traffic_policy, at(bound.origin, "trafficPolicy"), port)


def _layer(below: EffectivePolicy, policy: TrafficPolicy | None, origin: Origin, port: int) -> EffectivePolicy:
    if policy is None:
        return below
    place, settings = next(
        ((place, found) for place, found in enumerate(policy.port_level_settings) if found.port == port), (0, None)
    )
    if settings is not None:
        return EffectivePolicy(
            load_balancer=settings.load_balancer,
            connection_pool=settings.connection_pool,
            outlier_detection=settings.outlier_detection,
            tls=settings.tls,
            proxy_protocol=below.proxy_protocol,
            retry_budget=below.retry_budget,
            tls_origin=at(origin, f"portLevelSettings[{place}].tls") if settings.tls else None,
        )
    return EffectivePolicy(
        load_balancer=policy.load_balancer or below.load_balancer,
        connection_pool=policy.connection_pool or below.connection_pool,
        outlier_detection=policy.outlier_detection or below.outlier_detection,
        tls=policy.tls or below.tls,
        proxy_protocol=policy.proxy_protocol or below.proxy_protocol,
        retry_budget=policy.retry_budget or below.retry_budget,
        tls_origin=at(origin, "tls") if policy.tls else below.tls_origin,
    )


def only_pool(policy: EffectivePolicy) -> EffectivePolicy:
    """What of a policy counts where it is received: nothing is chosen, put aside or secured there."""
    return EffectivePolicy(connection_pool=policy.connection_pool, retry_budget=policy.retry_budget)
