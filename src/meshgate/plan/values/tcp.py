"""TCP: bytes go to one cluster, or to one of several by weight."""

from __future__ import annotations

from datetime import timedelta

from msgspec import Struct

from meshgate.api import Origin
from meshgate.plan.values.access_log import AccessLog


class WeightedTcpCluster(Struct, frozen=True, kw_only=True, cache_hash=True):
    """One of the clusters and its share of the sum of all weights."""

    cluster: str
    weight: int


class TcpProxyPlan(Struct, frozen=True, kw_only=True, cache_hash=True):
    """The `tcp_proxy` network filter. `clusters` is never empty; with one cluster its weight says nothing."""

    stat_prefix: str
    clusters: tuple[WeightedTcpCluster, ...]
    idle_timeout: timedelta | None = None
    """None is Envoy's hour."""
    hash_source_ip: bool = False
    access_logs: tuple[AccessLog, ...] = ()
    origin: Origin | None = None
