"""`envoy.filters.http.grpc_stats`: message counts of gRPC calls, kept in filter state for access logs and metrics.

Not for all methods: a metric per method that a client may invent would have no bound.
"""

from __future__ import annotations

from meshgate.plan.values import GrpcStatsFilter
from meshgate.proto import v3


def grpc_stats_filter(_plan: GrpcStatsFilter) -> v3.GrpcStats:
    return v3.GrpcStats(emit_filter_state=True, stats_for_all_methods={"value": False})
