"""Annotations that istiod's webhook refuses on Istio's kinds. istio:pkg/config/validation/validation.go"""

from __future__ import annotations

from typing import Final

from meshgate.api.meta import Meta
from meshgate.api.rules.finding import Finding, Findings, at_key

GATEWAY_SEMANTICS: Final = "internal.istio.io/gateway-semantics"
"""Marks what Istio itself made from an object of the Gateway API; looser rules apply."""

ROUTE_SEMANTICS: Final = "internal.istio.io/route-semantics"
"""The same for what was made from a route of the Gateway API."""

GATEWAY: Final = "gateway"
"""The value of both."""

_RESERVED: Final = (
    "internal.istio.io/parents",
    "internal.istio.io/parent-namespace",
    "internal.istio.io/webhook-always-reject",
)


def annotation_findings(meta: Meta) -> Findings:
    """Annotations that users may not set."""
    for key, _ in meta.annotations:
        if key in _RESERVED:
            yield Finding(at_key("metadata.annotations", key), "this annotation is Istio's own", "leave it out")
        elif key == "istio.io/dry-run":
            yield Finding(at_key("metadata.annotations", key), "only an AuthorizationPolicy has a dry run")
