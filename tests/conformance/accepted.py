"""Differences between Istio's resources and ours that are meant to be, each with its reason; the rest are findings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.conformance.differences import MISSING, Difference, differences
from tests.conformance.transports import comparable_transports

_HTTP_OPTIONS = "typed_extension_protocol_options.envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_LACKING: Mapping[str, str] = {
    "filters": "of Istio's own Envoy build; they exchange metadata for its statistics",
}
_EMPTY = frozenset(
    {"common_lb_config", "routes[].redirect.path_redirect", f"{_HTTP_OPTIONS}.common_http_protocol_options"}
)
"""Istio writes them empty, which is as if they were not there."""
_DEFAULTS: Mapping[str, str] = {
    "load_assignment.endpoints[].lb_endpoints[].load_balancing_weight": "1",
    "load_assignment.endpoints[].load_balancing_weight": "1",
    "load_assignment.endpoints[].locality": "{}",
}
"""What Envoy takes where Istio writes nothing."""


def unexplained(expected: Any, got: Any) -> list[Difference]:
    """The differences that have no reason."""
    pair = comparable_transports(expected), comparable_transports(got)
    return [one for one in differences(*pair) if not _is_explained(one)]


def _is_explained(one: Difference) -> bool:
    if one.got == MISSING:
        return one.path in _LACKING or (one.path in _EMPTY and one.expected in ('""', "{}"))
    return one.expected == MISSING and _DEFAULTS.get(one.path) == one.got
