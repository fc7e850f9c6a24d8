"""Listener filters that look at the first bytes: there only if a chain asks for what they find out.

Looking costs a moment and can wait for bytes of a client that waits itself, so on ports where nothing depends on it an
inspector is switched off. (istio:pilot/pkg/networking/core/listener_builder.go#populateListenerFilters)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from meshgate.plan import names
from meshgate.plan.values import (
    FilterChainPlan,
    HttpInspectorFilter,
    ListenerFilter,
    PortPredicate,
    TlsInspectorFilter,
)

FIRST_READ_BYTES = 512
"""Most ClientHellos fit; the inspector reads on if one does not."""


def needs_tls_inspector(chain: FilterChainPlan) -> bool:
    """Whether the match needs to know TLS from other bytes, or the SNI."""
    return chain.match is not None and (chain.match.transport_protocol == "tls" or bool(chain.match.server_names))


def needs_http_inspector(chain: FilterChainPlan) -> bool:
    """Whether the match needs to know plaintext HTTP from other bytes."""
    return chain.match is not None and any(
        protocol in names.PLAINTEXT_HTTP_ALPN for protocol in chain.match.application_protocols
    )


def inspectors(chains: Iterable[FilterChainPlan]) -> tuple[ListenerFilter, ...]:
    """The inspectors of an outbound listener. TLS first: it spares the other one looking at TLS."""
    chains = tuple(chains)
    found: list[ListenerFilter] = []
    if any(needs_tls_inspector(chain) for chain in chains):
        found.append(TlsInspectorFilter(initial_read_buffer_size=FIRST_READ_BYTES))
    if any(needs_http_inspector(chain) for chain in chains):
        found.append(HttpInspectorFilter())
    return tuple(found)


def inspectors_by_port(chains: Iterable[FilterChainPlan]) -> tuple[ListenerFilter, ...]:
    """The inspectors of the inbound listener, switched off on the ports that have no use for them."""
    chains = tuple(chains)
    found: list[ListenerFilter] = []
    if any(needs_tls_inspector(chain) for chain in chains):
        disabled = _useless_ports(chains, needs_tls_inspector)
        found.append(TlsInspectorFilter(disabled=disabled, initial_read_buffer_size=FIRST_READ_BYTES))
    if any(needs_http_inspector(chain) for chain in chains):
        found.append(HttpInspectorFilter(disabled=_ports_without_http(chains)))
    return tuple(found)


def _useless_ports(chains: Iterable[FilterChainPlan], needs: Callable[[FilterChainPlan], bool]) -> PortPredicate | None:
    """Ports without use for an inspector; chains without a port (0 here) decide for all ports that are not named."""
    use = _use_by_port(chains, needs)
    if not use[0]:
        return PortPredicate(ports=tuple(sorted(port for port in use if use[port])), negated=True)
    useless = tuple(sorted(port for port in use if port and not use[port]))
    return PortPredicate(ports=useless) if useless else None


def _ports_without_http(chains: Iterable[FilterChainPlan]) -> PortPredicate | None:
    """Ports without use for the HTTP inspector. As in Istio it is on for the ports that are not named, be it of use to
    them or not: those of the chains without a port count as one more port, 0."""
    use = _use_by_port(chains, needs_http_inspector)
    useless = tuple(sorted(port for port in use if not use[port]))
    return PortPredicate(ports=useless) if useless else None


def _use_by_port(chains: Iterable[FilterChainPlan], needs: Callable[[FilterChainPlan], bool]) -> dict[int, bool]:
    use: dict[int, bool] = defaultdict(bool)
    for chain in chains:
        port = (chain.match.destination_port if chain.match else None) or 0
        use[port] = use[port] or needs(chain)
    return use
