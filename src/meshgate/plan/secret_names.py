"""Which secrets a proxy will ask the control plane for: all that its plan names, and no others are given to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshgate.plan.compose import Part, Plan
from meshgate.plan.values import ClusterPlan, DownstreamTls, ListenerPlan, UpstreamTls


def secret_names(plan: Plan) -> frozenset[str]:
    """The names of a whole plan."""
    return frozenset().union(*(part_secret_names(part) for part in plan.parts))


def part_secret_names(part: Part) -> frozenset[str]:
    """The names of one part."""
    downstream = (name for tls in _of_listeners(part.listeners) for name in _names(tls))
    upstream = (name for tls in _of_clusters(part.clusters) for name in _names(tls))
    return frozenset((*downstream, *upstream))


def _of_listeners(listeners: Iterable[ListenerPlan]) -> Iterator[DownstreamTls]:
    for listener in listeners:
        chains = (*listener.filter_chains, listener.default_filter_chain)
        yield from (chain.tls for chain in chains if chain is not None and chain.tls is not None)


def _of_clusters(clusters: Iterable[ClusterPlan]) -> Iterator[UpstreamTls]:
    for cluster in clusters:
        if cluster.tls is not None:
            yield cluster.tls
        yield from (choice.tls for choice in cluster.tls_choices if choice.tls is not None)


def _names(tls: DownstreamTls | UpstreamTls) -> Iterator[str]:
    roots = (tls.validation.roots,) if tls.validation is not None else ()
    yield from (secret.name for secret in (*tls.certificates, *roots) if not secret.provider)
