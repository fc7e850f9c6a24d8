"""Our virtual hosts and clusters against those that Istio made, field by field.

What stock Envoy's schema lacks (Istio's own filters) is left out, as is what `accepted` names with its reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from google.protobuf.message import Message

from meshgate.explain import Configuration
from meshgate.explain.simulate.configuration import unpack_as
from meshgate.proto import from_json, to_json, v3
from tests.conformance.accepted import unexplained
from tests.conformance.cases import Raw
from tests.conformance.integration.cases import IntegrationCase
from tests.conformance.istio_xds import without_unknown
from tests.conformance.outcome import Outcome, verdict


def compared(case: IntegrationCase, proxy: str, theirs: Raw, ours: Configuration) -> Iterator[Outcome]:
    """An outcome for each virtual host and cluster that Istio made for this proxy."""
    for key, virtual_host in theirs.get("virtual_hosts", {}).items():
        mine = _virtual_host(ours, *key.split(" / ", 1))
        yield _outcome(case, f"virtual host {key} of {proxy}", virtual_host, mine, v3.VirtualHost)
    for name, cluster in theirs.get("clusters", {}).items():
        yield _outcome(case, f"cluster {name} of {proxy}", cluster, ours.clusters.get(name), v3.Cluster)


def items(theirs: Mapping[str, Raw]) -> list[str]:
    """Names of what would be compared."""
    return [
        f"{kind} {name} of {proxy}"
        for proxy, resources in theirs.items()
        for kind, field in (("virtual host", "virtual_hosts"), ("cluster", "clusters"))
        for name in resources.get(field, {})
    ]


def _virtual_host(ours: Configuration, configuration: str, name: str) -> v3.VirtualHost | None:
    """Of a route configuration of its own, or of one that is written into a connection manager."""
    routes = ours.route_configurations.get(configuration)
    candidates = _inline(ours) if configuration == "inline" else [routes] if routes is not None else []
    return next((host for one in candidates for host in one.virtual_hosts if host.name == name), None)


def _inline(ours: Configuration) -> Iterator[v3.RouteConfiguration]:
    for listener in ours.listeners:
        for chain in (*listener.filter_chains, listener.default_filter_chain):
            managers = (unpack_as(one.typed_config, v3.HttpConnectionManager) for one in chain.filters)
            yield from (one.route_config for one in managers if one is not None and one.HasField("route_config"))


def _outcome(case: IntegrationCase, item: str, theirs: Raw, ours: Message | None, cls: type[Message]) -> Outcome:
    return verdict(case.id, item, _difference(theirs, ours, cls))


def is_secured(case: IntegrationCase) -> bool:
    """Whether TLS to endpoints is asked for by a rule."""
    return any(_has_tls(raw["spec"]) for raw in case.config if raw["kind"] == "DestinationRule")


def _has_tls(value: object) -> bool:
    """A `tls` with a mode other than DISABLE, for the host, a subset or a port."""
    if isinstance(value, list):
        return any(_has_tls(one) for one in value)
    if not isinstance(value, dict):
        return False
    tls = value.get("tls")
    return (isinstance(tls, dict) and tls.get("mode", "DISABLE") != "DISABLE") or any(map(_has_tls, value.values()))


def _difference(theirs: Raw, ours: Message | None, cls: type[Message]) -> str:
    if ours is None:
        return "missing"
    expected = to_json(from_json(without_unknown(theirs), cls))
    return "; ".join(str(one) for one in unexplained(expected, to_json(ours)))
