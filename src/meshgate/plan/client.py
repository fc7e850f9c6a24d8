"""The proxy as one that sends: all of it on which its outbound part depends.

Proxies with equal clients share that part, so it holds as little as possible: of the labels only those that some rule
looks at, the namespace only if some rule names it, of the addresses only their families. What else depends on the
namespace is in the view.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from meshgate.api import Labels
from meshgate.mesh import ClientSelectors, HeadlessAddresses
from meshgate.plan.proxy import Proxy


class Client(Struct, frozen=True, kw_only=True, cache_hash=True):
    """What decides the outbound part of a plan, beside what the namespace sees."""

    role: Literal["sidecar", "router"]
    source_namespace: str = ""
    """The namespace, if some match names it as its source."""
    labels: Labels = ()
    has_ipv4: bool = True
    has_ipv6: bool = False
    dns_resolver: tuple[str, int] | None = None
    own_address: str = ""
    """Given where the proxy itself is behind a headless service: it needs no listener for itself."""


def client_of(proxy: Proxy, selectors: ClientSelectors, headless: Iterable[HeadlessAddresses]) -> Client:
    """The client that a proxy is."""
    first = proxy.addresses[0] if proxy.addresses else ""
    has_ipv6 = any(":" in address for address in proxy.addresses)
    return Client(
        role=proxy.role,
        source_namespace=proxy.namespace if proxy.namespace in selectors.namespaces else "",
        labels=tuple(pair for pair in proxy.labels if pair[0] in selectors.label_keys),
        has_ipv4=not has_ipv6 or any("." in address for address in proxy.addresses),
        has_ipv6=has_ipv6,
        dns_resolver=proxy.dns_resolver,
        own_address=first if any(first in found.addresses for found in headless) else "",
    )
