"""TCP: bytes go to one cluster, or to one of several by weight; a filter before that may read them."""

from __future__ import annotations

from datetime import timedelta

from msgspec import Struct

from meshgate.api import Origin
from meshgate.plan.values.access_log import AccessLog


class WeightedTcpCluster(Struct, frozen=True, kw_only=True, cache_hash=True):
    """One of the clusters and its share of the sum of all weights."""

    cluster: str
    weight: int


class SniLookup(Struct, frozen=True, kw_only=True, cache_hash=True):
    """The `sni_dynamic_forward_proxy` network filter: it looks the SNI up for a cluster of the same DNS cache."""

    dns_cache: str
    port: int
    """Where the address is connected to."""


class TcpProxyPlan(Struct, frozen=True, kw_only=True, cache_hash=True):
    """The `tcp_proxy` network filter. `clusters` is never empty."""

    stat_prefix: str
    clusters: tuple[WeightedTcpCluster, ...]
    is_weighted: bool = False
    """Weights are written even if there is only one cluster."""
    idle_timeout: timedelta | None = None
    """None is Envoy's hour."""
    max_connection_duration: timedelta | None = None
    """None is no limit."""
    hash_source_ip: bool = False
    max_connect_attempts: int | None = None
    """How many endpoints are tried until one takes the connection; None is Envoy's one."""
    alpn: tuple[str, ...] = ()
    """What is offered to the endpoint whatever its cluster says (a `set_filter_state` filter before this one)."""
    sni_lookup: SniLookup | None = None
    """Before the connection is made: a filter that stands before this one."""
    access_logs: tuple[AccessLog, ...] = ()
    origin: Origin | None = None


class MongoProxyPlan(Struct, frozen=True, kw_only=True, cache_hash=True):
    """The `mongo_proxy` network filter: statistics of MongoDB's operations. Other bytes pass it as they are."""

    stat_prefix: str
    origin: Origin | None = None
