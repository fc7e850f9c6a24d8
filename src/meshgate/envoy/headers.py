"""Header operations, in the fields that a route and one destination of it share, and the case of names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from meshgate.envoy.spelling import packed
from meshgate.plan.values import HeaderOperations
from meshgate.proto import v3

_HasHeaders: TypeAlias = "v3.RouteDict | v3.WeightedCluster_ClusterWeightDict"


def fill_headers(spelled: _HasHeaders, headers: HeaderOperations) -> None:
    """Envoy removes first, then takes the additions in order; empty lists are not written."""
    if headers.request_set or headers.request_add:
        spelled["request_headers_to_add"] = _options(headers.request_set, headers.request_add)
    if headers.request_remove:
        spelled["request_headers_to_remove"] = headers.request_remove
    if headers.response_set or headers.response_add:
        spelled["response_headers_to_add"] = _options(headers.response_set, headers.response_add)
    if headers.response_remove:
        spelled["response_headers_to_remove"] = headers.response_remove


def _options(
    overwritten: Iterable[tuple[str, str]], appended: Iterable[tuple[str, str]]
) -> list[v3.HeaderValueOptionDict]:
    made: list[v3.HeaderValueOptionDict] = [
        {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        for key, value in overwritten
    ]
    for key, value in appended:
        made.append({"header": {"key": key, "value": value}, "append_action": "APPEND_IF_EXISTS_OR_ADD"})
    return made


def preserved_case() -> v3.Http1ProtocolOptions_HeaderKeyFormatDict:
    """Names of headers of HTTP/1.1 as they came, instead of in lower case."""
    formatter = packed(v3.PreserveCaseFormatterConfig())
    return {"stateful_formatter": {"name": "preserve_case", "typed_config": formatter}}
