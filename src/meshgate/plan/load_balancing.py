"""How an endpoint of a cluster is chosen, limited and put aside: the policy's load balancer, pool and outlier parts."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from msgspec import Struct

from meshgate.api import ConnectionPoolSettings, ConsistentHashLB, LoadBalancerSettings, OutlierDetection, SimpleLB
from meshgate.api import RetryBudget as GivenBudget
from meshgate.api import TcpKeepalive as GivenKeepalive
from meshgate.plan.values import (
    UNLIMITED,
    CircuitBreakers,
    Maglev,
    OutlierDetectionPlan,
    RetryBudget,
    RingHash,
    SlowStart,
    TcpKeepalive,
)

LbPolicy = Literal["ROUND_ROBIN", "LEAST_REQUEST", "RANDOM", "RING_HASH", "MAGLEV", "CLUSTER_PROVIDED"]

DEFAULT_RING_SIZE = 1024
"""Where neither `ringHash` nor the old `minimumRingSize` is given."""

DEFAULT_RETRY_PERCENT = 20.0
DEFAULT_RETRY_CONCURRENCY = 3


class Balancing(Struct, frozen=True, kw_only=True, cache_hash=True):
    """The load balancer of a cluster."""

    policy: LbPolicy = "LEAST_REQUEST"
    hashing: RingHash | Maglev | None = None
    slow_start: SlowStart | None = None
    is_passthrough: bool = False
    """Connections go where they were going."""


_SIMPLE: dict[SimpleLB, LbPolicy] = {
    SimpleLB.UNSPECIFIED: "LEAST_REQUEST",
    SimpleLB.LEAST_CONN: "LEAST_REQUEST",
    SimpleLB.LEAST_REQUEST: "LEAST_REQUEST",
    SimpleLB.RANDOM: "RANDOM",
    SimpleLB.ROUND_ROBIN: "ROUND_ROBIN",
    SimpleLB.PASSTHROUGH: "CLUSTER_PROVIDED",
}


def balancing(settings: LoadBalancerSettings | None) -> Balancing:
    """The load balancer that a policy asks for; least requests without one."""
    if settings is None:
        return Balancing()
    if settings.consistent_hash is not None:
        return _hashing(settings.consistent_hash)
    simple = settings.simple or SimpleLB.UNSPECIFIED
    policy = _SIMPLE[simple]
    return Balancing(
        policy=policy,
        slow_start=_slow_start(settings) if policy in ("ROUND_ROBIN", "LEAST_REQUEST") else None,
        is_passthrough=simple is SimpleLB.PASSTHROUGH,
    )


def _hashing(settings: ConsistentHashLB) -> Balancing:
    if settings.maglev is not None:
        return Balancing(policy="MAGLEV", hashing=Maglev(table_size=settings.maglev.table_size or None))
    if settings.ring_hash is not None:
        size = settings.ring_hash.minimum_ring_size or None
    else:
        size = settings.minimum_ring_size or DEFAULT_RING_SIZE
    return Balancing(policy="RING_HASH", hashing=RingHash(minimum_ring_size=size))


def _slow_start(settings: LoadBalancerSettings) -> SlowStart | None:
    if settings.warmup is not None and settings.warmup.duration is not None:
        return SlowStart(
            window=settings.warmup.duration,
            aggression=settings.warmup.aggression,
            min_weight_percent=settings.warmup.minimum_percent,
        )
    return SlowStart(window=settings.warmup_duration_secs) if settings.warmup_duration_secs else None


def circuit_breakers(pool: ConnectionPoolSettings | None, budget: GivenBudget | None = None) -> CircuitBreakers:
    """Limits of a cluster; what is not limited is unlimited, unlike in Envoy."""
    tcp, http = (pool.tcp, pool.http) if pool else (None, None)
    return CircuitBreakers(
        max_connections=_limit(tcp.max_connections if tcp else 0),
        max_pending_requests=_limit(http.http1_max_pending_requests if http else 0),
        max_requests=_limit(http.http2_max_requests if http else 0),
        max_retries=_limit(http.max_retries if http else 0),
        retry_budget=None if budget is None else _retry_budget(budget),
    )


def _retry_budget(given: GivenBudget) -> RetryBudget:
    percent = DEFAULT_RETRY_PERCENT if given.percent is None else given.percent
    return RetryBudget(percent=percent, min_concurrency=given.min_retry_concurrency or DEFAULT_RETRY_CONCURRENCY)


def _limit(given: int) -> int:
    return given if given > 0 else UNLIMITED


def connect_timeout(pool: ConnectionPoolSettings | None, default: timedelta) -> timedelta:
    """How long a connection may take."""
    return (pool.tcp.connect_timeout if pool and pool.tcp else None) or default


def tcp_keepalive(pool: ConnectionPoolSettings | None, default: GivenKeepalive | None) -> TcpKeepalive | None:
    """Keepalive of connections to endpoints."""
    given = (pool.tcp.tcp_keepalive if pool and pool.tcp else None) or default
    if given is None:
        return None
    return TcpKeepalive(
        probes=given.probes or None, time_s=_whole_seconds(given.time), interval_s=_whole_seconds(given.interval)
    )


def _whole_seconds(duration: timedelta | None) -> int | None:
    return None if duration is None else duration // timedelta(seconds=1)


def outlier_detection(given: OutlierDetection | None) -> OutlierDetectionPlan | None:
    """When an endpoint is put aside."""
    if given is None:
        return None
    split = given.split_external_local_origin_errors
    return OutlierDetectionPlan(
        consecutive_5xx=given.consecutive_5xx_errors,
        consecutive_gateway_failure=given.consecutive_gateway_errors,
        split_external_local_origin_errors=split,
        consecutive_local_origin_failure=(given.consecutive_local_origin_failures or None) if split else None,
        interval=given.interval,
        base_ejection_time=given.base_ejection_time,
        max_ejection_percent=given.max_ejection_percent or None,
    )
