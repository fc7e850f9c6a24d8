"""`envoy.filters.http.dynamic_forward_proxy`: resolves the request's host for a cluster of the same DNS cache."""

from __future__ import annotations

from meshgate.envoy.upstream import dns_cache
from meshgate.plan.values import DynamicForwardProxyFilter, DynamicForwardProxySettings
from meshgate.proto import v3


def dynamic_forward_proxy_filter(plan: DynamicForwardProxyFilter) -> v3.DynamicForwardProxyFilter:
    return v3.DynamicForwardProxyFilter(
        dns_cache_config=dns_cache(DynamicForwardProxySettings(dns_cache=plan.dns_cache))
    )
