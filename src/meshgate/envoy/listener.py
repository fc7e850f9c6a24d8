"""Listeners: where they are bound, and their filter chains."""

from __future__ import annotations

from meshgate.envoy.access_log import access_log
from meshgate.envoy.listener_filters import listener_filter
from meshgate.envoy.memo import Memo
from meshgate.envoy.metadata import config_metadata, config_path
from meshgate.envoy.network_filters import network_filters
from meshgate.envoy.spelling import address, cidr_range, duration
from meshgate.envoy.tls import downstream_tls
from meshgate.plan.values import FilterChainMatch, FilterChainPlan, ListenerPlan
from meshgate.proto import v3


def listener_body(plan: ListenerPlan, memo: Memo) -> bytes:
    return v3.Listener(**_listener(plan, memo)).SerializeToString(deterministic=True)


def _listener(plan: ListenerPlan, memo: Memo) -> v3.ListenerDict:
    spelled: v3.ListenerDict = {
        "name": plan.name,
        "address": address(plan.address),
        "additional_addresses": [{"address": address(other)} for other in plan.additional_addresses],
        "filter_chains": [_filter_chain(chain, memo) for chain in plan.filter_chains],
        "listener_filters": [listener_filter(item) for item in plan.listener_filters],
        "continue_on_listener_filters_timeout": plan.continue_on_listener_filters_timeout,
        "traffic_direction": plan.direction,
        "access_log": [memo.of(access_log, log) for log in plan.access_logs],
    }
    if plan.default_filter_chain is not None:
        spelled["default_filter_chain"] = _filter_chain(plan.default_filter_chain, memo)
    if not plan.bind_to_port:
        spelled["bind_to_port"] = {"value": False}
    if plan.use_original_dst:
        spelled["use_original_dst"] = {"value": True}
    if plan.transparent:
        spelled["transparent"] = {"value": True}
    if plan.listener_filters_timeout is not None:
        spelled["listener_filters_timeout"] = duration(plan.listener_filters_timeout)
    if plan.max_connections_per_socket_event is not None:
        spelled["max_connections_to_accept_per_socket_event"] = {"value": plan.max_connections_per_socket_event}
    return spelled


def _filter_chain(plan: FilterChainPlan, memo: Memo) -> v3.FilterChainDict:
    spelled: v3.FilterChainDict = {
        "name": plan.name,
        "filters": [spelled for item in plan.filters for spelled in network_filters(item, memo)],
    }
    if plan.match is not None:
        spelled["filter_chain_match"] = _match(plan.match)
    if plan.tls is not None:
        spelled["transport_socket"] = downstream_tls(plan.tls)
    if plan.transport_connect_timeout is not None:
        spelled["transport_socket_connect_timeout"] = duration(plan.transport_connect_timeout)
    metadata = config_metadata(config_path(plan.origin)) if plan.origin is not None else None
    if metadata is not None:
        spelled["metadata"] = metadata
    return spelled


def _match(match: FilterChainMatch) -> v3.FilterChainMatchDict:
    spelled: v3.FilterChainMatchDict = {
        "prefix_ranges": [cidr_range(item) for item in match.prefix_ranges],
        "server_names": match.server_names,
        "transport_protocol": match.transport_protocol,
        "application_protocols": match.application_protocols,
        "direct_source_prefix_ranges": [cidr_range(item) for item in match.direct_source_prefix_ranges],
        "source_type": match.source_type,
        "source_prefix_ranges": [cidr_range(item) for item in match.source_prefix_ranges],
        "source_ports": match.source_ports,
    }
    if match.destination_port is not None:
        spelled["destination_port"] = {"value": match.destination_port}
    return spelled
