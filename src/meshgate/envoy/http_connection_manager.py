"""The HTTP connection manager: codec, headers about the client, path normalisation, filters, routes."""

from __future__ import annotations

from typing import assert_never

from meshgate.envoy.access_log import access_log
from meshgate.envoy.headers import preserved_case
from meshgate.envoy.http_filters import http_filters
from meshgate.envoy.memo import Memo
from meshgate.envoy.route_configuration import inline_route_configuration
from meshgate.envoy.spelling import ads, duration, packed
from meshgate.plan.values import HttpConnectionManagerPlan, RdsReference, RouteConfigurationPlan
from meshgate.proto import v3


def http_connection_manager(plan: HttpConnectionManagerPlan, memo: Memo) -> v3.HttpConnectionManagerDict:
    spelled: v3.HttpConnectionManagerDict = {
        "stat_prefix": plan.stat_prefix,
        "codec_type": plan.codec,
        "server_name": plan.server_name,
        "http_filters": http_filters(plan.http_filters, memo),
        "stream_idle_timeout": duration(plan.stream_idle_timeout),
        "proxy_100_continue": plan.proxy_100_continue,
        "upgrade_configs": [{"upgrade_type": upgrade} for upgrade in plan.upgrades],
        "access_log": [memo.of(access_log, log) for log in plan.access_logs],
    }
    if plan.server_header != "OVERWRITE":
        spelled["server_header_transformation"] = plan.server_header
    if not plan.generates_request_id:
        spelled["generate_request_id"] = {"value": False}
    _fill_routes(spelled, plan)
    _fill_client(spelled, plan)
    _fill_protocol(spelled, plan)
    _fill_normalization(spelled, plan)
    if plan.request_id_for_trace_sampling:
        uuid = packed(v3.UuidRequestIdConfig(use_request_id_for_trace_sampling={"value": True}))
        spelled["request_id_extension"] = {"typed_config": uuid}
    return spelled


def _fill_routes(spelled: v3.HttpConnectionManagerDict, plan: HttpConnectionManagerPlan) -> None:
    match plan.routes:
        case RdsReference(name=name):
            spelled["rds"] = {"route_config_name": name, "config_source": ads()}
        case RouteConfigurationPlan():
            spelled["route_config"] = inline_route_configuration(plan.routes)
        case _:
            assert_never(plan.routes)


def _fill_client(spelled: v3.HttpConnectionManagerDict, plan: HttpConnectionManagerPlan) -> None:
    """What is told and believed about the client."""
    spelled["use_remote_address"] = {"value": plan.use_remote_address}
    spelled["xff_num_trusted_hops"] = plan.xff_trusted_hops
    spelled["append_x_forwarded_port"] = plan.append_x_forwarded_port
    spelled["forward_client_cert_details"] = plan.forward_client_certificate
    details = plan.client_certificate_details
    if details is not None:
        spelled["set_current_client_cert_details"] = {
            "subject": {"value": details.subject},
            "cert": details.cert,
            "chain": details.chain,
            "dns": details.dns,
            "uri": details.uri,
        }


def _fill_protocol(spelled: v3.HttpConnectionManagerDict, plan: HttpConnectionManagerPlan) -> None:
    if plan.idle_timeout is not None:
        spelled["common_http_protocol_options"] = {"idle_timeout": duration(plan.idle_timeout)}
    http1: v3.Http1ProtocolOptionsDict = {}
    if plan.accept_http_10:
        http1["accept_http_10"] = True
    if plan.preserve_header_case:
        http1["header_key_format"] = preserved_case()
    if http1:
        spelled["http_protocol_options"] = http1


def _fill_normalization(spelled: v3.HttpConnectionManagerDict, plan: HttpConnectionManagerPlan) -> None:
    spelled["normalize_path"] = {"value": plan.normalization.normalize_path}
    spelled["merge_slashes"] = plan.normalization.merge_slashes
    spelled["path_with_escaped_slashes_action"] = plan.normalization.escaped_slashes
