"""`envoy.filters.http.router`: forwards to the cluster of the route."""

from __future__ import annotations

from meshgate.plan.values import RouterFilter
from meshgate.proto import v3


def router_filter(plan: RouterFilter) -> v3.Router:
    return v3.Router(suppress_envoy_headers=plan.suppress_envoy_headers)
