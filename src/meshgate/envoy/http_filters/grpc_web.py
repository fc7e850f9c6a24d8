"""`envoy.filters.http.grpc_web`: browsers' gRPC calls become ordinary ones."""

from __future__ import annotations

from meshgate.plan.values import GrpcWebFilter
from meshgate.proto import v3


def grpc_web_filter(_plan: GrpcWebFilter) -> v3.GrpcWeb:
    return v3.GrpcWeb()
