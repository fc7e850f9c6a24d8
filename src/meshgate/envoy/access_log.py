"""Access logs: text or JSON lines in a file, of which `/dev/stdout` is the usual one.

Lines are buffered: how long is said on Envoy's command line (`envoy_arguments`).
"""

from __future__ import annotations

import json
from typing import assert_never

from meshgate.envoy.memo import Memo
from meshgate.envoy.spelling import XDS_CLUSTER, packed
from meshgate.plan.values import AccessLog, BlockedLog, FileAccessLog, JsonFormat, TextFormat
from meshgate.proto import v3

BLOCKED_STATUS = 502


def access_log(plan: AccessLog, _memo: Memo) -> v3.AccessLogDict:
    match plan:
        case FileAccessLog():
            return _file(plan)
        case BlockedLog():
            return _blocked(plan)
        case _:
            assert_never(plan)


def _file(plan: FileAccessLog) -> v3.AccessLogDict:
    config = v3.FileAccessLog(path=plan.path, log_format=_format(plan.format))
    spelled: v3.AccessLogDict = {"name": "envoy.access_loggers.file", "typed_config": packed(config)}
    if plan.filter is not None:
        spelled["filter"] = {"response_flag_filter": {"flags": plan.filter.flags}}
    return spelled


def _blocked(plan: BlockedLog) -> v3.AccessLogDict:
    """The SNI of TLS that is not terminated is in no field of an entry, so it is a tag."""
    common: v3.CommonGrpcAccessLogConfigDict = {
        "log_name": "blocked",
        "grpc_service": {"envoy_grpc": {"cluster_name": XDS_CLUSTER}},
        "transport_api_version": "V3",
        "custom_tags": [{"tag": "sni", "value": "%REQUESTED_SERVER_NAME%"}],
    }
    if not plan.is_http:
        config = v3.TcpGrpcAccessLogConfig(common_config=common)
        return {"name": "envoy.access_loggers.tcp_grpc", "typed_config": packed(config)}
    value: v3.RuntimeUInt32Dict = {"default_value": BLOCKED_STATUS, "runtime_key": "meshgate.blocked_status"}
    return {
        "name": "envoy.access_loggers.http_grpc",
        "typed_config": packed(v3.HttpGrpcAccessLogConfig(common_config=common)),
        "filter": {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}},
    }


def _format(plan: TextFormat | JsonFormat) -> v3.SubstitutionFormatStringDict:
    match plan:
        case TextFormat():
            return {"text_format_source": {"inline_string": plan.text}, "formatters": _formatters(plan.text)}
        case JsonFormat():
            # Envoy writes the keys sorted; protobuf's maps have no order
            return {"json_format": json.loads(plan.text), "formatters": _formatters(plan.text)}
        case _:
            assert_never(plan)


def _formatters(operators: str) -> list[v3.TypedExtensionConfigDict]:
    """The one operator that needs an extension; Envoy warns if an operator that is built in is named."""
    if "%REQ_WITHOUT_QUERY(" not in operators:
        return []
    return [{"name": "envoy.formatter.req_without_query", "typed_config": packed(v3.ReqWithoutQuery())}]
