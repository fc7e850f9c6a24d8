"""Which virtual host has the request's host.

An exact domain wins over any wildcard; then the longest `*suffix`, then the longest `prefix*`, then `*`. A wildcard
stands for at least one character. Hosts are compared without regard to case; the port counts unless the route
configuration ignores it.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto#config-route-v3-virtualhost
"""

from __future__ import annotations

from meshgate.explain.simulate.request import port_start
from meshgate.proto import v3

_EXACT, _SUFFIX, _PREFIX, _ANY = 3, 2, 1, 0


def choose_virtual_host(configuration: v3.RouteConfiguration, host: str) -> v3.VirtualHost | None:
    """The virtual host that owns the most specific domain for this host."""
    start = port_start(host)
    if configuration.ignore_port_in_host_matching and start >= 0:
        host = host[:start]
    host = host.lower()
    ranked = (
        (rank, virtual_host)
        for virtual_host in configuration.virtual_hosts
        for domain in virtual_host.domains
        if (rank := _rank(domain.lower(), host)) is not None
    )
    best = max(ranked, key=lambda pair: pair[0], default=None)
    return best[1] if best else None


def _rank(domain: str, host: str) -> tuple[int, int] | None:
    if domain == "*":
        return _ANY, 0
    if domain.startswith("*"):
        return (_SUFFIX, len(domain)) if _is_longer(host, domain) and host.endswith(domain[1:]) else None
    if domain.endswith("*"):
        return (_PREFIX, len(domain)) if _is_longer(host, domain) and host.startswith(domain[:-1]) else None
    return (_EXACT, 0) if domain == host else None


def _is_longer(host: str, wildcard: str) -> bool:
    return len(host) >= len(wildcard)
