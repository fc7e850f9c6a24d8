"""The proxy as one that sends: all of it on which its outbound part depends.

Proxies with equal clients share that part, so it holds as little as possible: of the labels only those that some rule
looks at, the namespace only if some rule names it, of the addresses only their families. What else depends on the
namespace is in the view.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec
from msgspec import Struct

from meshgate.api import Labels
from meshgate.mesh import ClientSelectors, HeadlessAddresses, with_topology
from meshgate.plan.proxy import Proxy


class Place(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Where a client is, as far as endpoints are preferred by it."""

    locality: str = ""
    """`region/zone/subzone`."""
    labels: Labels = ()
    """Those in a `failoverPriority`, of the workload and its place."""


class Client(Struct, frozen=True, kw_only=True, cache_hash=True):
    """What decides the outbound part of a plan, beside what the namespace sees."""

    role: Literal["sidecar", "router"]
    source_namespace: str = ""
    """The namespace, if some match names it as its source."""
    labels: Labels = ()
    has_ipv4: bool = True
    has_ipv6: bool = False
    dns_resolver: tuple[str, int] | None = None
    place: Place | None = None
    """None: nothing in the mesh depends on it."""
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
        place=_place(proxy, selectors.place_keys),
        own_address=first if any(first in found.addresses for found in headless) else "",
    )


def _place(proxy: Proxy, keys: frozenset[str] | None) -> Place | None:
    if keys is None:
        return None
    labels = with_topology(proxy.labels, proxy.locality, proxy.cluster_id, node=proxy.node)
    return Place(locality=proxy.locality, labels=tuple(pair for pair in labels if pair[0] in keys))


def placeless(client: Client) -> Client:
    """The client for what does not depend on where it is: all but clusters."""
    return client if client.place is None else msgspec.structs.replace(client, place=None)
