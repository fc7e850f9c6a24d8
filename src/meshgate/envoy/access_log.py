"""Access logs: text or JSON lines in a file, of which `/dev/stdout` is the usual one.

Lines are buffered: how long is said on Envoy's command line (`envoy_arguments`).
"""

from __future__ import annotations

import json
from typing import assert_never

from meshgate.envoy.memo import Memo
from meshgate.envoy.spelling import packed
from meshgate.plan.values import AccessLog, JsonFormat, TextFormat
from meshgate.proto import v3


def access_log(plan: AccessLog, _memo: Memo) -> v3.AccessLogDict:
    config = v3.FileAccessLog(path=plan.path, log_format=_format(plan.format))
    spelled: v3.AccessLogDict = {"name": "envoy.access_loggers.file", "typed_config": packed(config)}
    if plan.filter is not None:
        spelled["filter"] = {"response_flag_filter": {"flags": plan.filter.flags}}
    return spelled


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
