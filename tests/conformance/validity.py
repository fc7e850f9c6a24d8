"""What Istio's tests demand of every generated configuration, and Envoy of each resource.

Names and addresses are unique, no domain or filter chain match comes twice, inspectors are there where chains need what
they find, and the field rules of the schema hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator

from google.protobuf.message import Message

from meshgate.explain import Configuration
from meshgate.explain.simulate.configuration import unpack_as
from meshgate.proto import v3
from tests.conformance.field_rules import broken_rules

_MAX_BODY_BYTES = 1048576


def faults_of(configuration: Configuration) -> list[str]:
    """All that is wrong, in words."""
    return [
        *_broken_field_rules(configuration),
        *_duplicates("listener", (one.name for one in configuration.listeners)),
        *_duplicates("listener address", (one.address.SerializeToString() for one in configuration.listeners)),
        *(fault for one in configuration.listeners for fault in _listener_faults(one)),
        *(fault for one in configuration.route_configurations.values() for fault in _route_faults(one)),
        *(fault for one in configuration.clusters.values() for fault in _cluster_faults(one)),
    ]


def _broken_field_rules(configuration: Configuration) -> Iterator[str]:
    resources: list[tuple[str, Message]] = [
        *((one.name, one) for one in configuration.listeners),
        *configuration.route_configurations.items(),
        *configuration.clusters.items(),
    ]
    for name, resource in resources:
        yield from (f"{name}: {broken}" for broken in broken_rules(resource))


def _duplicates(what: str, values: Iterable[Hashable]) -> Iterator[str]:
    yield from (f"{what} {value!r} comes {count} times" for value, count in Counter(values).items() if count > 1)


def _route_faults(routes: v3.RouteConfiguration) -> Iterator[str]:
    where = f"route configuration {routes.name}:"
    yield from _duplicates(f"{where} virtual host", (one.name for one in routes.virtual_hosts))
    yield from _duplicates(f"{where} domain", (domain for one in routes.virtual_hosts for domain in one.domains))
    if routes.max_direct_response_body_size_bytes.value != _MAX_BODY_BYTES:
        yield f"{where} max_direct_response_body_size_bytes is not {_MAX_BODY_BYTES}"


def _cluster_faults(cluster: v3.Cluster) -> Iterator[str]:
    if cluster.HasField("transport_socket") and cluster.transport_socket_matches:
        yield f"cluster {cluster.name}: both transport_socket and transport_socket_matches"


def _listener_faults(listener: v3.Listener) -> Iterator[str]:
    where = f"listener {listener.name}:"
    matches = [chain.filter_chain_match for chain in listener.filter_chains]
    filters = [one.name for one in listener.listener_filters]
    yield from _duplicates(f"{where} match", (match.SerializeToString(deterministic=True) for match in matches))
    yield from _duplicates(f"{where} listener filter", filters)
    has_tls = "envoy.filters.listener.tls_inspector" in filters
    if not has_tls and any(match.transport_protocol == "tls" or match.server_names for match in matches):
        yield f"{where} TLS is matched without a TLS inspector"
    has_either = has_tls or "envoy.filters.listener.http_inspector" in filters
    if not has_either and any(match.application_protocols for match in matches):
        yield f"{where} application protocols are matched without an inspector"
    yield from (f"{where} {fault}" for fault in _chain_faults(listener))


def _chain_faults(listener: v3.Listener) -> Iterator[str]:
    by_port: dict[int, set[bool]] = {}
    for chain in listener.filter_chains:
        match = chain.filter_chain_match
        by_port.setdefault(match.destination_port.value, set()).add(bool(match.transport_protocol))
        if match.transport_protocol == "tls" and _is_http(chain) and not chain.HasField("transport_socket"):
            yield f"chain {chain.name} matches TLS and speaks HTTP, but does not terminate TLS"
        is_own_port = match.destination_port.value == listener.address.socket_address.port_value
        if listener.name == "virtualInbound" and not is_own_port and not match.transport_protocol:
            yield f"chain {chain.name} sets no transport protocol"
    yield from (
        f"port {port}: only some chains set the transport protocol" for port, used in by_port.items() if len(used) > 1
    )


def _is_http(chain: v3.FilterChain) -> bool:
    return any(unpack_as(one.typed_config, v3.HttpConnectionManager) for one in chain.filters)
